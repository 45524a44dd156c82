"""Pillow reads pictures: colour profiles, transparency, turns. A damaged one is an error, not a line on the screen."""

from __future__ import annotations

import contextlib
import struct
import warnings
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps

from rtseg.arrays import U8, u8

Layers = tuple[U8, U8 | None]  # HxWx3 BGR; HxW of how opaque it is, None where all of it is
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB")  # of 8 bits a colour
# What Pillow's readers raise for damaged files, each its own: PNG's SyntaxError, AVIF's RuntimeError ...
BROKEN = (OSError, ValueError, SyntaxError, RuntimeError, TypeError, LookupError, ArithmeticError, struct.error)
OWN = (b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF")
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit warns; ours is looked at before


def layers(data: bytes, most: int | None = None) -> Layers | None:
    """A picture in sRGB, upright; None for what Pillow does not know and for grey of more than 8 bits.

    most: pixels that are wanted, about: it is made smaller where it has several times as many, a JPEG while it is read.
    Raises ValueError and MemoryError for what can't be decoded.
    """
    with warnings.catch_warnings():  # what matters of a damaged file is raised
        warnings.simplefilter("ignore")
        picture = opened(data)
        if picture is None and data.startswith(OWN):
            raise ValueError("it is damaged")  # OpenCV's libraries would print what they make of it
        if picture is None or picture.mode not in MODES:
            return None
        if most is not None and picture.width * picture.height > 4 * most:
            share = (most / (picture.width * picture.height)) ** 0.5
            picture.draft(None, (round(picture.width * share), round(picture.height * share)))
        try:
            picture.load()
            profile = foreign_profile(picture.info.get("icc_profile"))
            if most is not None and (times := int((picture.width * picture.height / most) ** 0.5)) > 1:
                if picture.mode in ("1", "P", "PA"):
                    picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
                picture = picture.reduce(times)
            return layers_of(turned(picture), profile)
        except BROKEN as e:
            raise ValueError(str(e)) from e


def turned(picture: Image.Image) -> Image.Image:
    """Upright by its EXIF tag; as it is where that makes no sense."""
    with contextlib.suppress(*BROKEN):
        ImageOps.exif_transpose(picture, in_place=True)
    return picture


def layers_of(picture: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Layers:
    """The colours by the profile, and the transparency."""
    opacity = None
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        opacity = np.array(picture.getchannel("A"), np.uint8)
    bgr = u8(cv2.cvtColor(np.asarray(as_srgb(picture, profile), np.uint8), cv2.COLOR_RGB2BGR))
    return bgr, None if opacity is None or opacity.min() == 255 else opacity


def as_srgb(picture: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Image.Image:
    """Mode RGB. A profile that does not fit the picture is left out, as browsers do."""
    if profile is not None:
        mode = picture.mode if picture.mode in ("RGB", "CMYK", "L") else "RGB"
        try:
            change = ImageCms.buildTransform(
                profile,
                ImageCms.createProfile("sRGB"),
                mode,
                "RGB",
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
                ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
        except ImageCms.PyCMSError:
            return as_rgb(picture)
        changed = ImageCms.applyTransform(picture.convert(mode), change)
        assert changed is not None  # it is only when done in place
        return changed
    return as_rgb(picture)


def as_rgb(picture: Image.Image) -> Image.Image:
    """Itself where it is: a copy of a large one is large."""
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def foreign_profile(data: bytes | None) -> ImageCms.ImageCmsProfile | None:
    """A profile of other colours than sRGB; None for that, for none and for one that can't be read."""
    if not data:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        name = ImageCms.getProfileDescription(profile)
    except (OSError, ImageCms.PyCMSError):
        return None
    return None if "srgb" in name.lower() else profile


def opened(data: bytes) -> Image.Image | None:
    """Its header read; None for what is no picture that Pillow knows."""
    try:
        return Image.open(BytesIO(data))
    except BROKEN:
        return None


def is_still(path: Path) -> bool:
    """Whether a file that may hold several pictures, as a GIF, holds one; False for what can't be read."""
    try:
        with Image.open(path) as picture:
            return not getattr(picture, "is_animated", False)
    except BROKEN:
        return False


def size_of(data: bytes) -> tuple[int, int] | None:
    """(width, height) by its header, for what `picture_size` does not know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = opened(data)
    return None if picture is None else picture.size
