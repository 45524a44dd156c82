"""Which of OpenCV's ways to a camera is taken on each system."""

from __future__ import annotations

import cv2

BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}
SILENT = 0  # LOG_LEVEL_SILENT


def quiet_opencv() -> None:
    """OpenCV prints warnings of its own about cameras and pictures; ours say what to do."""
    if older := getattr(cv2, "setLogLevel", None):  # OpenCV 4
        older(SILENT)
    else:
        cv2.utils.logging.setLogLevel(SILENT)
