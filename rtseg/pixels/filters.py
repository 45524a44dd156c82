"""The matte's filters at network size, compiled: windows of 7x7 pixels, mirrored at the border as cv2 does. Pure.

All arrays are float32 hxw and contiguous, h and w at least 7. What the filters are for is said in matte.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtseg.arrays import F32, U8
from rtseg.pixels.compiled import LUMA_B, LUMA_G, LUMA_R, U, compiled

RADIUS = 3
SHARE = np.float32(1 / (2 * RADIUS + 1) ** 2)  # of one pixel in a window's mean


@compiled
def _inside(y: int, height: int) -> np.uint64:
    """Row `y`, mirrored where it lies outside."""
    y = abs(y)
    return U(y if y < height else 2 * height - 2 - y)


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
        y1, y2, y3 = _inside(y - 3, height), _inside(y - 2, height), _inside(y - 1, height)
        y5, y6, y7 = _inside(y + 1, height), _inside(y + 2, height), _inside(y + 3, height)
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
            down[x] += strength[_inside(y, height), x]
    for y in range(height):
        last, first = _inside(y + RADIUS, height), _inside(y - RADIUS, height)
        for x in range(columns):
            value = down[x] + strength[last, x]
            out[U(y), x] = value * SHARE
            down[x] = value - strength[first, x]
    return total / (height * width)


@compiled
def fade(alpha: F32, moved: F32, limit: np.float32, slope: np.float32, out: F32) -> None:
    """out = alpha with its contrast raised `slope` times around a half, where moved <= limit; 0 from twice that on."""
    scale, zero, half, one = np.float32(1) / limit, np.float32(0), np.float32(0.5), np.float32(1)
    for y in range(U(alpha.shape[0])):
        for x in range(U(alpha.shape[1])):
            share = np.float32(2) - moved[y, x] * scale
            sure = (alpha[y, x] - half) * slope + half
            out[y, x] = min(max(sure, zero), one) * min(max(share, zero), one)


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


@compiled
def _add_row(grey: F32, alpha: F32, y: np.uint64, sign: np.float32, sums: F32) -> None:
    """Add to (or take from) sums, 4 x w: grey, alpha, grey squared, grey times alpha of row y."""
    for x in range(U(grey.shape[1])):
        i, p = sign * grey[y, x], alpha[y, x]
        sums[U(0), x] += i
        sums[U(1), x] += sign * p
        sums[U(2), x] += i * grey[y, x]
        sums[U(3), x] += i * p


@compiled
def linear_fit(grey: F32, alpha: F32, eps: np.float32, a: F32, b: F32) -> None:
    """The guided filter's coefficients: alpha is about a * grey + b in each window, then both averaged over 7x7."""
    height, width = grey.shape
    columns, shift = U(width), U(RADIUS)
    slope, base = np.empty_like(grey), np.empty_like(grey)
    sums = np.zeros((4, width), np.float32)
    one, two = np.empty(width + 2 * RADIUS, np.float32), np.empty(width + 2 * RADIUS, np.float32)
    three, four = np.empty(width + 2 * RADIUS, np.float32), np.empty(width + 2 * RADIUS, np.float32)
    for y in range(-RADIUS, RADIUS):
        _add_row(grey, alpha, _inside(y, height), np.float32(1), sums)
    for y in range(height):
        _add_row(grey, alpha, _inside(y + RADIUS, height), np.float32(1), sums)
        for x in range(columns):
            one[x + shift], two[x + shift] = sums[U(0), x], sums[U(1), x]
            three[x + shift], four[x + shift] = sums[U(2), x], sums[U(3), x]
        _mirror(one)
        _mirror(two)
        _mirror(three)
        _mirror(four)
        for x in range(columns):
            mean_i, mean_p = _seven(one, x) * SHARE, _seven(two, x) * SHARE
            variance = _seven(three, x) * SHARE - mean_i * mean_i
            k = (_seven(four, x) * SHARE - mean_i * mean_p) / (variance + eps)
            slope[U(y), x], base[U(y), x] = k, mean_p - k * mean_i
        _add_row(grey, alpha, _inside(y - RADIUS, height), np.float32(-1), sums)
    _means(slope, one, a)
    _means(base, two, b)


@compiled
def _means(values: F32, row: F32, out: F32) -> None:
    """out = means over 7x7; row: scratch, w + 2 * RADIUS."""
    height, width = values.shape
    columns, shift = U(width), U(RADIUS)
    down = np.zeros(width, np.float32)
    for y in range(-RADIUS, RADIUS):
        for x in range(columns):
            down[x] += values[_inside(y, height), x]
    for y in range(height):
        last, first = _inside(y + RADIUS, height), _inside(y - RADIUS, height)
        for x in range(columns):
            value = down[x] + values[last, x]
            row[x + shift] = value
            down[x] = value - values[first, x]
        _mirror(row)
        for x in range(columns):
            out[U(y), x] = _seven(row, x) * SHARE
