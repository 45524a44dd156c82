"""A virtual camera as output: other programs (Zoom, browsers, OBS) see the composite as a webcam's picture."""

from __future__ import annotations

import contextlib
import importlib
import math
import re
import sys
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np

from rtseg.arrays import U8, u8
from rtseg.closing import Closing
from rtseg.errors import OutputError

SCAN_INTERVAL = 1.0  # seconds between two looks at who reads it
LINGER = 3.0  # seconds that it counts as wanted after its last reader: programs close and open it while they start
CLOSE_TIMEOUT = 2.0  # seconds that closing waits for its threads
PREFIX = "virtual"
CURE = re.compile(r"((?:pip install|sudo) .+)$")  # at the end of a message
OBS = {
    "win32": "install OBS Studio 26 or newer, start it once, and stop its own virtual camera if that runs",
    "darwin": (
        "on macOS 13 or newer install OBS Studio 30 or newer, press Start Virtual Camera there, allow its extension in "
        "System Settings, press Stop Virtual Camera, quit OBS"
    ),
}


def parse_virtual(text: str) -> str | None:
    """What `--out` names: None for no virtual camera; "" for any (`virtual`), else the device (`virtual:/dev/video9`).

    The device can be a path, a number or the camera's name.
    """
    prefix, _, device = text.partition(":")
    return device.strip() if prefix == PREFIX else None


def missing() -> tuple[str, str | None] | None:
    """Why no virtual camera can be opened here, and the command that cures it, as far as can be told; or None.

    It looks only, and opens none.
    """
    try:
        driver()
        if sys.platform == "linux":
            from rtseg.sinks import loopback

            loopback.choose(None)
    except OutputError as e:
        command = CURE.search(str(e))
        return str(e), command[1] if command else None
    return None


class VirtualCamera(Closing):
    """Gives programs that read cameras the newest composite, at a steady rate whatever comes in.

    Black until the first picture; the last one is repeated. A caller without a good picture gives the background
    alone to `hide`. Needs pyvirtualcam (extra vcam) and v4l2loopback on Linux, OBS on Windows and macOS.
    On Linux readers get YUV 4:2:0 (YU12) in this very size, nothing else.

    Args:
        device: path, number or name of the virtual camera; None or "" for the first that is free.
        size: (width, height) of the pictures to come; odd sides grow by one pixel, other sizes are fitted in.
        fps: pictures per second that readers get.

    Raises:
        OutputError: at once, with its cure, when there is no such camera or it can't be used; later when it is lost.
    """

    def __init__(self, device: str | None = None, *, size: tuple[int, int], fps: float) -> None:
        self.fps, self.frames = fps, 0
        self._camera, self.remark = open_camera(device or None, even(size), fps)
        self.device: str = self._camera.device
        self.size: tuple[int, int] = (self._camera.width, self._camera.height)
        self.report = "virtual camera: {}, {}x{} at {:g} fps".format(self.device, *self.size, fps)
        if self.size != size:
            why = "sides must be even" if self.size == even(size) else "a program still reads it in this size"
            self.remark = "the virtual camera has {}x{}, not {}x{}: {}".format(*self.size, *size, why)
        self._closed = False
        self._demand = Demand(self.readers)
        self._sender = Sender(self._camera.send, np.zeros((self.size[1], self.size[0], 3), np.uint8), fps)

    def write(self, picture: U8, time: float) -> None:
        """Show a composite, uint8 HxWx3 BGR, from now on; its time does not matter. Raises OutputError."""
        self.hide(picture)
        self.frames += 1

    def hide(self, background: U8) -> None:
        """Show the background alone: there is no composite. Raises OutputError when the camera is lost."""
        if self._sender.error:
            e = self._sender.error
            raise OutputError(f"virtual camera {self.device} takes no more pictures: {e}") from e
        self._sender.picture = boxed(background, self.size)

    def readers(self) -> list[str] | None:
        """The programs that read it, as `name (process 123)`; None where that can't be told."""
        if sys.platform != "linux":
            return None
        from rtseg.sinks import loopback

        return loopback.readers(self.device) if loopback.readers_known() else None

    def wanted(self) -> bool:
        """Whether the real camera is worth running: somebody reads this one, or that can't be told. Costs nothing."""
        return self._demand.wanted

    def close(self) -> None:
        """Readers get no more pictures."""
        if self._closed:
            return
        self._closed = True
        self._demand.close()
        if not self._sender.close():
            return  # it hangs in the driver: closing under it would crash
        self._camera.close()
        if sys.platform == "linux":
            from rtseg.sinks import loopback

            with contextlib.suppress(OSError):  # unplugged: nothing to leave in order
                loopback.release(self.device)


class Sender:
    """Calls `send` with `picture` at a steady rate in a thread of its own, until it is closed or `send` fails."""

    def __init__(self, send: Callable[[U8], None], picture: U8, fps: float) -> None:
        self.picture = picture
        self.error: Exception | None = None
        self._send, self._interval = send, 1 / fps
        self._closing = Event()
        self._thread = Thread(target=self._run, name="virtual camera", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        try:
            while not self._closing.wait(max(0.0, due - time.monotonic())):
                self._send(self.picture)
                due = next_due(due, time.monotonic(), self._interval)
        except Exception as e:  # told to whoever gives the next picture
            self.error = e

    def close(self) -> bool:
        """End the thread; False if it hangs in `send`."""
        self._closing.set()
        self._thread.join(CLOSE_TIMEOUT)
        return not self._thread.is_alive()


class Demand:
    """Looks every second, in a thread of its own, whether there are readers: /proc is too slow for the loop.

    readers: gives their names, or None when they can't be known; then it is always wanted.
    """

    def __init__(self, readers: Callable[[], list[str] | None], interval: float = SCAN_INTERVAL) -> None:
        self._readers, self._interval = readers, interval
        self._closing = Event()
        names = readers()
        self.wanted = names is None or bool(names)
        self._thread = Thread(target=self._run, name="readers", daemon=True)
        if names is not None:
            self._thread.start()

    def _run(self) -> None:
        last_seen = time.monotonic() if self.wanted else -math.inf
        while not self._closing.wait(self._interval):
            now = time.monotonic()
            last_seen = now if self._readers() else last_seen
            self.wanted = now - last_seen < LINGER

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT)


def next_due(due: float, now: float, interval: float) -> float:
    """When the next picture is due, in seconds: on the beat, or one beat from now if it was missed. No bursts."""
    return due + interval if due + interval > now else now + interval


def boxed(picture: U8, size: tuple[int, int]) -> U8:
    """A copy in `size` (width, height): an odd side grows by one pixel, other sizes are scaled and centred on black."""
    (width, height), (h, w) = size, picture.shape[:2]
    right, below = width - w, height - h
    if right == below == 0:
        return picture.copy()
    if right in (0, 1) and below in (0, 1):
        return u8(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE))
    scale = min(width / w, height / h)
    inner = (min(width, max(1, round(w * scale))), min(height, max(1, round(h * scale))))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    out = np.zeros((height, width, 3), np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=method)
    return out


def even(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height), a pixel more where a side is odd: two by two pixels share their colour."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def driver() -> Any:
    """pyvirtualcam. Raises OutputError where it is not installed."""
    try:
        return importlib.import_module("pyvirtualcam")
    except ImportError as e:
        raise OutputError(f"a virtual camera needs pyvirtualcam ({e}): pip install 'rtseg[vcam]'") from e


def open_camera(device: str | None, size: tuple[int, int], fps: float) -> tuple[Any, str | None]:
    """(a pyvirtualcam.Camera that takes BGR, in another size if readers need that; what the user should know of it).

    Raises OutputError.
    """
    pyvirtualcam, remark = driver(), None
    if sys.platform == "linux":
        from rtseg.sinks import loopback

        device = loopback.choose(device)
        size = loopback.fixed_size(device) or size
        if loopback.shared(device):
            cure = loopback.load_anew(device)
            remark = f"{device} is without exclusive_caps: Chrome, Zoom and Teams won't list it; cure: {cure}"
    try:
        return pyvirtualcam.Camera(*size, fps, fmt=pyvirtualcam.PixelFormat.BGR, device=device), remark
    except RuntimeError as e:
        name = f"virtual camera {device}" if device else "the virtual camera"
        cure = OBS.get(sys.platform, "close what else uses it, or give another device")
        raise OutputError(f"{name} can't be opened: {e}; {cure}") from e
