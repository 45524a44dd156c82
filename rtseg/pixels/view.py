"""A view: the whole frame on a grid, finer than the network could take, and a box in it that it can. Pure.

All that follows the network happens on that grid; outside the box nobody is. An extent is where somebody is, as
shares of the frame. follow.py chooses views.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np

from rtseg.arrays import F32, U8
from rtseg.pixels.geometry import STRIDE

Picture = TypeVar("Picture", U8, F32)
Extent = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the frame
LATTICE = 8  # pixels: the grid's sides and the box's place are multiples of it
STEPS = 64  # of the frame's sides, to which an extent is rounded up: few views, each for long
MARGIN, LEAST_MARGIN = 0.07, 0.01  # around people, of their extent's sides and of the frame's
CLOSEST = 2.0  # times as many pixels along a side as the plain whole frame has, at most
WORTH = 1.1  # times as many, at least: less is not worth a change
SQUASHED = 1.2  # times as many pixels along one side as along the other, at most: boxes come in few shapes
CELL = 4  # pixels: side of the squares in which people are looked for
SURE = 0.4  # mean alpha of such a square from which it counts
LEAST = 0.002  # of the frame: smaller pieces are not people


@dataclass(frozen=True)
class View:
    """The frame's size on the grid, (w, h), and the box in it, (x, y, w, h); pixels."""

    grid: tuple[int, int]
    box: tuple[int, int, int, int]

    @classmethod
    def whole(cls, size: tuple[int, int]) -> View:
        """All of the frame at the network's plain size (w, h)."""
        return cls(size, (0, 0, *size))

    @property
    def is_whole(self) -> bool:
        return self.box[2:] == self.grid

    def of(self, picture: Picture) -> Picture:
        """The box of what lies on the grid, contiguous; `picture` itself where the box is all of it."""
        x, y, w, h = self.box
        return picture if self.is_whole else np.ascontiguousarray(picture[y : y + h, x : x + w])

    def on_grid(self, inside: F32, outside: float = 0.0) -> F32:
        """What lies in the box, float32 hxw, on the whole grid; `inside` itself where the box is all of it."""
        if self.is_whole:
            return inside
        x, y, w, h = self.box
        picture = np.full(self.grid[::-1], outside, np.float32)
        picture[y : y + h, x : x + w] = inside
        return picture

    def on_grid_of_quarters(self, step: U8) -> U8:
        """The box at a quarter of its sides, uint8 h/4 x w/4 x 3, on the whole grid at that size, else neutral grey."""
        if self.is_whole:
            return step
        x, y, w, h = (v // 4 for v in self.box)
        picture = np.full((self.grid[1] // 4, self.grid[0] // 4, 3), 128, np.uint8)
        picture[y : y + h, x : x + w] = step
        return picture

    def seen_from(self, other: View, inside: F32, outside: float = 0.0) -> F32:
        """What lies in this box, float32 hxw, in the box of another view."""
        picture = self.on_grid(inside, outside)
        if self.grid != other.grid:
            picture = cv2.resize(picture, other.grid, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
        return np.ascontiguousarray(other.of(picture))

    def extent(self, inside: Extent) -> Extent:
        """Shares of the box as shares of the frame."""
        x, y, w, h = self.box
        (gw, gh), (left, top, right, bottom) = self.grid, inside
        return (x + left * w) / gw, (y + top * h) / gh, (x + right * w) / gw, (y + bottom * h) / gh


def people(alpha: F32, view: View) -> list[Extent]:
    """Where people are in the frame, by the alpha of a view's box, float32 hxw; small islands are nobody."""
    height, width = alpha.shape
    size = (-(-width // CELL), -(-height // CELL))
    cells = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > SURE).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
    least = LEAST * view.grid[0] * view.grid[1] / (width * height) * size[0] * size[1]
    found = []
    for x, y, w, h, area in stats[1:count].tolist():
        if area >= least:
            found.append(view.extent((x / size[0], y / size[1], (x + w) / size[0], (y + h) / size[1])))
    return found


def union(extents: Iterable[Extent]) -> Extent:
    """The smallest extent around at least one."""
    left, top, right, bottom = zip(*extents, strict=True)
    return min(left), min(top), max(right), max(bottom)


def with_margin(extent: Extent) -> Extent:
    """With room around it, on the lattice of STEPS, inside the frame."""
    left, top, right, bottom = extent
    x, y = MARGIN * (right - left) + LEAST_MARGIN, MARGIN * (bottom - top) + LEAST_MARGIN
    low = (max(0, math.floor(STEPS * v)) / STEPS for v in (left - x, top - y))
    high = (min(STEPS, math.ceil(STEPS * v)) / STEPS for v in (right + x, bottom + y))
    return (*low, *high)  # type: ignore[return-value]


@lru_cache(maxsize=256)
def closest(extent: Extent, frame: tuple[int, int], plain: tuple[int, int], area: int) -> View:
    """The view that gives an extent the most pixels; the plain whole frame where that is not worth it.

    frame: (width, height); plain: the network's size for all of it; area: pixels of the box, at most, where plain
    has no more.
    """
    width, height = frame
    sides = (extent[2] - extent[0], extent[3] - extent[1])
    units = max(area, plain[0] * plain[1]) // STRIDE**2
    lower = math.sqrt(plain[0] * plain[1] / (width * height))
    best, best_scale = View.whole(plain), WORTH * lower
    for columns in range(2, units // 2 + 1):
        wide = columns * STRIDE / (sides[0] * width)
        needed = math.ceil(wide * sides[1] * height / STRIDE)
        for rows in {needed - 1, needed, units // columns}:
            if not 2 <= rows <= units // columns:
                continue
            high, most = rows * STRIDE / (sides[1] * height), min(CLOSEST * lower, 1.0)
            across, down = min(wide, high * SQUASHED, most), min(high, wide * SQUASHED, most)
            scale = math.sqrt(across * down)
            grid = (LATTICE * round(across * width / LATTICE), LATTICE * round(down * height / LATTICE))
            w, h = STRIDE * columns, STRIDE * rows
            fits = w <= grid[0] and h <= grid[1] and sides[0] * grid[0] <= w + 4 and sides[1] * grid[1] <= h + 4
            if fits and scale > best_scale * (1 + 1e-6):
                best, best_scale = View(grid, (*placed(extent, grid, (w, h)), w, h)), scale
    return best


def placed(extent: Extent, grid: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """(x, y) of a box (w, h) with an extent in its middle, as far as the grid goes."""
    corner = []
    for low, high, whole, side in zip(extent[:2], extent[2:], grid, box, strict=True):
        middle = LATTICE * round(((low + high) / 2 * whole - side / 2) / LATTICE)
        corner.append(min(max(0, middle), whole - side))
    return corner[0], corner[1]


def nearest(extent: Extent, view: View) -> float:
    """How near an extent comes to those edges of the box that are not the frame's, as a share of the box's side."""
    (gw, gh), (x, y, w, h) = view.grid, view.box
    left, top, right, bottom = extent
    return min(
        (left * gw - x) / w if x > 0 else math.inf,
        (top * gh - y) / h if y > 0 else math.inf,
        (x + w - right * gw) / w if x + w < gw else math.inf,
        (y + h - bottom * gh) / h if y + h < gh else math.inf,
    )


def outside(picture: F32, view: View, more: int) -> F32:
    """A copy of float32 hxw over the whole frame with 0 in the view's box and `more` pixels around it."""
    height, width = picture.shape
    (gw, gh), (x, y, w, h) = view.grid, view.box
    left, top = math.floor(x / gw * width) - more, math.floor(y / gh * height) - more
    right, bottom = math.ceil((x + w) / gw * width) + more, math.ceil((y + h) / gh * height) + more
    copy = picture.copy()
    copy[max(0, top) : bottom, max(0, left) : right] = 0
    return copy
