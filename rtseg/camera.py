"""A camera through OpenCV: asked and got, distinct errors for each way it can fail."""

from __future__ import annotations

import glob
import os
import re
import sys
import time
from collections.abc import Iterator
from threading import Lock, Thread
from types import TracebackType
from typing import Self

import cv2

from rtseg.errors import SourceError
from rtseg.frames import Frame

FIRST_FRAME_TIMEOUT = 5.0  # seconds
CLOSE_TIMEOUT = 1.0  # seconds that closing waits for a read that is under way
DEFAULT_SIZE, DEFAULT_FPS = (1280, 720), 30.0
BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}


def camera_nodes() -> list[int]:
    """Numbers of the cameras that may be there: /dev/video* on Linux; elsewhere 0 if it opens."""
    if sys.platform == "linux":
        numbers = [re.fullmatch(r"/dev/video(\d+)", path) for path in glob.glob("/dev/video*")]
        return sorted(int(m.group(1)) for m in numbers if m)
    quiet_opencv()
    capture = cv2.VideoCapture(0, BACKENDS.get(sys.platform, cv2.CAP_ANY))
    opened = capture.isOpened()
    capture.release()
    return [0] if opened else []


class Camera:
    """A camera by number or /dev path.

    Asks for MJPG first, then size, then fps: raw YUYV gives 5-10 fps at 720p on most webcams.
    Raises SourceError when it is not there, not permitted, busy, or gives no frame within 5 s.
    """

    live = True
    count: int | None = None
    remark: str | None = None

    def __init__(self, device: int | str, *, size: tuple[int, int] | None = None, fps: float | None = None) -> None:
        self.name = f"camera {device}"
        self._check(device)
        quiet_opencv()
        asked = (*(size or DEFAULT_SIZE), fps or DEFAULT_FPS)
        self._error: BaseException | None = None
        self._reading, self._closed = Lock(), False
        # Opening and the first read can block for many seconds on a device that nobody feeds.
        opener = Thread(target=self._open, args=(device, asked), name="camera", daemon=True)
        opener.start()
        opener.join(FIRST_FRAME_TIMEOUT)
        if opener.is_alive():
            raise SourceError(f"{self.name} opened but gave no frame within {FIRST_FRAME_TIMEOUT:g} s; replug it")
        if self._error:
            raise self._error
        got = (self.width, self.height, self.fps, self.fourcc)
        self.report = "{}: asked {}x{}@{:g} MJPG, got {}x{}@{:g} {}".format(self.name, *asked, *got)

    def _check(self, device: int | str) -> None:
        """Tell a missing device from a forbidden one before OpenCV says the same of both."""
        if sys.platform != "linux":
            return
        path = f"/dev/video{device}" if isinstance(device, int) else device
        if not os.path.exists(path):
            there = ", ".join(map(str, camera_nodes())) or "none"
            raise SourceError(f"{self.name} is not there ({path} is missing; cameras found: {there})")
        if not os.access(path, os.R_OK | os.W_OK):
            raise SourceError(f"no permission for {path}; add yourself to its group: sudo usermod -aG video $USER")

    def _open(self, device: int | str, asked: tuple[int, int, float]) -> None:
        try:
            capture = cv2.VideoCapture(device, BACKENDS.get(sys.platform, cv2.CAP_ANY))
            if not capture.isOpened():
                raise SourceError(f"{self.name} can't be opened: another program uses it, or it is no camera")
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, asked[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, asked[1])
            capture.set(cv2.CAP_PROP_FPS, asked[2])
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            ok, image = capture.read()
            if not ok:
                raise SourceError(f"{self.name} opened but gives no frames; is it in use by another program?")
            self.height, self.width = image.shape[:2]
            self.fps = capture.get(cv2.CAP_PROP_FPS) or asked[2]
            code = int(capture.get(cv2.CAP_PROP_FOURCC))
            self.fourcc = code.to_bytes(4, "little").decode("ascii", "replace").strip("\0") or "unknown format"
            self._capture = capture
        except Exception as e:
            self._error = e

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            with self._reading:
                if self._closed:
                    return
                ok, image = self._capture.read()
            if not ok:
                raise SourceError(f"{self.name} stopped giving frames after {index}; was it unplugged?")
            yield Frame(image, time.monotonic(), index)  # type: ignore[arg-type]
            index += 1

    def close(self) -> None:
        """Let go of it; a read that hangs in another thread keeps it until the process ends."""
        self._closed = True
        if self._reading.acquire(timeout=CLOSE_TIMEOUT):
            self._capture.release()
            self._reading.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def quiet_opencv() -> None:
    """OpenCV prints warnings of its own about cameras; ours say what to do."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
