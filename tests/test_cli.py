"""The tool from outside, as a process: what it prints, how it exits, what it leaves behind."""

import contextlib
import fcntl
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer

from conftest import COUNT, read_clip, write_clip
from rtseg.backgrounds.background import load_background
from rtseg.cli import app
from rtseg.commands.forwarded import MODULES, group
from rtseg.files import ASSETS
from rtseg.pixels.geometry import cover
from servers import feed_pipe, mjpeg_server

ROOT = Path(__file__).parent.parent


def environment(**more: str) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    paths = os.pathsep.join(str(ROOT / p) for p in (".", "train", "export"))
    return keep | {"PYTHONPATH": paths, "COLUMNS": "200"} | more


def rtseg(*arguments: str, code: int = 0) -> str:
    """Run the tool in the working directory; its output (both streams)."""
    done = subprocess.run(
        [sys.executable, "-m", "rtseg", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def no_cameras() -> bool:
    return not list(Path("/dev").glob("video*"))


@pytest.mark.parametrize(
    "command", [[], ["cam"], ["apply"], ["bench"], ["doctor"], ["cameras"], ["train"], ["eval"], ["export"]]
)
def test_help(command: list[str]) -> None:
    assert "Usage: rtseg" in rtseg(*command, "--help").replace("python -m rtseg", "rtseg")


def test_without_a_command_it_shows_its_help() -> None:
    assert "Usage: rtseg" in rtseg(code=2).replace("python -m rtseg", "rtseg")


def test_version() -> None:
    assert re.fullmatch(r"rtseg \d+\.\d+\.\d+\S*\n", rtseg("--version"))


@pytest.mark.parametrize(
    "call",
    [
        ["--help"],
        ["cam", "--source", "clip.mp4", "--bg", "#00ff00", "--out", "x.mp4"],
        ["bench", "--sizes", "480p", "--frames", "5"],
        ["apply", "clip.mp4", "--out", "alpha.mp4", "--emit", "alpha"],
    ],
)
@pytest.mark.usefixtures("clip")
def test_the_runtime_never_imports_torch(call: list[str]) -> None:
    program = "import sys; sys.argv[1:] = {!r}\nfrom rtseg.cli import main\ntry:\n    main()\nexcept SystemExit as e:\n"
    program += "    assert not e.code, e.code\nassert not {{'torch', 'onnx', 'matplotlib'}} & set(sys.modules)"
    subprocess.run(
        [sys.executable, "-c", program.format(call)], env=environment(), check=True, capture_output=True, timeout=300
    )


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv[1:] = ['--help']\nfrom rtseg.cli import main\ntry:\n    main()\nexcept SystemExit:\n"
    )
    program += "    print(sorted({'numpy', 'cv2', 'onnxruntime', 'numba', 'av'} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), check=True, capture_output=True, text=True
    )
    assert done.stderr.strip() == "[]"


def test_onnxruntime_notes_nothing_about_the_user(tmp_path: Path) -> None:
    """Its wheels leave a device's number and a queue of events in the user's cache as soon as they are imported."""
    home = tmp_path / "home"
    home.mkdir()
    program = "import rtseg.models.session, rtseg_export.export, rtseg_train.evaluate"
    places = environment(HOME=str(home), XDG_CACHE_HOME=str(home / "cache"))
    places.pop("ORT_DISABLE_TELEMETRY", None)  # from these tests, which import rtseg too
    subprocess.run([sys.executable, "-c", program], env=places, check=True, timeout=120)
    assert not [p for p in home.rglob("*") if "icrosoft" in str(p)]


@pytest.mark.skipif(not no_cameras(), reason="this machine has a camera, which plain `rtseg cam` would take")
def test_main_job_without_camera_and_display() -> None:
    said = rtseg("cam", "--bg", "beach.jpg")
    assert "no camera found" in said and "no display" in said and "rtseg-demo.mp4" in said and "CPU" in said
    frames, times = read_clip(Path("rtseg-demo.mp4"))
    assert len(frames) == 242
    assert times[-1] == pytest.approx(241 / 30, abs=0.01)
    beach = cover(load_background("beach.jpg"), 640, 360).astype(int)
    room, _ = read_clip(ASSETS / "demo.mp4")
    for index, frame in enumerate(frames):  # from the first frame on: the beach, not the room
        corner = (slice(0, 120), slice(0, 140))
        to_beach, to_room = (
            np.abs(frame[corner].astype(int) - x[corner]).mean() for x in (beach, room[index].astype(int))
        )
        assert to_beach < 6 < 30 < to_room, index
        assert np.abs(frame[210:250, 290:320].astype(int) - room[index][210:250, 290:320]).mean() < 12, index


def test_file_in_file_out_keeps_every_frame(clip: Path) -> None:
    said = rtseg("cam", "--source", "clip.mp4", "--bg", "#00ff00", "--out", "out.mkv", "--no-window")
    assert f"{COUNT} frames" in said and "out.mkv" in said
    assert len(read_clip(Path("out.mkv"))[0]) == COUNT


def test_a_file_without_a_name_of_its_own_replaces_nothing(clip: Path) -> None:
    Path("rtseg-clip.mp4").write_text("mine")
    rtseg("cam", "--source", "clip.mp4", "--bg", "#00ff00", "--no-window")
    assert Path("rtseg-clip.mp4").read_text() == "mine" and len(read_clip(Path("rtseg-clip-2.mp4"))[0]) == COUNT


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["cam", "--source", "clip.mp4", "--out", ""], "--out"),
        (["apply", "clip.mp4", "--out", "out.mp4", "--bg="], "--bg"),
        (["apply", "", "--out", "out.mp4"], "an argument"),
        (["train", "", "--check"], "an argument"),
        (["train", ".", "--check", "--out", ""], "--out"),
        (["tune", "clip.mp4", "--out", ""], "--out"),
        (["export", "fast.safetensors", "--out="], "--out"),
        (["eval", "fast", ".", "--json", ""], "--json"),
    ],
)
def test_an_empty_option_is_no_name(clip: Path, command: list[str], option: str) -> None:
    """As from a shell's variable that is not set. Path("") would be the working folder, for --bg all that is in it."""
    assert rtseg(*command, code=2) == f"error: {option} is empty; is it from a variable that is not set?\n"
    assert [p.name for p in Path().iterdir()] == ["clip.mp4"]


def test_named_pipe(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    data = write_clip(tmp_path / "clip.mkv", small_frames, [i / 30 for i in range(COUNT)]).read_bytes()
    os.mkfifo("pipe")
    feed_pipe(Path("pipe"), data)
    rtseg("cam", "--source", "pipe", "--bg", "#00ff00", "--out", "out.mp4")
    assert len(read_clip(Path("out.mp4"))[0]) == COUNT


def test_stream_that_ends_is_recorded(small_frames: list[np.ndarray]) -> None:
    with mjpeg_server(small_frames, count=90) as url:
        said = rtseg("cam", "--source", url, "--bg", "#00ff00", "--out", "out.mp4")
    assert "latency" in said
    frames, _ = read_clip(Path("out.mp4"))
    assert len(frames) >= 2
    for frame in frames:  # no frame of the room, not even the first
        assert np.abs(frame[:40, :60].astype(int) - (0, 255, 0)).mean() < 12


# A shell ignores SIGINT in what it starts in the background, nohup SIGHUP, and children, tests too, inherit that.
LISTENING = [
    sys.executable,
    "-c",
    """import signal, rtseg.cli
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
rtseg.cli.main()""",
]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_kill_and_a_closed_terminal_finish_the_recording(
    small_frames: list[np.ndarray], number: signal.Signals
) -> None:
    with mjpeg_server(small_frames) as url:
        command = [*LISTENING, "cam", "--source", url, "--bg", "#00ff00", "--out", "out.mp4"]
        process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        deadline = time.monotonic() + 60
        while not (Path("out.partial.mp4").exists() and Path("out.partial.mp4").stat().st_size):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(2)
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert len(read_clip(Path("out.mp4"))[0]) > 2
    assert list(Path().glob(".*")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_file_that_is_stopped_leaves_nothing_behind(number: signal.Signals) -> None:
    """What can be done again is not worth keeping: the old file is."""
    Path("out.mp4").write_text("old")
    Path("in").mkdir()
    long = write_clip(Path("in/long.mkv"), [np.zeros((48, 64, 3), np.uint8)] * 5000, [i / 30 for i in range(5000)])
    command = [*LISTENING, "apply", str(long), "--out", "out.mp4", "--bg", "#00ff00"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list(Path().iterdir())) == 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert number == signal.SIGHUP or "stopped" in said
    assert sorted(p.name for p in Path().iterdir()) == ["in", "out.mp4"] and Path("out.mp4").read_text() == "old"


def test_a_terminal_that_is_closed_loses_no_recording(small_frames: list[np.ndarray]) -> None:
    """Whatever is printed to it from then on fails."""
    with mjpeg_server(small_frames) as url:
        command = [*LISTENING, "cam", "--source", url, "--bg", "#00ff00", "--out", "out.mp4"]
        ours, terminal = os.openpty()
        start = {"stdin": terminal, "stdout": terminal, "stderr": terminal, "start_new_session": True}
        process = subprocess.Popen(
            command, env=environment(), preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **start
        )
        os.close(terminal)
        deadline = time.monotonic() + 60
        while not (Path("out.partial.mp4").exists() and Path("out.partial.mp4").stat().st_size):
            assert process.poll() is None and time.monotonic() < deadline
            if select.select([ours], [], [], 0.1)[0]:
                os.read(ours, 4096)
        time.sleep(1)
        os.close(ours)
        assert process.wait(60) == 0
    assert len(read_clip(Path("out.mp4"))[0]) > 2


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
    (tmp_path / "foreign.onnx").write_bytes(make_model(metadata={}).read_bytes())
    (tmp_path / "nan.onnx").write_bytes(make_model("nan").read_bytes())
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    said = rtseg(*arguments, code=1)
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and words in lines[0], said
    assert "Traceback" not in said
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_cuda_without_gpu_is_refused() -> None:
    from rtseg.models.providers import cuda_problem

    if cuda_problem() is None:
        pytest.skip("CUDA works on this machine")
    assert "error: --provider cuda: " in rtseg("cam", "--source", "demo", "--provider", "cuda", code=1)


USAGE = [
    (["nonsense"], "nonsense"),
    (["cam", "--nonsense"], "--nonsense"),
    (["cam", "--provider", "cudaa"], "one of auto, cuda, cpu; did you mean cuda?"),
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


def helps() -> list[tuple[str, list[str]]]:
    """Each command with all that its help should show: every option's name, and its words in brackets."""
    found = []
    own: Any = typer.main.get_command(app)
    for name in own.commands:
        command: Any = group(name).commands[name] if name in MODULES else own.commands[name]
        options = [p for p in command.params if p.opts[0].startswith("--") and not p.hidden]
        brackets = [words for p in options for words in re.findall(r"\[[^\]]+\]", p.help or "")]
        found.append((name, [*(word for p in options for word in p.opts + p.secondary_opts), *brackets]))
    return found


@pytest.mark.parametrize(("command", "words"), helps(), ids=[name for name, _ in helps()])
def test_help_is_whole_in_80_columns(monkeypatch: pytest.MonkeyPatch, command: str, words: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["rtseg", command, "--help"])
    said = io.StringIO()
    with pytest.raises(SystemExit), contextlib.redirect_stdout(said):
        app()
    lines = said.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = "".join(said.getvalue().split())  # a line may end at any space, or behind a hyphen
    assert [word for word in words if "".join(word.split()) not in text] == []


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


def test_bench_writes_json() -> None:
    said = rtseg("bench", "--sizes", "480p", "--frames", "5", "--json", "bench.json")
    assert "whole" in said and "480p, auto: " in said
    report = json.loads(Path("bench.json").read_text())
    assert {(r["size"], r["effect"]) for r in report["results"]} == {("480p", "picture"), ("480p", "blur")}
    for result in report["results"]:
        assert 0 < result["median_ms"] <= result["p95_ms"]
        assert set(result["stages"]) == {"resize", "infer", "matte", "room", "blend"}
    assert (
        report["provider"] in ("cpu", "cuda") and report["versions"]["numpy"] and report["model"]["name"] == "balanced"
    )
    assert report["auto"]["480p"]["model"] in ("quality", "balanced", "fast")


def test_apply_a_folder_of_pictures(tmp_path: Path, demo_frames: list[np.ndarray]) -> None:
    (tmp_path / "in").mkdir()
    for name in ("one.png", "two.jpg"):
        cv2.imwrite(str(tmp_path / "in" / name), demo_frames[0])
    rtseg("apply", "in", "--out", "out", "--emit", "alpha")
    for name in ("one.png", "two.png"):
        alpha = cv2.imread(str(tmp_path / "out" / name), cv2.IMREAD_UNCHANGED)
        assert alpha.shape == (360, 640) and alpha.dtype == np.uint8
        assert alpha[230, 300] == 255 and alpha[30, 30] == 0
