"""Reading a picture from disk: one way for backgrounds, for `apply` and for training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import RtsegError
from rtseg.sources.picture_size import picture_size

U8 = NDArray[np.uint8]
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif")
MAX_PIXELS = 2**28  # 268 million: a file of a few bytes can claim more and fill the memory


def read_picture(path: Path, error: type[RtsegError], flags: int = cv2.IMREAD_COLOR) -> U8:
    """uint8 HxWx3 BGR, upright by its EXIF tag, or HxW with IMREAD_GRAYSCALE; raises `error` for anything else."""
    return decode(read_bytes(path, error), path, error, flags)


def read_opaque(path: Path, error: type[RtsegError]) -> U8:
    """As read_picture, uint8 HxWx3 BGR; what is transparent in the file becomes black."""
    data = read_bytes(path, error)
    picture = decode(data, path, error, cv2.IMREAD_COLOR)
    if data.startswith(b"\xff\xd8"):  # a JPEG, which is never transparent
        return picture
    layers = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if layers is None or layers.ndim != 3 or layers.shape[2] != 4:
        return picture
    if layers.dtype not in (np.uint8, np.uint16):
        raise error(f"cannot read the picture {path}: its transparency is {layers.dtype}; save it as an 8-bit PNG")
    if layers.dtype == np.uint16:
        layers = layers.astype(np.uint16) // 257
    return on_black(turned_alike(layers.astype(np.uint8), picture))


def on_black(bgra: U8) -> U8:
    """uint8 HxWx3 BGR of a uint8 HxWx4 picture with straight alpha, over black."""
    alpha = np.ascontiguousarray(bgra[..., 3])
    solid: U8 = cv2.multiply(bgra[..., :3], cv2.merge([alpha] * 3), scale=1 / 255).astype(np.uint8, copy=False)
    return solid


def turned_alike(layers: U8, picture: U8) -> U8:
    """The BGRA picture turned as `picture`, its BGR: OpenCV obeys an EXIF tag only while it drops the alpha."""
    views = (layers, layers.transpose(1, 0, 2))
    turns = [view[::dy, ::dx] for view in views for dy in (1, -1) for dx in (1, -1)]
    step = 1 + max(picture.shape) // 512  # a sample of the pixels tells

    def difference(turn: U8) -> float:
        return float(np.abs(turn[::step, ::step, :3].astype(np.int16) - picture[::step, ::step]).mean())

    return np.ascontiguousarray(min((t for t in turns if t.shape[:2] == picture.shape[:2]), key=difference))


def read_bytes(path: Path, error: type[RtsegError]) -> bytes:
    """All of a file; raises `error` when it can't be read, is empty or claims more than MAX_PIXELS."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise error(
                f"cannot read the picture {path}: it is a pipe or a device; a pipe with a video is named so, as x.mkv"
            )
        data = path.read_bytes()
    except OSError as e:
        raise error(f"cannot read the picture {path}: {e.strerror or e}") from e
    if not data:
        raise error(f"cannot read the picture {path}: it is an empty file")
    width, height = picture_size(data) or (0, 0)
    if width * height > MAX_PIXELS:
        raise error(
            f"cannot read the picture {path}: it claims {width}x{height} pixels; "
            f"{MAX_PIXELS // 10**6} million are the most, scale it down"
        )
    return data


def decode(data: bytes, path: Path, error: type[RtsegError], flags: int) -> U8:
    """The picture in a file's bytes."""
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as e:  # more pixels than OpenCV will open, or than there is memory for
        raise error(f"cannot read the picture {path}: {e.err}") from e
    if picture is None:
        raise error(f"cannot read the picture {path}: not a picture (JPEG, PNG, WebP, BMP, TIFF)")
    return picture.astype(np.uint8, copy=False)
