"""The preview window: composite, fps overlay, keys."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import OutputError

TITLE = "rtseg"
QUIT_KEYS = (ord("q"), ord("Q"), 27)  # 27: Esc
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
    return f"the display can't be used (DISPLAY={os.environ.get('DISPLAY', '')})"


class Window:
    """A resizable window. `mirror` flips what is shown, never what is written anywhere else."""

    def __init__(self, width: int, height: int, *, mirror: bool = False) -> None:
        problem = display_problem()
        if problem:
            raise OutputError(f"no window: {problem}; use --no-window")
        self.mirror = mirror
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(TITLE, width, height)

    def show(self, frame_bgr: NDArray[np.uint8], overlay: str) -> bool:
        """Draw a frame (uint8 HxWx3 BGR) with a line of text; False once the user wants to quit."""
        shown = cv2.flip(frame_bgr, 1) if self.mirror else frame_bgr.copy()
        scale = max(0.8, shown.shape[0] / 720)
        for shift, colour in ((2, (0, 0, 0)), (0, (255, 255, 255))):  # a shadow keeps it readable on white
            place = (round(12 * scale) + shift, round(28 * scale) + shift)
            cv2.putText(shown, overlay, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7 * scale, colour, 2, cv2.LINE_AA)
        cv2.imshow(TITLE, shown)
        return self.poll()

    def poll(self) -> bool:
        """Handle keys and the close button; False once the user wants to quit."""
        key = cv2.waitKey(1) & 0xFF
        return key not in QUIT_KEYS and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        cv2.destroyAllWindows()
