"""A real window on a virtual X display: what it shows, `q`, mirror; and no display at all."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.window import display_problem
from test_cli import environment, rtseg

ROOT = Path(__file__).parent.parent
NEEDED = ("Xvfb", "xdotool", "xwd")
WHY = "needs {} to make a display (apt: xvfb xdotool x11-apps)"
missing = [tool for tool in NEEDED if not shutil.which(tool)]
needs_tools = pytest.mark.skipif(bool(missing), reason=WHY.format(", ".join(missing)))


@pytest.fixture
def display() -> Iterator[str]:
    """A virtual screen of 800x600; its DISPLAY."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as f:
        number = f.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(10)


def screenshot(display: str) -> np.ndarray:
    """The whole screen, uint8 600x800x3 BGR, from xwd's raw dump."""
    dump = b""
    while not dump:  # xwd fails while windows come and go
        dump = subprocess.run(["xwd", "-root", "-silent", "-display", display], capture_output=True, check=False).stdout
    header = np.frombuffer(dump[:100], ">u4")
    width, height, bits, stride = header[4], header[5], header[11], header[12]
    rows = np.frombuffer(dump[header[0] + 12 * header[19] :], np.uint8)[: height * stride].reshape(height, stride)
    return rows[:, : width * (bits // 8)].reshape(height, width, bits // 8)[..., :3]


def xdotool(display: str, *words: str) -> None:
    subprocess.run(["xdotool", *words], env=environment(DISPLAY=display), check=True, capture_output=True)


def start(display: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rtseg", "cam", *arguments]
    process = subprocess.Popen(
        command, env=environment(DISPLAY=display), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if screenshot(display).any():
            return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError(process.communicate(timeout=5)[0])


@pytest.fixture
def still(tmp_path: Path, demo_frames: list[np.ndarray]) -> str:
    """Five minutes of one frame with the person at its left, so that a slow machine has time to look."""
    from conftest import write_clip

    return str(
        write_clip(tmp_path / "still.mkv", [demo_frames[0][:, 180:].copy()] * 300, [float(i) for i in range(300)])
    )


@pytest.mark.parametrize("mirror", [False, True], ids=["plain", "mirror"])
@pytest.mark.display
@needs_tools
def test_window_shows_the_person_without_the_room(
    display: str, still: str, mirror: bool, demo_frames: list[np.ndarray]
) -> None:
    process = start(display, "--source", still, "--bg", "#00ff00", *(["--mirror"] if mirror else []))
    deadline = time.monotonic() + 60
    jumper = np.array([20, 150, 210])  # BGR, orange
    while True:
        screen = screenshot(display).astype(int)
        orange = np.abs(screen - jumper).max(-1) < 60
        if orange.sum() > 5000 or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if kept := os.environ.get("RTSEG_TEST_PICTURES"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(Path(kept) / f"window-{'mirror' if mirror else 'plain'}.png"), screen.astype(np.uint8))
    assert orange.sum() > 5000
    green = np.abs(screen - (0, 255, 0)).max(-1) < 40
    assert green.sum() > 50_000
    left_of_centre = np.nonzero(orange)[1].mean() < np.nonzero(green | orange)[1].mean()
    assert left_of_centre != mirror

    xdotool(display, "search", "--name", "^rtseg$", "windowfocus", "key", "q")
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "frames in" in said, said


@pytest.mark.display
@needs_tools
def test_a_display_that_works_is_no_problem(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display)
    assert display_problem() is None


def test_no_display_is_named() -> None:
    assert "DISPLAY" in (display_problem() or "")


def test_dead_display_is_no_crash(monkeypatch: pytest.MonkeyPatch, clip: Path) -> None:
    monkeypatch.setenv("DISPLAY", ":9876")
    assert "can't be used" in (display_problem() or "")
    done = subprocess.run(
        [sys.executable, "-m", "rtseg", "cam", "--source", str(clip), "--out", "o.mp4"],
        env=environment(DISPLAY=":9876"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and "can't be used" in done.stdout and Path("o.mp4").exists(), done.stderr


def test_without_a_display_a_file_is_written(clip: Path) -> None:
    assert "rtseg-clip.mp4" in rtseg("cam", "--source", str(clip))
    assert Path("rtseg-clip.mp4").exists()
