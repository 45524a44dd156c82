"""The real frames that a parity check runs on: the bundled demo clip, or a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtseg.errors import ExportError
from rtseg.pictures import read_picture
from rtseg.sources import open_source
from rtseg_train.dataset import list_images

U8 = NDArray[np.uint8]
COUNT = 12  # frames; a check at three sizes takes a few seconds


def demo_frames(count: int = COUNT) -> list[U8]:
    """`count` frames, uint8 HxWx3 BGR, spread over the bundled clip."""
    with open_source("demo") as source:
        frames = [frame.image for frame in source]
    return [frames[i] for i in spread(len(frames), count)]


def folder_frames(folder: Path, count: int = COUNT, option: str = "--frames") -> list[U8]:
    """Up to `count` pictures, uint8 HxWx3 BGR, spread over the folder that the option names; raises ExportError."""
    if not folder.is_dir():
        raise ExportError(f"{option} {folder} is not a folder")
    paths = list_images(folder)
    if not paths:
        raise ExportError(f"{option} {folder} has no pictures in it")
    return [read_picture(paths[i], ExportError) for i in spread(len(paths), count)]


def spread(total: int, count: int) -> list[int]:
    """At most `count` indices, evenly over range(total)."""
    return [round(i) for i in np.linspace(0, total - 1, min(total, count))]
