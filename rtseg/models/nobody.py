"""What a network says of pictures without anybody in them: one that sees a person there would show the room.

`require_nobody` looks at a few small ones before a model's first frame, whatever way it came in. `empty_pictures` are
all that the export gate and the tests of the shipped files look at, at every area that `cam` may come down to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32, U8, u8
from rtseg.errors import ModelError
from rtseg.files import BACKGROUNDS
from rtseg.models.foreign.model import ForeignModel
from rtseg.models.fused import FusedModel
from rtseg.models.model import part_of
from rtseg.models.networks import Loaded
from rtseg.pixels.geometry import cover

Alphas = Callable[[U8], F32]  # of a first frame, hxwx3 BGR, its alpha, hxw, both at network size
Pair = tuple[tuple[int, int, int], tuple[int, int, int]]  # two colours, BGR
FRAME = (160, 90)  # width, height, whose shape the pictures of the first look have
SHARE = 0.5  # of the area a model prefers, for those: half the time of a frame each
# Mean alpha. Of a flat wall what is below 0.03 becomes nothing at any `edge` (matte.py), below 0.15 at the usual one;
# the shipped nets give 0.0000 of all of these.
MOST_OF_FLAT, MOST_OF_FLAT_FOREIGN, MOST_OF_PATTERN = 0.05, 0.15, 0.4
GREYS = (0, 32, 64, 96, 128, 160, 192, 224, 255)
INDOORS = ("room.jpg", "studio.jpg")  # of the backgrounds that ship
COLOURS = {"blue": (200, 90, 30), "green": (60, 160, 60), "red": (40, 40, 190), "skin-like": (140, 170, 215)}
PAIRS: dict[str, Pair] = {
    "black and white": ((20, 20, 20), (230, 230, 230)),
    "brown": ((60, 90, 140), (150, 190, 220)),
    "blue": ((160, 90, 40), (230, 220, 210)),
    "red": ((40, 40, 180), (235, 235, 235)),
}
PERIODS = (4, 8, 12, 16, 24, 32)  # pixels at network size


def checks(period: int, x: NDArray[np.intp], y: NDArray[np.intp]) -> F32:
    return ((x // period + y // period) % 2).astype(np.float32)


def dots(period: int, x: NDArray[np.intp], y: NDArray[np.intp]) -> F32:
    near = (x % period - period / 2) ** 2 + (y % period - period / 2) ** 2 < (0.3 * period) ** 2
    return near.astype(np.float32)


def plaid(period: int, x: NDArray[np.intp], y: NDArray[np.intp]) -> F32:
    return ((x // period % 2 + y // period % 2) / 2).astype(np.float32)


def tiles(period: int, x: NDArray[np.intp], y: NDArray[np.intp]) -> F32:
    joint = max(1, period // 8)
    return ((x % period < joint) | (y % period < joint)).astype(np.float32)


def stripes(period: int, x: NDArray[np.intp], y: NDArray[np.intp]) -> F32:
    return (x // period % 2).astype(np.float32)


PATTERNS: dict[str, Callable[[int, NDArray[np.intp], NDArray[np.intp]], F32]] = {
    "checks": checks,
    "dots": dots,
    "plaid": plaid,
    "tiles": tiles,
    "stripes": stripes,
}


def drawn(share: F32, pair: Pair) -> U8:
    """Two colours mixed by `share`, float32 hxw in 0..1; uint8 hxwx3."""
    first, second = (np.array(colour, np.float32) for colour in pair)
    mixed = first + share[..., None] * (second - first)
    return np.ascontiguousarray(np.rint(mixed).astype(np.uint8))


@lru_cache(maxsize=8)
def shipped_room(name: str) -> U8:
    """One of the backgrounds that ship, uint8 360x640x3: a view without people."""
    picture = cv2.imdecode(np.frombuffer((BACKGROUNDS / name).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return cover(u8(picture), 640, 360)


def rooms(width: int, height: int, names: Iterable[str]) -> Iterator[tuple[str, U8]]:
    """Backgrounds that ship, by name."""
    for name in names:
        small = cv2.resize(shipped_room(name), (width, height), interpolation=cv2.INTER_AREA)
        yield name, u8(small)


def flats(width: int, height: int) -> Iterator[tuple[str, U8]]:
    """Walls of one grey or colour."""
    named = {**{f"grey {level}": (level,) * 3 for level in GREYS}, **COLOURS}
    for name, colour in named.items():
        yield name, np.full((height, width, 3), colour, np.uint8)


def noises(width: int, height: int) -> Iterator[tuple[str, U8]]:
    """Fine noise, as of a sensor in the dark, and coarse, as of plaster or a carpet."""
    rng = np.random.default_rng(0)
    yield "noise", rng.integers(0, 256, (height, width, 3), np.uint8)
    few = rng.integers(0, 256, (max(1, height // 12), max(1, width // 12), 3), np.uint8)
    yield "coarse noise", u8(cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC))


def patterned(
    width: int, height: int, periods: Iterable[int] = PERIODS, kinds: Iterable[str] = tuple(PATTERNS)
) -> Iterator[tuple[str, U8]]:
    """Each pattern at each period in each pair of colours."""
    y, x = np.mgrid[:height, :width]
    for name in kinds:
        for period in periods:
            share = PATTERNS[name](period, x, y)
            for colours, pair in PAIRS.items():
                yield f"{name} of {period} pixels, {colours}", drawn(share, pair)


def empty_pictures(width: int, height: int) -> Iterator[tuple[str, U8]]:
    """All of them, by name: uint8 HxWx3 BGR."""
    yield from flats(width, height)
    yield from noises(width, height)
    yield from patterned(width, height)


def alphas_of(model: Loaded) -> Alphas:
    """What gives a model's alphas of pictures of its network's size, which has to be one that it can work at."""
    if isinstance(model, FusedModel):
        return model.first_alpha

    def first(small_bgr: U8) -> F32:
        model.reset()
        return model.run(small_bgr, np.zeros(small_bgr.shape[:2], np.float32))

    return first


_looked: WeakKeyDictionary[Loaded, str | None] = WeakKeyDictionary()  # -> what is wrong, or None


def require_nobody(model: Loaded) -> None:
    """Raise ModelError when the model calls walls, patterns or noise a person; each is looked at once.

    Walls of several levels and colours may have next to nothing of a person, so that constant halves are refused too.
    Single patterns mislead nets that are otherwise good: a kind of them is held against a model as a whole, and
    likewise real rooms.
    """
    if model not in _looked:
        _looked[model] = found(model)
        if not isinstance(model, FusedModel):
            model.reset()
    if problem := _looked[model]:
        raise ModelError(problem)


def found(model: Loaded) -> str | None:
    """What speaks against it, in words. Raises ModelError when it gives no alpha."""
    share = 1.0 if isinstance(model, ForeignModel) else SHARE  # others' may be lost at a size not their own
    width, height = model.size_for(*FRAME, part_of(model.info.area, share))
    alpha = alphas_of(model)
    most = MOST_OF_FLAT_FOREIGN if isinstance(model, ForeignModel) else MOST_OF_FLAT
    for name, picture in flats(width, height):
        if not (seen := float(alpha(picture).mean())) <= most:
            return verdict(model, seen, name)
    kinds = {kind: list(patterned(width, height, (8, 16), (kind,)))[1::3] for kind in PATTERNS}
    kinds |= {"rooms": list(rooms(width, height, INDOORS)), "noise": list(noises(width, height))}
    for kind, pictures in kinds.items():
        if not (seen := float(np.mean([alpha(picture).mean() for _, picture in pictures]))) <= MOST_OF_PATTERN:
            return verdict(model, seen, kind)
    return None


def verdict(model: Loaded, seen: float, what: str) -> str:
    return (
        f"{model.path} calls {seen:.0%} of an empty picture ({what}) a person; it would show your room. "
        "Train it further, or export it again"
    )
