"""A camera's ways to fail and what it says. OpenCV opens clips, pipes and text in the camera's place."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from conftest import COUNT
from rtseg.errors import SourceError
from rtseg.sources import camera, v4l2
from rtseg.sources.camera import Camera
from rtseg.sources.opening import open_source


@pytest.fixture(autouse=True)
def any_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """V4L2 refuses what is no device; OpenCV's other ways take a file."""
    monkeypatch.setattr(camera, "BACKENDS", {sys.platform: cv2.CAP_ANY})


def test_asked_and_got_in_one_line(clip: Path) -> None:
    with Camera(str(clip), size=(640, 480), fps=15) as source:
        assert source.report.startswith(f"camera {clip}: asked 640x480@15 MJPG, got 320x180@30 ")
        with pytest.raises(SourceError, match=f"stopped giving frames after {COUNT - 1}; was it unplugged"):
            assert all(frame.image.shape == (180, 320, 3) for frame in source)


def test_unplugged_is_told_from_silent(clip: Path) -> None:
    with Camera(str(clip)) as source, pytest.raises(SourceError, match="it was unplugged"):
        for _ in source:
            clip.unlink(missing_ok=True)


def test_missing_names_those_that_are_there() -> None:
    with pytest.raises(SourceError, match=r"camera 97 is not there \(/dev/video97 is missing; cameras found: "):
        Camera(97)


def test_what_is_no_camera(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(SourceError, match=r"text can't be opened: .*text is no camera"):
        Camera(str(tmp_path / "text"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such numbers")
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/urandom"])
def test_a_device_that_is_no_camera_is_not_said_to_be_in_use(device: str) -> None:
    with pytest.raises(SourceError, match=f"{device} is a device, but no camera; cameras found: "):
        open_source(device)


def test_busy_names_who_has_it(tmp_path: Path) -> None:
    (tmp_path / "video0").write_text("hello")
    with (tmp_path / "video0").open() as f:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[f.fileno()])
    assert process.stdin
    expected = rf"in use by python\S* \(process {process.pid}\); close it there"
    with process, process.stdin, pytest.raises(SourceError, match=expected):
        Camera(str(tmp_path / "video0"))


def test_virtual_camera_that_nobody_feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node, device = tmp_path / "video0", v4l2.Device(v4l2.LOOPBACK_DRIVER, "rtseg", False, ())
    node.touch()
    monkeypatch.setattr(v4l2, "probe", lambda path: device)
    assert "no program feeds this virtual camera" in camera.refusal(str(node))
    with node.open() as f:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[f.fileno()])
    assert process.stdin
    with process, process.stdin:  # who has it open may be the one that should feed it: never "close it there"
        assert f"process {process.pid}) has it open; start them there" in camera.refusal(str(node))


def test_silent_camera_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "FIRST_FRAME_TIMEOUT", 0.2)
    os.mkfifo(tmp_path / "video0")
    with pytest.raises(SourceError, match=r"gave no frame within 0\.2 s; replug it"):
        Camera(str(tmp_path / "video0"))
    os.close(os.open(tmp_path / "video0", os.O_RDWR | os.O_NONBLOCK))  # lets the thread that waits for it end


def test_slow_camera_is_mentioned(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Camera(str(clip)) as source:
        assert source.remark is None
        clock = iter(range(100))
        monkeypatch.setattr(camera.time, "monotonic", lambda: next(clock) / 10)
        frames = iter(source)
        for _ in range(11):
            next(frames)
        monkeypatch.undo()
        assert source.measured_fps == pytest.approx(10)
        assert "gave 10.0 fps, not the 30 it promised" in (source.remark or "")
