"""Commands typed alone, as from a friend's note: each does the obvious or says the one thing that is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import onnx
import pytest
import typer

from rtseg.errors import DataError
from rtseg.models.model import Model
from rtseg_export.checkpoint import SHIPPED, newest_checkpoint
from rtseg_train.cli import app
from tiny_exports import call, tiny_checkpoint, tiny_export, write_frames


def make_run(name: str, written: float) -> Path:
    """A run in runs/ whose weights were written at that time."""
    folder = Path("runs") / name
    shutil.copytree(tiny_checkpoint().parent, folder)
    os.utime(folder / "model.safetensors", (written, written))
    return folder


def train(*words: str) -> None:
    """`rtseg train` and the like in this process; errors come out."""
    typer.main.get_command(app).main(args=list(words), prog_name="rtseg", standalone_mode=False)


def test_export_alone_takes_the_newest_run_and_makes_fp16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    traced = onnx.load(tiny_export("fp32").path)
    monkeypatch.setattr("rtseg_export.export.alpha_graph", lambda net, static: traced)
    frames = write_frames(tmp_path / "frames")
    newest = make_run("new one", written=2e9)
    make_run("a", written=1e9)
    (Path("runs") / "unfinished").mkdir()
    call("--pictures", frames)
    assert Model("tiny-fp16.onnx", provider="cpu").info.precision == "fp16"
    said = capsys.readouterr().out
    assert f"taking {newest}, the newest run, as fp16" in said
    assert f"for a CPU: rtseg export '{newest}' --precision int8" in said


def test_without_a_run_export_takes_what_ships() -> None:
    path, why = newest_checkpoint()
    assert path == SHIPPED and path.is_file() and "ships" in why
    with pytest.raises(DataError, match="no checkpoint"):
        call("runs/mine")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["train"], "rtseg train photos/ --out runs/mine"),
        (["eval"], "which model, .*rtseg eval model.onnx photos/"),
        (["eval", "mine.onnx"], "which labelled pictures.*rtseg eval mine.onnx photos/"),
        (["eval", "photos"], "a model comes first.*rtseg eval model.onnx photos"),
    ],
)
def test_what_is_missing_is_named_with_an_example(words: list[str], answer: str) -> None:
    with pytest.raises((DataError, typer.BadParameter), match=answer):
        train(*words)


def test_the_example_names_the_run_that_is_there() -> None:
    run = make_run("mine", written=1e9)
    with pytest.raises(typer.BadParameter, match=f"rtseg eval {run} photos/"):
        train("eval")
