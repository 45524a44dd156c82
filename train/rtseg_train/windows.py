"""Which part of a picture a sample shows, and the picture through that window. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from rtseg.arrays import F32, U8, u8
from rtseg.pixels.matte import square

Rng = np.random.Generator
EDGE = 3  # pixels from the picture's border within which a person counts as cut off by it
NEAR = 0.3  # share of the windows that lie around the person, as the runtime's crop that follows them


@dataclass(frozen=True)
class Picture:
    """uint8 HxWx3 BGR and uint8 HxW alpha 0..255; more is known of some."""

    image: U8
    alpha: U8
    sure: U8 | None = None  # HxW, how far the label is to be believed, 0..255; None: wholly
    exact: bool = False  # a cut-out: alpha is the truth, and the colours go on beyond the edge

    @cached_property
    def box(self) -> tuple[int, int, int, int] | None:
        """(left, right, top, bottom) of who is in the picture, in pixels; None for nobody."""
        columns = np.flatnonzero(self.alpha.max(0) > 127)
        rows = np.flatnonzero(self.alpha.max(1) > 127)
        return (int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1) if len(columns) else None


class View(NamedTuple):
    """A picture through a window."""

    frame: U8  # HxWx3
    alpha: F32  # HxW, 0..1
    sure: F32  # HxW, 0..1


def place_on_edge(rng: Rng, alpha: F32, reach: int) -> tuple[int, int] | None:
    """(y, x) of a pixel of the person, at most so many pixels from the edge; None where there is none. alpha: HxW."""
    inside = (alpha > 0.5).astype(np.uint8)
    near = np.argwhere(inside & ~cv2.erode(inside, square(reach)).astype(bool))
    if not len(near):
        return None
    y, x = near[rng.integers(len(near))].tolist()
    return y, x


def crop_window(rng: Rng, picture: Picture, size: tuple[int, int]) -> F32:
    """A 2x3 matrix from a window inside the picture to the sample: a random one, or one around the person."""
    h, w = picture.alpha.shape
    aspect = size[0] / size[1] * rng.uniform(0.9, 1.1)
    box = picture.box if rng.random() < NEAR else None
    if box is None:
        scale = 1 - 0.5 * rng.random() ** 1.5
        cw = scale * min(w, h * aspect)
        ch = cw / aspect
        x, y = rng.uniform(0, w - cw), rng.uniform(0, h - ch)
    else:
        left, right, top, bottom = box
        margin = rng.uniform(1.02, 1.5)
        cw = min(w, h * aspect, max((right - left) * margin, (bottom - top) * margin * aspect))
        ch = cw / aspect
        x = min(max(0.0, (left + right) / 2 + rng.uniform(-0.1, 0.1) * cw - cw / 2), w - cw)
        y = min(max(0.0, (top + bottom) / 2 + rng.uniform(-0.1, 0.1) * ch - ch / 2), h - ch)
    angle = rng.normal(0, 4) if rng.random() < 0.5 else 0.0
    return window_matrix(x, y, cw, ch, size, angle, rng.random() < 0.5)


def person_window(rng: Rng, picture: Picture, size: tuple[int, int]) -> F32:
    """A window, possibly larger than the picture, in which a person cut by the picture's edge doesn't float.

    A cut-out always counts as cut at its bottom.
    """
    h, w = picture.alpha.shape
    box = picture.box
    if box is None:
        return crop_window(rng, picture, size)
    left, right, top, bottom = box
    cut_left, cut_right, cut_top = left < EDGE, right > w - EDGE, top < EDGE
    cut_bottom = picture.exact or bottom > h - EDGE
    aspect = size[0] / size[1] * rng.uniform(0.9, 1.1)
    ch = (bottom - top) / rng.uniform(0.4, 1.15)
    if cut_top:
        ch = min(ch, bottom)
    cw = ch * aspect
    if cut_left and cut_right:
        cw = min(cw, w)
        ch = cw / aspect
    if cut_bottom:
        lowest = (bottom if picture.exact else h) - ch
        y = rng.uniform(min(lowest, top - 0.15 * ch), lowest) - rng.uniform(0, 0.15) * ch
    else:
        y = bottom + rng.uniform(-0.05, 0.3) * ch - ch
    x = (left + right) / 2 + rng.uniform(-0.35, 0.35) * cw - cw / 2
    if cut_top:
        y = max(y, 0.0)
    if cut_right:
        x = min(x, w - cw)
    if cut_left:
        x = max(x, 0.0)
    return window_matrix(x, y, cw, ch, size, 0.0, rng.random() < 0.5)


def window_matrix(x: float, y: float, cw: float, ch: float, size: tuple[int, int], angle: float, flip: bool) -> F32:
    """2x3 affine from the window (x, y, cw, ch), turned by `angle` degrees, to the whole sample."""
    w, h = size
    sx, sy = w / cw, h / ch
    matrix = np.array([[sx, 0, -x * sx], [0, sy, -y * sy], [0, 0, 1]])
    turn = np.vstack([cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1 + abs(angle) * 0.012), [0, 0, 1]])
    matrix = turn @ matrix
    if flip:
        matrix = np.array([[-1, 0, w - 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    return np.asarray(matrix[:2], np.float32)


def warp(picture: Picture, matrix: F32, size: tuple[int, int], outside: int = cv2.BORDER_REFLECT_101) -> View:
    """The picture through the matrix; INTER_AREA-like when it shrinks. outside: how alpha goes on beyond its border."""
    shrink = 1 / max(1e-6, abs(np.linalg.det(matrix[:, :2])) ** 0.5)

    def through(plane: U8, border: int) -> U8:
        if shrink > 1.6:  # linear sampling alone would alias
            plane = u8(cv2.blur(plane, (round(shrink), round(shrink))))
        warped = cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)
        return u8(warped)

    sure = np.ones(size[::-1], np.float32)
    if picture.sure is not None:
        sure = through(picture.sure, cv2.BORDER_REPLICATE).astype(np.float32) / np.float32(255)
    alpha = through(picture.alpha, outside).astype(np.float32) / np.float32(255)
    return View(through(picture.image, cv2.BORDER_REFLECT_101), alpha, sure)
