"""Reading a picture from disk: one way for backgrounds, for `apply` and for training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import RtsegError

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def read_picture(path: Path, error: type[RtsegError], flags: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
    """uint8 HxWx3 BGR, upright by its EXIF tag, or HxW with IMREAD_GRAYSCALE; raises `error` for anything else."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise error(f"cannot read the picture {path}: {e.strerror or e}") from e
    if not data:
        raise error(f"cannot read the picture {path}: it is an empty file")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as e:  # a header that claims more pixels than OpenCV will open
        raise error(f"cannot read the picture {path}: {e.err}") from e
    if picture is None:
        raise error(f"cannot read the picture {path}: not a picture (JPEG, PNG, WebP, BMP, TIFF)")
    return picture.astype(np.uint8, copy=False)
