"""Which of OpenCV's ways to a camera is taken on each system."""

from __future__ import annotations

import cv2

BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}


def quiet_opencv() -> None:
    """OpenCV prints warnings of its own about cameras; ours say what to do."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
