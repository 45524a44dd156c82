"""Recording by the tool as a process: files, pipes and streams, and however it is stopped."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest

from conftest import COUNT, read_clip, write_clip
from servers import feed_pipe, mjpeg_server
from test_cli import environment, rtseg


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
