"""Read a picture and its mask as people have them: grey, colour, 16 bit, 0/1, classes, or in an alpha channel."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg.formats import JPEG
from rtseg.sources.cut_off import CUT_OFF, is_cut_off
from rtseg.sources.pictures import PICTURE_PIXELS, read_bytes, read_picture
from rtseg_train.blurred import is_blurred, refusal, several_hues, several_levels
from rtseg_train.classes import Person, classes_in, colours_in, question
from rtseg_train.dataset import Pair

Image.MAX_IMAGE_PIXELS = PICTURE_PIXELS  # the one limit for all pictures; Pillow would warn at a third of it
COLOURED = 32  # levels between the channels of a pixel, above which it is not grey; JPEG's noise is below
COLOURED_SHARE = 1e-3  # of the pixels, above which a mask is in colour


@dataclass(frozen=True)
class Mask:
    """A mask and what it was on disk."""

    alpha: U8  # HxW, 0..255
    values: str  # "0/255", "0/1" (or whatever the second value was), "soft", "one value", "classes"
    done: tuple[str, ...]  # what was done to it, in words; nothing for an 8-bit grey mask
    number: int = 0  # that stood for the person, where there was only one
    void: NDArray[np.bool_] | None = None  # HxW: pixels without a class; None where all have one


def read_pair(pair: Pair) -> tuple[U8, U8]:
    """(uint8 HxWx3 BGR, uint8 HxW alpha 0..255); raises DataError when unreadable or of unequal size."""
    image, mask = read_labelled(pair)
    return image, mask.alpha


def read_labelled(pair: Pair) -> tuple[U8, Mask]:
    """As `read_pair`, with what the mask was on disk."""
    image, mask = read_picture(pair.image, DataError), read_mask(pair.mask, pair.person)
    if mask.alpha.shape != image.shape[:2]:
        (mh, mw), (h, w) = mask.alpha.shape, image.shape[:2]
        turned = ": is the picture turned by its EXIF tag and the mask not?" if (mw, mh) == (h, w) else ""
        raise DataError(f"{pair.mask} is {mw}x{mh}, its picture {pair.image} is {w}x{h}{turned}")
    return image, mask


def read_mask(path: Path, person: Person | None = None) -> Mask:
    """A mask of 1, 3 or 4 channels, 8 or 16 bit, or with a palette.

    An alpha channel that is not all one value is the mask. Of a mask in colour the brightest channel is.
    A mask of two values, 0 and any other, becomes 0 and 255. With `person` every mask holds classes.
    Raises DataError when unreadable, UnknownClasses for a mask of classes without `person`, or with blurred borders.
    """
    raw, numbers = decode(path)
    if person is not None:
        return of_person(path, raw if numbers is None or person.colours else numbers, person)
    done = []
    if raw.ndim == 3 and raw.shape[2] == 4:
        if raw[..., 3].min() < raw[..., 3].max():
            raw, numbers = raw[..., 3], None
            done.append("alpha channel taken")
        else:
            raw = raw[..., :3]
    if raw.ndim == 3 and is_coloured(raw):
        colours = colours_in(raw)
        if colours:
            raise question(str(path), colours if numbers is None else np.unique(numbers).tolist())
        if several_hues(raw):
            raise refusal(str(path))
        raw = raw.max(2)
        done.append("colour: brightest channel taken")
    elif raw.ndim == 3:
        raw = cv2.cvtColor(raw, cv2.COLOR_BGR2GRAY)
    if not any(text.startswith("colour") for text in done):
        if raw.dtype == np.uint8 and is_blurred(raw) and several_levels(raw):
            raise refusal(str(path))
        if classes := classes_in(raw):
            raise question(str(path), classes)
    return of_alpha(raw, done, numbers)


def of_alpha(raw: NDArray[Any], done: list[str], numbers: U8 | None) -> Mask:
    """The mask of what is black and white or soft, HxW; `numbers` are those of its palette, if it has one."""
    top, most = int(raw.max()), np.iinfo(raw.dtype).max
    if top == 0 or not np.any((raw != 0) & (raw != top)):
        number = int(numbers.max()) if numbers is not None and numbers.max() > 1 else top
        values = "one value" if int(raw.min()) == top else f"0/{255 if number == most else number}"
        if number not in (0, most):
            done.append(f"{number} taken as 255")
        return Mask(np.where(raw > 0, np.uint8(255), np.uint8(0)), values, tuple(done), number)
    if raw.dtype != np.uint8:
        if top > 255:  # else 8-bit values in a 16-bit file
            raw = np.rint(raw / (most / 255))
        done.append("16 bit scaled to 8")
    return Mask(raw.astype(np.uint8), "soft", tuple(done))


def of_person(path: Path, raw: NDArray[Any], person: Person) -> Mask:
    """The mask of the classes that are the person; raises DataError for one that cannot have them."""
    raw = raw[..., :3] if raw.ndim == 3 else raw
    if path.suffix.lower() in JPEG or is_blurred(raw):
        raise refusal(str(path), person.text)
    if person.numbers and raw.ndim == 3:
        if is_coloured(raw):
            raise DataError(f"{path} holds colours and no numbers; give --person the person's colour, as #c08080")
        raw = raw[..., 0]
    elif person.colours and raw.ndim == 2:
        raw = np.dstack([raw] * 3)
    alpha, void = person.alpha(raw)
    done = (f"{person.text} taken as the person", *(("void left out",) if void.any() else ()))
    values = "classes" if alpha.any() and not alpha.all() else "one value"
    return Mask(alpha, values, done, void=void if void.any() else None)


def is_coloured(raw: NDArray[Any]) -> bool:
    """Whether a picture HxWx3 is more than grey with noise."""
    spread = raw.max(2) - raw.min(2)
    coloured = COLOURED * (np.iinfo(raw.dtype).max // 255)
    return bool(np.count_nonzero(spread > coloured) > COLOURED_SHARE * spread.size)


def decode(path: Path) -> tuple[NDArray[Any], U8 | None]:
    """(the mask as it is on disk: HxW, HxWx3 BGR or HxWx4 BGRA, uint8 or uint16; its palette's numbers HxW or None).

    A palette of greys is only another way to store a grey mask, and counts as none. Raises DataError.
    """
    data = read_bytes(path, DataError)
    if data.startswith(b"GIF8"):
        return read_gif(data, path)
    if is_cut_off(data):  # OpenCV fills up what is missing with grey
        raise DataError(f"cannot read the mask {path}: {CUT_OFF}")
    # Unchanged means no turning by the EXIF tag either, which pictures get: JPEGs, which have no alpha, are turned.
    flags = cv2.IMREAD_ANYCOLOR if path.suffix.lower() in JPEG else cv2.IMREAD_UNCHANGED
    try:
        raw = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        raw = None
    if raw is None:
        raw = read_picture(path, DataError, cv2.IMREAD_GRAYSCALE)  # says why
    if raw.dtype not in (np.uint8, np.uint16) or raw.ndim not in (2, 3):
        raise DataError(f"cannot read the mask {path}: its values are {raw.dtype}; save it with 8 or 16 bit")
    if raw.ndim == 2 or path.suffix.lower() in JPEG:
        return raw, None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return raw, numbers_of(picture)
    except OSError:  # not one of Pillow's formats; none of the others has palettes
        return raw, None


def read_gif(data: bytes, path: Path) -> tuple[U8, U8 | None]:
    """`decode` for GIF, the masks of Carvana; OpenCV reads it only from 4.11 on."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1]), numbers_of(picture)
    except (OSError, ValueError, SyntaxError) as e:
        raise DataError(f"cannot read the mask {path}: {e}") from e


def numbers_of(picture: Image.Image) -> U8 | None:
    """HxW of a picture with a palette of colours; None for others."""
    palette = np.array((picture.getpalette() if picture.mode == "P" else None) or [0, 0, 0]).reshape(-1, 3)
    return np.asarray(picture) if (palette.min(1) != palette.max(1)).any() else None
