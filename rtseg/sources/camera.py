"""A camera through OpenCV: asked and got, distinct errors for each way it can fail."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import cv2

from rtseg.closing import Closing
from rtseg.errors import SourceError
from rtseg.frames import Frame
from rtseg.sources.backends import BACKENDS, quiet_opencv
from rtseg.sources.cameras import cause, how_to_check, list_cameras, listed, no_permission

FIRST_FRAME_TIMEOUT = 5.0  # seconds
CLOSE_TIMEOUT = 1.0  # seconds that closing waits for a read that is under way
MEASURE_AFTER = 1.0  # seconds of frames after which the real rate counts as known
SLOW = 0.7  # share of the promised rate below which the user should know
VIDEO = 81  # the major number that Linux gives to video devices and to nothing else
DEFAULT_SIZE, DEFAULT_FPS = (1280, 720), 30.0


class Camera(Closing):
    """A camera by number or /dev path.

    Asks for MJPG first, then size, then fps: raw YUYV gives 5-10 fps at 720p on most webcams.
    Raises SourceError when it is not there, not permitted, busy, no camera, or gives no frame within 5 s.
    """

    live = True
    count: int | None = None

    def __init__(self, device: int | str, *, size: tuple[int, int] | None = None, fps: float | None = None) -> None:
        self.name = f"camera {device}"
        self.path = f"/dev/video{device}" if isinstance(device, int) else device
        self._check()
        quiet_opencv()
        asked = (*(size or DEFAULT_SIZE), fps or DEFAULT_FPS)
        self._error: SourceError | None = None
        self._reading, self._closed = Lock(), False
        self._capture: Any = None
        self._first: float | None = None  # monotonic seconds of the first frame that was handed out
        self.measured_fps: float | None = None  # known after a second
        # Opening and the first read can block for many seconds on a device that nobody feeds.
        opener = Thread(target=self._open, args=(device, asked), name="camera", daemon=True)
        opener.start()
        opener.join(FIRST_FRAME_TIMEOUT)
        with self._reading:
            late = self._capture is None and self._error is None
            self._closed = late  # tells the opener to let go of the camera, should it get it after all
        if late:
            raise SourceError(f"{self.name} gave no frame within {FIRST_FRAME_TIMEOUT:g} s; {silence(self.path)}")
        if self._error:
            raise self._error
        got = (self.width, self.height, self.fps, self.fourcc)
        self.report = "{}: asked {}x{}@{:g} MJPG, got {}x{}@{:g} {}".format(self.name, *asked, *got)

    def _check(self) -> None:
        """Tell a missing device from a forbidden one before OpenCV says the same of both."""
        if sys.platform != "linux":
            return
        if not os.path.exists(self.path):
            raise SourceError(f"{self.name} is not there ({self.path} is missing; cameras found: {listed()})")
        node = os.stat(self.path)
        if stat.S_ISCHR(node.st_mode) and os.major(node.st_rdev) != VIDEO:
            raise SourceError(f"{self.path} is a device, but no camera; cameras found: {listed()}")
        if not os.access(self.path, os.R_OK | os.W_OK):
            raise SourceError(no_permission(self.path))

    def _open(self, device: int | str, asked: tuple[int, int, float]) -> None:
        capture = cv2.VideoCapture()
        try:
            if not capture.open(device, BACKENDS.get(sys.platform, cv2.CAP_ANY)):
                raise SourceError(f"{self.name} can't be opened: {refusal(self.path)}")
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, asked[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, asked[1])
            capture.set(cv2.CAP_PROP_FPS, asked[2])
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            ok, image = capture.read()
            if not ok:
                capture.release()  # else `refusal` would find it in use, by us
                raise SourceError(f"{self.name} opened but gives no frames: {refusal(self.path)}")
            self.height, self.width = image.shape[:2]
            self.fps = capture.get(cv2.CAP_PROP_FPS) or asked[2]
            code = int(capture.get(cv2.CAP_PROP_FOURCC))
            self.fourcc = code.to_bytes(4, "little").decode("ascii", "replace").strip("\0") or "unknown format"
            with self._reading:
                if not self._closed:
                    self._capture = capture
                    return
        except SourceError as e:
            self._error = e
        except Exception as e:  # a thread's exception would be lost
            self._error = SourceError(f"{self.name} can't be opened: {type(e).__name__}: {e}")
        capture.release()

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            with self._reading:
                if self._closed:
                    return
                ok, image = self._capture.read()
            if not ok:
                raise SourceError(f"{self.name} stopped giving frames after {index}; {self._loss()}")
            now = time.monotonic()
            self._measure(now, index)
            yield Frame(image, now, index)
            index += 1

    def _measure(self, now: float, index: int) -> None:
        if self._first is None:
            self._first = now
        elif now - self._first >= MEASURE_AFTER:
            self.measured_fps = index / (now - self._first)

    @property
    def remark(self) -> str | None:
        """What the user should know once it has been read: that it was slower than it promised."""
        if self.measured_fps is None or self.measured_fps >= SLOW * self.fps:
            return None
        cures = "more light, or a smaller --size"
        return f"{self.name} gave {self.measured_fps:.1f} fps, not the {self.fps:g} it promised; try {cures}"

    def _loss(self) -> str:
        there = sys.platform != "linux" or os.path.exists(self.path)
        return "was it unplugged?" if there else f"it was unplugged ({self.path} is gone)"

    def close(self) -> None:
        """Let go of it; a read that hangs in another thread keeps it until the process ends."""
        self._closed = True
        if self._reading.acquire(timeout=CLOSE_TIMEOUT):
            self._capture.release()
            self._reading.release()


def refusal(path: str, proc: Path = Path("/proc")) -> str:
    """Why a camera that is there won't work, as exactly as can be found out, and what to do."""
    if sys.platform != "linux":
        return f"another program uses it, or it is not permitted; {how_to_check()}"
    from rtseg.sources import v4l2

    users = ", ".join(v4l2.holders(path, proc))
    try:
        device = v4l2.probe(path)
        if device.driver == v4l2.LOOPBACK_DRIVER:
            return unfed(users)
        if users:
            return f"it is in use by {users}; close it there"
        if not device.captures:
            return f"{path} is no camera ({device.card} gives no pictures); `rtseg cameras` lists those that are"
        if v4l2.is_busy(path):
            return "it is in use by another user's program; close it there"
    except OSError as e:
        return f"it is in use by {users}; close it there" if users else cause(e, path)
    return "its driver gives no reason; replug it"


def unfed(users: str) -> str:
    """Why a virtual camera gives nothing. users: the programs that have it open."""
    if users:
        return f"no pictures come into this virtual camera, though {users} has it open; start them there"
    return "no program feeds this virtual camera; start one first"


def silence(path: str) -> str:
    """What to do about a camera that opened and gives nothing."""
    if sys.platform != "linux":
        return how_to_check()
    if any(c.virtual and c.path == path for c in list_cameras()):
        return unfed("")
    return "replug it, or close what else uses it"
