"""Rows of full-size alpha from the network's coefficients: where it is surely 0 or 1, and its values elsewhere. Pure.

Alpha is clip(slopes * colours + constant), all four linear between the coefficients' cells, so that where four
neighbours' alpha is 0 (or 1) for all colours, it is so between them. See matte.py for the coefficients.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtseg.arrays import F32, I32, U8, U64
from rtseg.pixels.compiled import U, compiled

SURE = np.float32(0.9e-3)  # twice 255 times this is below half a level: rounding hides it
ROOM, PERSON, EDGE = 0, 1, 2


@compiled
def _extremes(fit: F32, r: np.uint64, x: np.uint64) -> Any:
    """(least, greatest) alpha that any colour could have at a cell."""
    white, none = np.float32(255), np.float32(0)
    b, g, r_ = white * fit[U(0), r, x], white * fit[U(1), r, x], white * fit[U(2), r, x]
    rest = fit[U(3), r, x]
    least = rest + min(b, none) + min(g, none) + min(r_, none)
    return least, rest + max(b, none) + max(g, none) + max(r_, none)


@compiled
def find_runs(
    fit: F32, r: np.uint64, starts: I32, width: int, extremes: F32, kinds: U8, eight: U64, bounds: I32, of: U8
) -> int:
    """Stretches of one kind between the rows r and r + 1: bounds[i] to bounds[i + 1] is of[i]; returns how many.

    extremes (2 x w), kinds (w, in whole eights) and `eight`, the same as uint64: scratch.
    """
    cells = U(fit.shape[2] - 1)
    for x in range(U(fit.shape[2])):
        (dark, light), (low, high) = _extremes(fit, r, x), _extremes(fit, r + U(1), x)
        extremes[U(0), x] = max(light, high)
        extremes[U(1), x] = min(dark, low)
    for x in range(cells):
        unsure = np.uint8(max(extremes[U(0), x], extremes[U(0), x + U(1)]) > SURE)
        no_person = np.uint8(min(extremes[U(1), x], extremes[U(1), x + U(1)]) < np.float32(1) - SURE)
        kinds[x] = unsure + unsure * no_person  # ROOM is 0, PERSON 1 and EDGE 2: without branches
    count = 0
    bounds[0], of[0] = 0, kinds[0]
    for word in range(U(eight.size)):
        if eight[word] == U(0x0101010101010101) * U(of[count]):
            continue
        for cell in range(U(8) * word, min(U(8) * word + U(8), cells)):
            if kinds[cell] != of[count]:
                count += 1
                bounds[count], of[count] = starts[cell], kinds[cell]
    bounds[count + 1] = width
    return count + 1


@compiled
def widen(fit: F32, r: np.uint64, first: I32, right: F32, start: np.uint64, stop: np.uint64, lines: F32) -> None:
    """lines (8xW)[:, start:stop] = the four coefficients of row r, then of row r + 1, linear between their values."""
    for k in range(U(4)):
        for x in range(start, stop):
            left, weight = U(first[x]), right[x]
            other, q = left + U(1), r + U(1)
            lines[k, x] = fit[k, r, left] + weight * (fit[k, r, other] - fit[k, r, left])
            lines[U(4) + k, x] = fit[k, q, left] + weight * (fit[k, q, other] - fit[k, q, left])


@compiled
def alpha_run(
    near: U8, n: np.uint64, x0: np.uint64, count: np.uint64, lines: F32, weight: np.float32, alpha: F32
) -> None:
    """alpha[:count] of the pixels from near[n] on; x0: their first column. lines: see `widen`."""
    upper = np.float32(1) - weight
    for k in range(count):
        x, p = x0 + k, n + U(3) * k
        blue = lines[U(0), x] * upper + lines[U(4), x] * weight
        green = lines[U(1), x] * upper + lines[U(5), x] * weight
        red = lines[U(2), x] * upper + lines[U(6), x] * weight
        value = lines[U(3), x] * upper + lines[U(7), x] * weight
        value += blue * np.float32(near[p]) + green * np.float32(near[p + U(1)]) + red * np.float32(near[p + U(2)])
        alpha[k] = min(max(value, np.float32(0)), np.float32(1))
