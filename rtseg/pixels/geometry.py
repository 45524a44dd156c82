"""Sizes: the network's size for a frame, and the crop that fills a frame with a picture without stretching it."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from rtseg.arrays import F32, U8, f32, u8

STRIDE = 32  # the network halves its input five times


@lru_cache(maxsize=64)
def network_size(width: int, height: int, area: int) -> tuple[int, int]:
    """The (width, height), multiples of 32, that fits a frame's shape best at about `area` pixels.

    A wrong shape costs twice as much as a wrong area: 16:10 gives 256x160 for 40,960, 3:4 gives 192x256.
    """
    aspect = width / height
    wide = math.sqrt(area * aspect) / STRIDE
    tall = math.sqrt(area / aspect) / STRIDE
    best, best_cost = (STRIDE, STRIDE), math.inf
    for w in {max(1, math.floor(wide)), math.ceil(wide)}:
        for h in {max(1, math.floor(tall)), math.ceil(tall)}:
            cost = abs(math.log(w / h / aspect)) + 0.5 * abs(math.log(w * h * STRIDE**2 / area))
            if cost < best_cost:
                best, best_cost = (w * STRIDE, h * STRIDE), cost
    return best


def scaled(plane: F32, size: tuple[int, int]) -> F32:
    """float32 HxW at another (width, height), linear: within its own limits."""
    return f32(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR))


def limited(picture: U8, most: int) -> U8:
    """uint8 HxW or HxWxC with no side longer than `most` pixels; the picture itself where none is."""
    height, width = picture.shape[:2]
    share = most / max(height, width)
    if share >= 1:
        return picture
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return u8(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def cover_crop(width: int, height: int, to_width: int, to_height: int) -> tuple[int, int, int, int]:
    """The centred (x, y, w, h) inside a width x height picture that has the target's aspect ratio."""
    w = min(width, max(1, round(height * to_width / to_height)))
    h = min(height, max(1, round(width * to_height / to_width)))
    return (width - w) // 2, (height - h) // 2, w, h


def cover(picture: U8, width: int, height: int) -> U8:
    """The picture cropped around its middle and scaled to fill width x height; never stretched."""
    x, y, w, h = cover_crop(picture.shape[1], picture.shape[0], width, height)
    crop = picture[y : y + h, x : x + w]
    shrinks = w > width
    scaled = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(u8(scaled))
