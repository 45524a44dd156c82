"""What stands behind the person: what every background can do, and the still ones, pictures and colours."""

from __future__ import annotations

import contextlib
import difflib
import re
from numbers import Real
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from rtseg.arrays import U8, u8
from rtseg.backgrounds.colour import NAMED, colour, one_pixel
from rtseg.errors import BackgroundError
from rtseg.files import BACKGROUNDS
from rtseg.messages import as_address
from rtseg.pixels.blur import BLUR_HEIGHT
from rtseg.pixels.geometry import cover
from rtseg.sources.pictures import read_opaque

BLUR_LIMITS = (1.0, 100.0)
DEFAULT_BLUR = 20.0
HIDING_BLUR = 10.0  # below this the room can be recognised by who knows it, and large letters read
SMALLEST_SIGMA = 2.0  # pixels; below this, halving the picture instead of blurring it would show
NEAR = 0.75  # of 1: how like a name must be to be offered
KEPT_PIXELS = 2**24  # of a picture; a 4K frame has half of that


class Background(Protocol):
    """What a pipeline puts behind the person. It has something to show from the first moment to the last."""

    @property
    def name(self) -> str:
        """For messages: what it was opened as."""

    @property
    def remark(self) -> str | None:
        """What the user should know by now (a film that broke off, files left out), or None."""

    def at(self, seconds: float | None, width: int, height: int) -> U8:
        """uint8 HxWx3 BGR, contiguous, not to be written to; the same object as long as nothing changes.

        seconds: a frame's presentation time, for a picture that depends on nothing else; None for what is
        on now by the clock, which never waits for a decoder.
        """

    def close(self) -> None:
        """End what runs for it; `at` goes on giving the last picture."""


class Still:
    """A picture or a colour: uint8 HxWx3 BGR, blurred by `blur` 1..100 if given; prepared once per size."""

    def __init__(self, picture_bgr: U8, *, name: str, blur: float | None = None, remark: str | None = None) -> None:
        self.name, self.remark = name, remark
        self._picture, self._blur = small_enough(picture_bgr), None if blur is None else check_blur(blur)
        self._prepared = picture_bgr[:0]

    def at(self, seconds: float | None, width: int, height: int) -> U8:
        prepared = self._prepared
        if prepared.shape[:2] != (height, width):
            prepared = self._prepared = blurred(cover(self._picture, width, height), self._blur)
        return prepared

    def close(self) -> None:
        """Nothing runs."""


def load_background(value: str | Path | U8) -> U8:
    """A picture's path, the name of a shipped one, "#rrggbb", a colour's name or a uint8 HxWx3 BGR array, as an array.

    A path is looked for in the working directory first, then among the backgrounds that ship with rtseg.
    Raises BackgroundError when it is none of these or can't be decoded.
    """
    if isinstance(value, np.ndarray):
        if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or 0 in value.shape:
            raise BackgroundError(f"background array is {value.dtype} {value.shape}, expected uint8 (H, W, 3) BGR")
        return value
    text = str(value)
    if plain := colour(text):
        return one_pixel(plain)
    path = find_background(text)
    if path.is_dir():
        raise BackgroundError(f"background {path} is a folder; a picture is needed here")
    return read_opaque(path, BackgroundError, most=KEPT_PIXELS)


def find_background(text: str) -> Path:
    """The file or folder that is meant. Raises BackgroundError for what does not exist and for devices and pipes."""
    if not text.strip():  # as of a shell's variable that is not set; Path("") would be the working directory
        raise BackgroundError("background is empty; give a picture, a video, a folder of them, a colour or blur")
    path = Path(text)
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # then it may be the name of one that ships
            path.stat()
    except (OSError, ValueError) as e:  # a name that no file can have, a folder that may not be entered
        raise BackgroundError(f"background {path}: {getattr(e, 'strerror', None) or e}; give another file") from e
    if not path.exists() and path.parent == Path() and (BACKGROUNDS / path.name).is_file():
        path = BACKGROUNDS / path.name
    if not path.exists():
        raise BackgroundError(f"background {as_address(text) or path}{what_to_give(text)}")
    if not path.is_file() and not path.is_dir():
        raise BackgroundError(f"background {path} is a device or pipe; give a picture, a video or a folder of them")
    return path


def what_to_give(text: str) -> str:
    """For what is no file: what was meant, where that can be told, or all that there is."""
    if as_address(text):
        return " is an address; save what is there as a file, and give that"
    if re.fullmatch(r"(?:[0-9a-fA-F]{3}){1,2}", text):
        return f": No such file; a colour begins with #: '#{text}', in quotes, as # begins a comment in a shell"
    stem, _, suffix = text.rpartition(".") if "." in text else (text, "", "")
    names = {name.rpartition(".")[0]: name for name in shipped_backgrounds()}
    if not suffix:
        names |= {name: name for name in (*NAMED, "blur", "transparent")}
    if near := difflib.get_close_matches(stem.lower(), names, n=1, cutoff=NEAR):
        return f": No such file; did you mean {names[near[0]]}?"
    return (
        ": No such file. Give a picture, a video, a folder of them, a colour (#rrggbb or its name), blur, or one that "
        f"ships: {', '.join(shipped_backgrounds())}"
    )


def shipped_backgrounds() -> list[str]:
    """Names of the pictures that come with rtseg."""
    return sorted(p.name for p in BACKGROUNDS.glob("*.jpg"))


def small_enough(picture: U8) -> U8:
    """The picture, scaled down to KEPT_PIXELS if it has more."""
    scale = (KEPT_PIXELS / (picture.shape[0] * picture.shape[1])) ** 0.5
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return u8(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def check_blur(strength: float) -> float:
    """The strength, or BackgroundError when it is out of range."""
    low, high = BLUR_LIMITS
    if isinstance(strength, bool) or not isinstance(strength, Real) or not low <= strength <= high:
        said = f"{strength:g}" if isinstance(strength, Real) else repr(strength)
        raise BackgroundError(f"blur strength is {said}; give a number, {low:g} to {high:g}")
    return float(strength)


def blurred(picture_bgr: U8, strength: float | None) -> U8:
    """The uint8 HxWx3 picture out of focus, as much as the room would be at that size; itself for None."""
    if strength is None:
        return picture_bgr
    height, width = picture_bgr.shape[:2]
    sigma, small = strength * height / BLUR_HEIGHT, picture_bgr
    while sigma >= 2 * SMALLEST_SIGMA and min(small.shape[:2]) > 1:
        small = u8(cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        sigma /= 2
    soft = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return u8(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR))
