"""The real frames that a parity check runs on: the bundled demo clip, or a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import DataError, ExportError
from rtseg.model import ASSETS
from rtseg_train.data import list_images, read_image

U8 = NDArray[np.uint8]
DEMO = ASSETS / "demo.mp4"
COUNT = 12  # frames; a check at three sizes takes a few seconds


def demo_frames(clip: Path = DEMO, count: int = COUNT) -> list[U8]:
    """`count` frames, uint8 HxWx3 BGR, spread over a clip; raises ExportError when it can't be read."""
    video = cv2.VideoCapture(str(clip))
    try:
        frames = []
        while True:
            good, frame = video.read()
            if not good:
                break
            frames.append(frame.astype(np.uint8, copy=False))
    finally:
        video.release()
    if not frames:
        raise ExportError(f"cannot read the clip {clip} for the parity check; give a folder of pictures with --frames")
    return [frames[i] for i in spread(len(frames), count)]


def folder_frames(folder: Path, count: int = COUNT) -> list[U8]:
    """Up to `count` pictures, uint8 HxWx3 BGR, spread over a folder; raises ExportError or DataError."""
    if not folder.is_dir():
        raise ExportError(f"--frames {folder} is not a folder")
    paths = list_images(folder)
    if not paths:
        raise ExportError(f"--frames {folder} has no pictures in it")
    try:
        return [read_image(paths[i]) for i in spread(len(paths), count)]
    except DataError as e:
        raise ExportError(f"--frames: {e}") from e


def spread(total: int, count: int) -> list[int]:
    """At most `count` indices, evenly over range(total)."""
    return [round(i) for i in np.linspace(0, total - 1, min(total, count))]
