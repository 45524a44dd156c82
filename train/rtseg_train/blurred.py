"""Masks of classes whose borders are blurred, by a JPEG, a lossy WebP or an enlargement: told from alpha, and refused.

Between two classes such a mask holds the numbers or colours of others, so that it can't be read rightly any more.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg_train.classes import NOISE, UnknownClasses, flat

Picture = NDArray[Any]  # uint8 or uint16, HxW or HxWx3
ALONE = 0.05  # share of the pixels at borders that are like no neighbour; where borders are sharp they are below 0.01
CALM = 24  # levels within 3x3 pixels: a class with a lossy format's noise, not a border
BRIGHT = 64  # of 255: what is darker has no sure hue
OTHER_HUE = 64  # of 255, between the channels of two pixels made equally bright
SHARE = 0.01  # of a mask that a class covers
WIDTH = 6  # levels to either side of a class that are its noise
DARK = 8  # of 255, up to which a lossy format's noise leaves flat areas around black
VALLEY = 0.1  # of a class's pixels a level, at most so many lie just outside its noise


def is_blurred(mask: Picture) -> bool:
    """Whether the borders in a mask HxW or HxWx3 are blurred: pixels there have values of their own."""
    if min(mask.shape[:2]) < 3:
        return False
    first = mask if mask.ndim == 3 else mask[..., None]
    values = first.astype(np.int64) @ (1 << 16 * np.arange(first.shape[2], dtype=np.int64))
    inner = values[1:-1, 1:-1]
    height, width = values.shape
    alike = np.zeros(inner.shape, np.uint8)
    for y, x in ((y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)):
        alike += values[y : height - 2 + y, x : width - 2 + x] == inner
    return int(np.count_nonzero(alike == 0)) > ALONE * int(np.count_nonzero(alike < 8))


def several_hues(mask: Picture) -> bool:
    """Whether a mask in colour, HxWx3 BGR, has more than one: alpha is black, one colour and what lies between."""
    small = (mask // (np.iinfo(mask.dtype).max // 255)).astype(np.float32)
    top = small.max(2)
    calm = top - cv2.erode(top, np.ones((3, 3))) <= CALM
    seen = small[calm & (top >= BRIGHT)]
    if not len(seen):
        return False
    hues = seen * (255 / seen.max(1, keepdims=True))
    other = np.abs(hues - np.median(hues, axis=0)).max(1) > OTHER_HUE
    return bool(np.count_nonzero(other) > SHARE * top.size)


def several_levels(mask: Picture) -> bool:
    """Whether a mask HxW, uint8, has classes with noise around each: two that are grey, or a very dark one."""
    least = SHARE * mask.size
    dark = np.bincount(mask[flat(mask)], minlength=256)[DARK + 1 : round(NOISE * 255)]
    calm = cv2.dilate(mask, np.ones((3, 3))) - cv2.erode(mask, np.ones((3, 3))) <= CALM
    counts = np.bincount(mask[calm], minlength=256)
    left, found = counts.copy(), 0
    while (peak := int(left.argmax())) or left[0]:
        if left[max(0, peak - WIDTH) : peak + WIDTH + 1].sum() <= least:
            break
        outside = [v for v in (peak - 2 * WIDTH, peak + 2 * WIDTH) if 0 <= v <= 255]
        sharp = all(counts[max(0, v - 2) : v + 3].mean() < VALLEY * counts[peak] for v in outside)
        found += sharp and NOISE < peak / 255 < 1 - NOISE
        left[max(0, peak - 2 * WIDTH) : peak + 2 * WIDTH + 1] = 0
    return found > 1 or bool((dark > least).any())


def refusal(name: str, person: str = "") -> UnknownClasses:
    """What is said of such a mask; `person` is what --person said."""
    return UnknownClasses(
        f"{name} has blurred borders, as after a JPEG or a change of size, and between two classes lie the values of "
        "others: save masks of classes as PNG, from the labels, at their own size"
        + (f"; leave --person {person} out where masks are alpha from 0 to 255" if person else "")
    )
