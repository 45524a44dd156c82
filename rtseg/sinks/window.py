"""The preview window: pictures in, keys out."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from types import TracebackType
from typing import Self

import cv2

from rtseg.arrays import U8

TITLE = "rtseg"
ESCAPE = 27
LARGEST = (1280, 720)  # pixels, as a window opens
SMALLEST = 360  # lines of a preview; smaller pictures are enlarged, or the text would not be readable
PROBE = "import cv2; cv2.namedWindow('rtseg'); cv2.waitKey(1); cv2.destroyAllWindows()"
PROBE_TIMEOUT = 20.0  # seconds


def display_problem() -> str | None:
    """Why no window can be opened here, or None.

    OpenCV aborts the whole process when the display can't be used, so another process tries first.
    """
    if sys.platform not in ("win32", "darwin") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    try:
        probe = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, timeout=PROBE_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"the display does not answer (waited {PROBE_TIMEOUT:g} s)"
    if probe.returncode == 0:
        return None
    if b"not implemented" in probe.stderr:
        both = "opencv-python-headless opencv-python"
        return f"this OpenCV has no windows; pip uninstall -y {both} && pip install opencv-python"
    if not os.environ.get("DISPLAY"):
        return "OpenCV's windows need X11, and here is Wayland alone; start XWayland"
    return f"the display can't be used (DISPLAY={os.environ.get('DISPLAY', '')})"


def window_size(width: int, height: int) -> tuple[int, int]:
    """How large the window opens for pictures of this size: their shape, on any screen, with text that can be read."""
    scale = max(min(1.0, LARGEST[0] / width, LARGEST[1] / height), SMALLEST / height)
    return round(width * scale), round(height * scale)


def share_events() -> None:
    """Load the system's libX11-xcb ahead of the one in OpenCV's wheel; before the first window.

    The wheel brings libX11-xcb but not libX11, and Xlib's inner layout was changed in between: the wheel's
    XSetEventQueueOwner, which tells Xlib to leave events to Qt, writes beside its mark. Xlib then takes events from
    Qt as a window opens, and a window whose MapNotify or Expose is among them is never painted.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # where the system has none, there is nothing better than the wheel's
            ctypes.CDLL("libX11-xcb.so.1", ctypes.RTLD_GLOBAL)


class Window:
    """A resizable window, for pictures of width x height. Look for a `display_problem` first: OpenCV would abort."""

    def __init__(self, width: int, height: int) -> None:
        share_events()
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(TITLE, *window_size(width, height))

    def draw(self, picture_bgr: U8) -> None:
        """Put a picture (uint8 HxWx3 BGR) in the window as it is; seen with the next `key`."""
        cv2.imshow(TITLE, picture_bgr)

    def key(self) -> int | None:
        """Handle what happened to the window: the code of a key that was pressed, ESCAPE if it was closed, or None."""
        code = cv2.waitKeyEx(1)
        try:
            closed = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # Qt has nothing left to ask once its last window is closed
            closed = True
        if closed:
            return ESCAPE
        # The upper half holds Shift and the like. Without `Ex` the arrow to the left (0xff51) would be a Q (0x51).
        key = code & 0xFFFF
        return key if 0 < key < 128 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        cv2.destroyAllWindows()
