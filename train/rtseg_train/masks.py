"""Read a picture and its mask as people have them: grey, colour, 16 bit, 0/1, or in an alpha channel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import DataError
from rtseg.sources.pictures import read_picture
from rtseg_train.dataset import Pair

U8 = NDArray[np.uint8]
JPEG = (".jpg", ".jpeg")
COLOURED = 32  # levels between the channels of a pixel, above which it is not grey; JPEG's noise is below
COLOURED_SHARE = 1e-3  # of the pixels, above which a mask is in colour


@dataclass(frozen=True)
class Mask:
    """A mask and what it was on disk."""

    alpha: U8  # HxW, 0..255
    values: str  # "0/255", "0/1" (or whatever the second value was), "soft", "one value"
    done: tuple[str, ...]  # what was done to it, in words; nothing for an 8-bit grey mask


def read_pair(pair: Pair) -> tuple[U8, U8]:
    """(uint8 HxWx3 BGR, uint8 HxW alpha 0..255); raises DataError when unreadable or of unequal size."""
    image, mask = read_labelled(pair)
    return image, mask.alpha


def read_labelled(pair: Pair) -> tuple[U8, Mask]:
    """As `read_pair`, with what the mask was on disk."""
    image, mask = read_picture(pair.image, DataError), read_mask(pair.mask)
    if mask.alpha.shape != image.shape[:2]:
        (mh, mw), (h, w) = mask.alpha.shape, image.shape[:2]
        turned = ": is the picture turned by its EXIF tag and the mask not?" if (mw, mh) == (h, w) else ""
        raise DataError(f"{pair.mask} is {mw}x{mh}, its picture {pair.image} is {w}x{h}{turned}")
    return image, mask


def read_mask(path: Path) -> Mask:
    """A mask of 1, 3 or 4 channels, 8 or 16 bit.

    An alpha channel that is not all one value is the mask. Of a mask in colour the brightest channel is.
    A mask of two values, 0 and any other, becomes 0 and 255. Raises DataError when unreadable.
    """
    raw, done = decode(path), []
    if raw.ndim == 3 and raw.shape[2] == 4:
        if raw[..., 3].min() < raw[..., 3].max():
            raw = raw[..., 3]
            done.append("alpha channel taken")
        else:
            raw = raw[..., :3]
    if raw.ndim == 3:
        spread = raw.max(2) - raw.min(2)
        coloured = COLOURED * (np.iinfo(raw.dtype).max // 255)
        if np.count_nonzero(spread > coloured) > COLOURED_SHARE * spread.size:
            raw = raw.max(2)
            done.append("colour: brightest channel taken")
        else:
            raw = cv2.cvtColor(raw, cv2.COLOR_BGR2GRAY)
    top, most = int(raw.max()), np.iinfo(raw.dtype).max
    if top == 0 or not np.any((raw != 0) & (raw != top)):
        values = "one value" if int(raw.min()) == top else f"0/{255 if top == most else top}"
        if top not in (0, most):
            done.append(f"{top} taken as 255")
        return Mask(np.where(raw > 0, np.uint8(255), np.uint8(0)), values, tuple(done))
    if raw.dtype != np.uint8:
        if top > 255:  # else 8-bit values in a 16-bit file
            raw = np.rint(raw / (most / 255))
        done.append("16 bit scaled to 8")
    return Mask(raw.astype(np.uint8), "soft", tuple(done))


def decode(path: Path) -> NDArray[Any]:
    """The mask as it is on disk: HxW, HxWx3 BGR or HxWx4 BGRA, uint8 or uint16; raises DataError."""
    # Unchanged means no turning by the EXIF tag either, which pictures get: JPEGs, which have no alpha, are turned.
    flags = cv2.IMREAD_ANYCOLOR if path.suffix.lower() in JPEG else cv2.IMREAD_UNCHANGED
    try:
        raw = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    except (OSError, cv2.error):
        raw = None
    if raw is None:
        raw = read_picture(path, DataError, cv2.IMREAD_GRAYSCALE)  # says why
    if raw.dtype not in (np.uint8, np.uint16) or raw.ndim not in (2, 3):
        raise DataError(f"cannot read the mask {path}: its values are {raw.dtype}; save it with 8 or 16 bit")
    return raw
