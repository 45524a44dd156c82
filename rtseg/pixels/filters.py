"""The matte's filters at network size, compiled: windows of 7x7 pixels, mirrored at the border as cv2 does. Pure.

All arrays are float32 hxw and contiguous, h and w at least 7. What the filters are for is said in matte.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtseg.arrays import F32, U8
from rtseg.pixels.compiled import LUMA_B, LUMA_G, LUMA_R, U, compiled, mirrored

RADIUS = 3
SHARE = np.float32(1 / (2 * RADIUS + 1) ** 2)  # of one pixel in a window's mean


@compiled
def _mirror(row: F32) -> None:
    """Fill the RADIUS values at each end of a row from those further in."""
    last = row.size - 1
    for k in range(RADIUS):
        row[k] = row[2 * RADIUS - k]
        row[last - k] = row[last - 2 * RADIUS + k]


@compiled
def _seven(row: F32, x: np.uint64) -> Any:
    """Sum of seven values from x on."""
    left, right = row[x] + row[x + U(1)] + row[x + U(2)], row[x + U(4)] + row[x + U(5)] + row[x + U(6)]
    return left + row[x + U(3)] + right


@compiled
def _bell(row: F32, x: np.uint64, weights: F32) -> Any:
    """Seven values from x on, weighted; weights: of the middle and of those at distance 1, 2 and 3."""
    near, middle, far = row[x + U(2)] + row[x + U(4)], row[x + U(1)] + row[x + U(5)], row[x] + row[x + U(6)]
    return weights[0] * row[x + U(3)] + weights[1] * near + weights[2] * middle + weights[3] * far


@compiled
def luma(bgr: U8, out: F32) -> None:
    """Grey in 0..1. bgr: 3n bytes, out: n values."""
    for k in range(U(out.size)):
        p = U(3) * k
        out[k] = np.float32(bgr[p]) * LUMA_B + np.float32(bgr[p + U(1)]) * LUMA_G + np.float32(bgr[p + U(2)]) * LUMA_R


@compiled
def change(grey: F32, before: F32, weights: F32, out: F32) -> Any:
    """out = mean over 7x7 of |smoothed(grey - before)|; returns the mean of |grey - before|.

    weights: see `_bell`, of the smoothing along each axis.
    """
    height, width = grey.shape
    columns, shift = U(width), U(RADIUS)
    smooth, strength = np.empty_like(grey), np.empty_like(grey)
    row, down = np.empty(width + 2 * RADIUS, np.float32), np.zeros(width, np.float32)
    for y in range(U(height)):
        for x in range(columns):
            difference = grey[y, x] - before[y, x]
            row[x + shift] = difference
            down[x] += abs(difference)
        _mirror(row)
        for x in range(columns):
            smooth[y, x] = _bell(row, x, weights)
    total = 0.0
    for x in range(columns):
        total += down[x]
    for y in range(height):
        y1, y2, y3 = mirrored(y - 3, height), mirrored(y - 2, height), mirrored(y - 1, height)
        y5, y6, y7 = mirrored(y + 1, height), mirrored(y + 2, height), mirrored(y + 3, height)
        for x in range(columns):
            value = weights[0] * smooth[U(y), x] + weights[1] * (smooth[y3, x] + smooth[y5, x])
            value += weights[2] * (smooth[y2, x] + smooth[y6, x]) + weights[3] * (smooth[y1, x] + smooth[y7, x])
            row[x + shift] = abs(value)
        _mirror(row)
        for x in range(columns):
            strength[U(y), x] = _seven(row, x)
    for x in range(columns):
        down[x] = np.float32(0)
    for y in range(-RADIUS, RADIUS):
        for x in range(columns):
            down[x] += strength[mirrored(y, height), x]
    for y in range(height):
        last, first = mirrored(y + RADIUS, height), mirrored(y - RADIUS, height)
        for x in range(columns):
            value = down[x] + strength[last, x]
            out[U(y), x] = value * SHARE
            down[x] = value - strength[first, x]
    return total / (height * width)


@compiled
def fade(alpha: F32, moved: F32, limit: np.float32, slope: np.float32, still: F32, known: F32) -> None:
    """still = 1 where moved <= limit, 0 from twice that on; known = that times alpha, contrast raised `slope` times."""
    scale, zero, half, one = np.float32(1) / limit, np.float32(0), np.float32(0.5), np.float32(1)
    for y in range(U(alpha.shape[0])):
        for x in range(U(alpha.shape[1])):
            still[y, x] = min(max(np.float32(2) - moved[y, x] * scale, zero), one)
            known[y, x] = min(max((alpha[y, x] - half) * slope + half, zero), one) * still[y, x]


@compiled
def hold(
    alpha: F32, before: F32, moved: F32, near: U8, limit: np.float32, most: np.float32, doubt: np.float32, out: F32
) -> None:
    """out = alpha moved towards `before` by up to `most` of the way: less the more moves and the more they differ.

    Where near is 0 and nothing moves it is not above `before`.
    """
    scale, trust, zero = np.float32(1) / limit, np.float32(1) / doubt, np.float32(0)
    for y in range(U(alpha.shape[0])):
        for x in range(U(alpha.shape[1])):
            difference = before[y, x] - alpha[y, x]
            agreement = max(np.float32(1) - abs(difference) * trust, zero)
            stillness = min(max(np.float32(2) - moved[y, x] * scale, zero), np.float32(1))
            share = most * agreement
            if near[y, x] == 0 and difference < zero:
                share = np.float32(1)
            out[y, x] = alpha[y, x] + stillness * share * difference


@compiled
def fill(alpha: F32, before: F32, moved: F32, closed: F32, limit: np.float32, slope: np.float32) -> None:
    """Raise alpha, where nothing moves, to the least of `closed`, `before` and `before` made sharper (see `fade`)."""
    scale, zero, half = np.float32(1) / limit, np.float32(0), np.float32(0.5)
    for y in range(U(alpha.shape[0])):
        for x in range(U(alpha.shape[1])):
            sure = (before[y, x] - half) * slope + half
            least = min(min(closed[y, x], before[y, x]), sure)
            stillness = min(max(np.float32(2) - moved[y, x] * scale, zero), np.float32(1))
            alpha[y, x] += stillness * max(least - alpha[y, x], zero)
