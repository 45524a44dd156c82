"""Rows of full-size alpha from the network's coefficients: where it is surely 0 or 1, and its values elsewhere. Pure.

Alpha is clip(a * grey + b) with a and b linear between the network's pixels, so that where four neighbours' alpha is
0 (or 1) for black and for white, it is so between them. See matte.py for a and b.
"""

from __future__ import annotations

import numpy as np

from rtseg.arrays import F32, I32, U8, U64
from rtseg.pixels.compiled import LUMA_B, LUMA_G, LUMA_R, U, compiled

SURE = np.float32(0.9e-3)  # twice 255 times this is below half a level: rounding hides it
ROOM, PERSON, EDGE = 0, 1, 2


@compiled
def find_runs(
    a: F32, b: F32, r: np.uint64, starts: I32, width: int, extremes: F32, kinds: U8, eight: U64, bounds: I32, of: U8
) -> int:
    """Stretches of one kind between the rows r and r + 1: bounds[i] to bounds[i + 1] is of[i]; returns how many.

    extremes (2 x w), kinds (w, in whole eights) and `eight`, the same as uint64: scratch.
    """
    cells, q = U(a.shape[1] - 1), r + U(1)
    for x in range(U(a.shape[1])):
        black, white = b[r, x], a[r, x] + b[r, x]
        dark, light = b[q, x], a[q, x] + b[q, x]
        extremes[U(0), x] = max(max(black, white), max(dark, light))
        extremes[U(1), x] = min(min(black, white), min(dark, light))
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
def widen(a: F32, b: F32, r: np.uint64, first: I32, right: F32, start: np.uint64, stop: np.uint64, lines: F32) -> None:
    """lines (4xW)[:, start:stop] = a and b of the rows r and r + 1, linear between their values."""
    q = r + U(1)
    for x in range(start, stop):
        left, weight = U(first[x]), right[x]
        other = left + U(1)
        lines[U(0), x] = a[r, left] + weight * (a[r, other] - a[r, left])
        lines[U(1), x] = a[q, left] + weight * (a[q, other] - a[q, left])
        lines[U(2), x] = b[r, left] + weight * (b[r, other] - b[r, left])
        lines[U(3), x] = b[q, left] + weight * (b[q, other] - b[q, left])


@compiled
def alpha_run(
    near: U8, n: np.uint64, x0: np.uint64, count: np.uint64, lines: F32, weight: np.float32, alpha: F32
) -> None:
    """alpha[:count] of the pixels from near[n] on; x0: their first column. lines: see `widen`."""
    upper = np.float32(1) - weight
    for k in range(count):
        x, p = x0 + k, n + U(3) * k
        grey = np.float32(near[p]) * LUMA_B + np.float32(near[p + U(1)]) * LUMA_G + np.float32(near[p + U(2)]) * LUMA_R
        slope = lines[U(0), x] * upper + lines[U(1), x] * weight
        value = slope * grey + (lines[U(2), x] * upper + lines[U(3), x] * weight)
        alpha[k] = min(max(value, np.float32(0)), np.float32(1))
