"""What stands behind the person: a picture, a colour, or the room itself out of focus."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import BackgroundError
from rtseg.geometry import cover_crop
from rtseg.model import ASSETS
from rtseg.pictures import read_picture

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
SHIPPED = ASSETS / "backgrounds"
BLUR_LIMITS = (1.0, 100.0)
DEFAULT_BLUR = 20.0
# Blur strength is the Gaussian's sigma in pixels of a frame 720 pixels high, whatever the real height.
BLUR_HEIGHT = 720
SMALLEST_SIGMA = 2.0  # pixels; below this, halving the picture instead of blurring it would show


def load_background(value: str | Path | U8) -> U8:
    """A picture's path, the name of a shipped one, "#rrggbb" or a uint8 HxWx3 BGR array, as an array.

    A path is looked for in the working directory first, then among the backgrounds that ship with rtseg.
    Raises BackgroundError when it is none of these or can't be decoded.
    """
    if isinstance(value, np.ndarray):
        if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or 0 in value.shape:
            raise BackgroundError(f"background array is {value.dtype} {value.shape}, expected uint8 (H, W, 3) BGR")
        return value
    text = str(value)
    if text.startswith("#"):
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
            raise BackgroundError(f"background {text!r} is not a colour; write it as #rrggbb, for example #00ff00")
        red, green, blue = bytes.fromhex(text[1:])
        return np.array([[[blue, green, red]]], np.uint8)
    path = Path(text)
    if not path.exists() and path.parent == Path() and (SHIPPED / path.name).is_file():
        path = SHIPPED / path.name
    if not path.exists():
        names = ", ".join(shipped_backgrounds())
        raise BackgroundError(
            f"background {path}: No such file. Give a picture, #rrggbb, blur, or one that ships: {names}"
        )
    return read_picture(path, BackgroundError)


def shipped_backgrounds() -> list[str]:
    """Names of the pictures that come with rtseg."""
    return sorted(p.name for p in SHIPPED.glob("*.jpg"))


def cover(picture: U8, width: int, height: int) -> U8:
    """The picture cropped around its middle and scaled to fill width x height; never stretched."""
    x, y, w, h = cover_crop(picture.shape[1], picture.shape[0], width, height)
    crop = picture[y : y + h, x : x + w]
    shrinks = w > width
    scaled = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(scaled.astype(np.uint8, copy=False))


def check_blur(strength: float) -> float:
    """The strength, or BackgroundError when it is out of range."""
    low, high = BLUR_LIMITS
    if not low <= strength <= high:
        raise BackgroundError(f"blur strength is {strength:g}; give {low:g} to {high:g}")
    return strength


def blurred_room(small_bgr: U8, alpha: F32, strength: float) -> U8:
    """The room without the person, blurred: normalised convolution (Knutsson & Westin 1993).

    Each pixel counts by 1 - alpha, so that the person's colours don't glow around them. small_bgr: uint8
    hxwx3, alpha: float32 hxw, both at network size. The result is uint8 BGR of that size or, since a strong
    blur needs no more, of a half or a quarter of it.
    """
    sigma = max(0.8, strength * alpha.shape[0] / BLUR_HEIGHT)
    # The person's soft edge holds their colour too: what is a little person counts as all person.
    weight = np.clip(1 - 4 * cv2.dilate(alpha, np.ones((3, 3), np.uint8)), 0, 1)
    parts = cv2.merge([*cv2.split(small_bgr * weight[..., None]), weight])
    while sigma >= 2 * SMALLEST_SIGMA:
        parts = cv2.resize(parts, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        sigma /= 2
    room = cv2.GaussianBlur(parts, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    # Where nothing of the room is near, a much wider blur of all that is seen of it.
    seen = parts.mean((0, 1))
    filler = 1e-3
    colour = (room[..., :3] + filler * seen[:3] / (seen[3] + 1e-6)) / (room[..., 3:] + filler)
    blurred: U8 = np.clip(colour + 0.5, 0, 255).astype(np.uint8)
    return blurred
