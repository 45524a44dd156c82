"""Wrong words and files on the command line: one clear message, the right exit, nothing left behind."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rtseg.cli import app
from test_cli import environment, rtseg

WRONG: list[tuple[list[str], str]] = [
    (["cam", "--source", "demo", "--bg", "missing.jpg"], "missing.jpg"),
    (["cam", "--source", "demo", "--bg", "text.jpg"], "not a picture"),
    (["cam", "--source", "empty.mp4"], "empty"),
    (["cam", "--source", "text.jpg"], "text.jpg"),
    (["cam", "--source", "nothere.mp4"], "No such file"),
    (["cam", "--source", "97"], "camera 97 is not there"),
    (["cam", "--source", "http://127.0.0.1:9/stream"], "refused"),
    (["cam", "--source", "demo", "--model", "text.jpg"], "not a readable ONNX"),
    (["cam", "--source", "demo", "--model", "foreign.onnx"], "not an rtseg model"),
    (
        ["cam", "--source", "demo", "--model", "nothere"],
        "no such file. Give an .onnx file or one of: quality, balanced",
    ),
    (["cam", "--source", "demo", "--model", "https://me:secret@host/m.onnx"], "model https://me:***@host/m.onnx is an"),
    (["cam", "--source", "demo", "--out", "here/"], "output here is a folder; give a file name"),
    (["apply", "text.jpg", "--out", "y.png", "--model", "qualty"], "did you mean quality?"),
    (["bench", "--model", "atuo"], "did you mean auto?"),
    (["cam", "--source", "demo", "--out", "no/out.mp4"], "does not exist"),
    (["cam", "--source", "demo", "--model", "nan.onnx"], "not finite"),
    (["apply", "nothere", "--out", "x.png"], "no such file"),
    (["apply", "text.jpg", "--out", "x.png"], "not a picture"),
    (["doctor", "--json", "."], "is a folder"),
    (["bench", "--json", "no/x.json"], "does not exist"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_wrong_input_is_one_clear_message(
    tmp_path: Path, make_model: Callable[..., Path], arguments: list[str], words: str
) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "here").mkdir()
    (tmp_path / "foreign.onnx").write_bytes(make_model(metadata={}).read_bytes())
    (tmp_path / "nan.onnx").write_bytes(make_model("nan").read_bytes())
    before = {p: p.is_file() and p.read_bytes() for p in tmp_path.iterdir()}
    said = rtseg(*arguments, code=1)
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and words in lines[0], said
    assert "Traceback" not in said
    assert {p: p.is_file() and p.read_bytes() for p in tmp_path.iterdir()} == before


def test_cuda_without_gpu_is_refused() -> None:
    from rtseg.models.providers import cuda_problem

    if cuda_problem() is None:
        pytest.skip("CUDA works on this machine")
    assert "error: --provider cuda: " in rtseg("cam", "--source", "demo", "--provider", "cuda", code=1)


USAGE = [
    (["nonsense"], "nonsense"),
    (["cam", "--nonsense"], "--nonsense"),
    (["cam", "--provider", "cudaa"], "one of auto, cuda, cpu; did you mean cuda?"),
    (["cam", "--bg"], "requires an argument. A colour is given in quotes, '#ff0000': to a shell # begins a comment."),
    (["cam", "--blur"], "requires an argument.\n"),
    (["cam", "--size", "12"], "WIDTHxHEIGHT"),
    (["cam", "--blur", "0"], "--blur"),
    (["cam", "--blur", "nan"], "--blur"),
    (["cam", "--threads", "0"], "--threads"),
    (["cam", "--target-fps", "nan"], "--target-fps"),
    (["apply", "x", "--out", "y", "--emit", "alhpa"], "did you mean alpha?"),
    (["apply", "x", "--out", "y", "--raw", "big"], "WIDTHxHEIGHT"),
    (["bench", "--sizes", "480p,720"], "did you mean 720p?"),
    (["eval", "x.onnx", "y", "--provider", "tpu"], "one of auto, cuda, cpu"),
    (["train", "x", "--arch", "balancd"], "did you mean balanced?"),
    (["train", "x", "--preset", "other"], "one of article"),
]


@pytest.mark.parametrize(("arguments", "words"), USAGE)
def test_usage_errors_exit_with_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["rtseg", *arguments])
    said = io.StringIO()
    with pytest.raises(SystemExit) as e, contextlib.redirect_stderr(said):
        app()
    assert e.value.code == 2 and words in said.getvalue()
    assert os.listdir() == []


def test_usage_errors_of_the_process() -> None:
    assert "auto, cuda, cpu" in rtseg("cam", "--provider", "tpu", code=2)


def test_completion_that_cannot_be_installed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program = "import sys, pathlib; sys.argv[1:] = ['--install-completion']\n"
    program += "from rtseg.cli import main\nmain()"
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1"; exit $?', sys.executable, program],  # typer asks which shell has started it
        env=environment(HOME=str(tmp_path / "file")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "--show-completion" in done.stderr and "bug" not in done.stderr, done.stderr


def test_traceback_only_with_debug() -> None:
    assert "Traceback" in rtseg("cam", "--source", "nothere.mp4", "--debug", code=1)


def test_missing_extra_is_named() -> None:
    program = "import sys; sys.modules['torch'] = None; sys.argv[1:] = ['train', 'list.csv']\n"
    program += "from rtseg.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "pip install 'rtseg[train]'" in done.stderr
