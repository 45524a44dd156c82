"""The real frames that parity checks run on and int8 takes its scales from: the demo clip, a folder or a list."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rtseg.arrays import U8
from rtseg.errors import ExportError
from rtseg.pixels.geometry import limited
from rtseg.sources.opening import open_source
from rtseg.sources.pictures import read_picture
from rtseg_train.dataset import find_pairs
from rtseg_train.folders import layout_of, list_images, part_of

COUNT = 12  # frames; a check at three sizes takes a few seconds
PICTURE_SIDE = 1024  # pixels; 64 photos of 12 megapixels would be 2.3 GB


def demo_frames(count: int = COUNT) -> list[U8]:
    """`count` frames, uint8 HxWx3 BGR, spread over the bundled clip."""
    with open_source("demo") as source:
        frames = [frame.image for frame in source]
    return [frames[i] for i in spread(len(frames), count)]


def pictures(path: Path, count: int = COUNT, option: str = "--pictures") -> list[U8]:
    """Up to `count` pictures, uint8 HxWx3 BGR, spread over the folder or training list that the option names.

    Larger ones are shrunk. Raises ExportError, and DataError for a damaged list.
    """
    paths = picture_paths(path, option)
    return [limited(read_picture(paths[i], ExportError), PICTURE_SIDE) for i in spread(len(paths), count)]


def picture_paths(path: Path, option: str) -> list[Path]:
    """All pictures of a folder, or of what `rtseg train` takes: a CSV list, pictures and masks in their order."""
    if path.is_file() or (path.is_dir() and (layout_of(path) or part_of(path, "train"))):
        return [pair.image for pair in find_pairs(path).pairs]  # without the masks
    if not path.is_dir():
        raise ExportError(f"{option} {path}: there is no such folder of pictures or training list")
    paths = list_images(path)
    if not paths:
        raise ExportError(f"{option} {path} has no pictures in it")
    return paths


def spread(total: int, count: int) -> list[int]:
    """At most `count` indices, evenly over range(total)."""
    return [round(i) for i in np.linspace(0, total - 1, min(total, count))]
