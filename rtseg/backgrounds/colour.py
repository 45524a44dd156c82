"""Colours by their names: those of CSS, which Pillow knows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import ImageColor

from rtseg.arrays import U8
from rtseg.errors import BackgroundError

NAMED = tuple(ImageColor.colormap)


def colour(text: str) -> str | None:
    """ "#rrggbb" of a colour; None for what is none, as a file that has the name of one.

    Raises BackgroundError for what begins like a colour and is none.
    """
    if text.startswith("#"):
        if re.fullmatch(r"#[0-9a-fA-F]{3}", text):
            return "#" + "".join(2 * digit for digit in text[1:])
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
            raise BackgroundError(f"background {text!r} is not a colour; write it as #rrggbb, for example #00ff00")
        return text
    named = ImageColor.colormap.get(text.lower())
    if named is None or Path(text).exists():
        return None
    return named if isinstance(named, str) else "#{:02x}{:02x}{:02x}".format(*named[:3])


def one_pixel(rrggbb: str) -> U8:
    """uint8 1x1x3 BGR."""
    red, green, blue = bytes.fromhex(rrggbb[1:])
    return np.array([[[blue, green, red]]], np.uint8)


def is_plain(background: str | None) -> bool:
    """Whether there is nothing in what --bg names to blur."""
    return background is not None and (background == "transparent" or colour(background) is not None)
