"""Reading a picture from disk: one way for sources, for backgrounds and for training."""

from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np

from rtseg.arrays import U8, u8
from rtseg.errors import RtsegError
from rtseg.formats import READ_PICTURES
from rtseg.messages import as_address
from rtseg.pixels.opacity import over, without_hidden
from rtseg.sources.backends import quiet_opencv
from rtseg.sources.cut_off import CUT_OFF, is_cut_off
from rtseg.sources.heif import is_heif, read_heif
from rtseg.sources.kinds import IS_PICTURE, what_it_is
from rtseg.sources.layers import Layers, layers, size_of
from rtseg.sources.picture_size import memory_for, picture_size

PICTURE_PIXELS = 2**28  # 268 million: a file of a few bytes can claim more and fill the memory
PICTURE_MEMORY = 2**31  # bytes that reading one may take
quiet_opencv()  # what is wrong with a picture is said by us


def read_picture(path: Path, error: type[RtsegError], flags: int = cv2.IMREAD_COLOR) -> U8:
    """uint8 HxWx3 BGR, upright by its EXIF tag, or HxW with IMREAD_GRAYSCALE; raises `error` for anything else."""
    if flags != cv2.IMREAD_COLOR:
        return decode(read_bytes(path, error), path, error, flags)
    return read_layers(path, error)[0]


def read_layers(path: Path, error: type[RtsegError], *, most: int | None = None) -> Layers:
    """uint8 HxWx3 BGR in sRGB, upright, and uint8 HxW of how opaque it is, None where all of it is.

    most: pixels that are wanted; a JPEG with several times as many may be read smaller. What is wholly transparent is
    black. Raises `error`.
    """
    data = read_bytes(path, error, most)
    try:
        found = read_heif(data) if is_heif(data) else layers(data, most)
    except (ValueError, MemoryError) as e:
        raise refusal(data, path, error, str(e)) from e
    if found is None:
        return decode(data, path, error, cv2.IMREAD_COLOR), None
    bgr, opacity = found
    return (bgr, None) if opacity is None else (without_hidden(bgr, opacity), opacity)


def read_opaque(path: Path, error: type[RtsegError], *, most: int | None = None) -> U8:
    """As read_layers, uint8 HxWx3 BGR alone; what is transparent in the file becomes black."""
    bgr, opacity = read_layers(path, error, most=most)
    return bgr if opacity is None else over(bgr, None, opacity)


def read_bytes(path: Path, error: type[RtsegError], most: int | None = None) -> bytes:
    """All of a file; raises `error` when it can't be read, is empty or would take more than PICTURE_MEMORY."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise error(
                f"cannot read the picture {path}: it is a pipe or a device; a pipe with a video is named so, as x.mkv"
            )
        data = path.read_bytes()
    except OSError as e:
        if not path.exists() and (address := as_address(path)):
            raise error(f"cannot read the picture {address}: it is an address; save it as a file, and give that") from e
        raise error(f"cannot read the picture {path}: {e.strerror or e}") from e
    if not data:
        raise error(f"cannot read the picture {path}: it is an empty file")
    size = picture_size(data) or size_of(data) or (0, 0)
    smaller = most is not None and data.startswith(b"\xff\xd8")  # a JPEG can be decoded at a fraction of its size
    if size[0] * size[1] > PICTURE_PIXELS or (not smaller and memory_for(data, size) > PICTURE_MEMORY):
        raise error(
            f"cannot read the picture {path}: it claims {size[0]}x{size[1]} pixels, which take more than "
            f"{PICTURE_MEMORY // 2**30} GB of memory; scale it down"
        )
    return data


def decode(data: bytes, path: Path, error: type[RtsegError], flags: int) -> U8:
    """The picture in a file's bytes."""
    if is_cut_off(data):  # OpenCV gives what there is, or nothing, by its version
        raise refusal(data, path, error)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as e:  # more pixels than OpenCV will open, or than there is memory for
        raise error(f"cannot read the picture {path}: {e.err}") from e
    if picture is None:
        picture = decode_float(data, path, error) if flags == cv2.IMREAD_COLOR else None
    if picture is None:
        raise refusal(data, path, error)
    return u8(picture)


def decode_float(data: bytes, path: Path, error: type[RtsegError]) -> U8 | None:
    """uint8 HxWx3 BGR of a TIFF of floating point values 0 to 1; None for others. Raises `error` for larger ones."""
    with contextlib.suppress(cv2.error):
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
        if found is not None and found.dtype == np.float32:
            light = np.nan_to_num(found)
            if (top := float(light.max())) > 1:
                raise error(f"cannot read the picture {path}: its values go up to {top:g}; save it with 8 or 16 bits")
            levels: U8 = np.rint(255 * np.maximum(light, 0)).astype(np.uint8)
            return levels if levels.ndim == 3 else u8(cv2.cvtColor(levels, cv2.COLOR_GRAY2BGR))
    return None


def refusal(data: bytes, path: Path, error: type[RtsegError], why: str = "") -> RtsegError:
    """What to say of a file that is no picture, or not all of one. why: the decoder's words."""
    if is_cut_off(data) or "truncated" in why:
        return error(f"cannot read the picture {path}: {CUT_OFF}")
    if why:
        return error(f"cannot read the picture {path}: {why}")
    what = what_it_is(path)
    if what == IS_PICTURE:
        return error(f"cannot read the picture {path}: it is damaged, or of a kind that can't be decoded")
    return error(f"cannot read the picture {path}: not a picture ({READ_PICTURES}){f'; {what}' if what else ''}")
