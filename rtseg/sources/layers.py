"""Pictures with something that OpenCV leaves out, read by Pillow: colour profiles, transparency, AVIF's turns."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

U8 = NDArray[np.uint8]
Layers = tuple[U8, U8 | None]  # HxWx3 BGR; HxW of how opaque it is, None where all of it is
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit warns; ours, which is smaller, is looked at before


def special_layers(data: bytes) -> Layers | None:
    """A picture in sRGB, upright; None for one that is plain, or that Pillow does not know: OpenCV reads those.

    Raises OSError, ValueError and MemoryError for what can't be decoded.
    """
    picture = opened(data)
    if picture is None:
        return None
    profile = foreign_profile(picture.info.get("icc_profile"))
    if picture.format != "AVIF" and profile is None and not picture.has_transparency_data:
        return None
    try:
        turned = ImageOps.exif_transpose(picture)
        return layers_of(turned, profile)
    except SyntaxError as e:  # Pillow's word for a broken PNG
        raise ValueError(str(e)) from e


def layers_of(picture: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Layers:
    """The colours by the profile, and the transparency."""
    opacity = None
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        opacity = np.array(picture.getchannel("A"), np.uint8)
        picture = picture.convert("RGB")
    rgb = as_srgb(picture, profile)
    bgr = np.ascontiguousarray(np.asarray(rgb, np.uint8)[..., ::-1])
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
            return picture.convert("RGB")
        changed = ImageCms.applyTransform(picture.convert(mode), change)
        assert changed is not None  # it is only when done in place
        return changed
    return picture.convert("RGB")


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


def is_readable(data: bytes) -> bool:
    """Whether all rows of a picture are there, though its end mark is not."""
    picture = opened(data)
    try:
        if picture is not None:
            picture.load()
    except (OSError, ValueError, SyntaxError):
        return False
    return picture is not None


def opened(data: bytes) -> Image.Image | None:
    """Its header read; None for what is no picture that Pillow knows."""
    try:
        return Image.open(BytesIO(data))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, OverflowError):
        return None
