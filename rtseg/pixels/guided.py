"""The guided filter that fits alpha to a picture's colours at network size, compiled. Pure.

Guided filter with a guide in colour (He, Sun & Tang 2013, "Guided Image Filtering"), whose coefficients are worked out
for cells of 2x2 pixels only, as they are smooth. Mirrored at the border as cv2 does. Loops over two or three rows at a
time are vectorised, over thirteen they are not: hence the many small ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtseg.arrays import F32, U8
from rtseg.pixels.compiled import U, compiled, mirrored

CELL, CELLS = 2, 3  # pixels on a side of a cell, and cells on a side of a window
# For those who do it with whole planes. Of blue, green, red and alpha those that are multiplied with each other: the
# colours' six products, then each with alpha. Of the covariances BB, BG, BR, GG, GR, RR those that make the adjugate,
# in the same order, each as PQ - RT; and where in a square of 3x3 it has them.
PAIRS = [0, 0, 0, 1, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 2, 3, 3, 3]
ADJUGATE = [3, 2, 1, 0, 1, 0], [5, 4, 4, 5, 2, 3], [4, 1, 2, 2, 0, 1], [4, 5, 3, 2, 4, 1]
SQUARE = [0, 1, 2, 1, 3, 4, 2, 4, 5]


@compiled
def _halves(plane: Any, y: np.uint64, out: F32) -> None:
    """out, 4 * w/2: of each cell in the rows 2y, 2y + 1 the upper left pixel, upper right, lower left, lower right."""
    n, top, bottom = U(out.size // 4), U(2) * y, U(2) * y + U(1)
    for x in range(n):
        out[x], out[n + x] = plane[top, U(2) * x], plane[top, U(2) * x + U(1)]
    for x in range(n):
        out[U(2) * n + x], out[U(3) * n + x] = plane[bottom, U(2) * x], plane[bottom, U(2) * x + U(1)]


@compiled
def _sum(i: F32, out: F32) -> None:
    """out = sums of i, see `_halves`, over cells."""
    n = U(out.size)
    for x in range(n):
        out[x] = i[x] + i[n + x] + (i[U(2) * n + x] + i[U(3) * n + x])


@compiled
def _product(i: F32, j: F32, out: F32) -> None:
    """out = sums of i * j over cells."""
    n = U(out.size)
    for x in range(n):
        left = i[x] * j[x] + i[U(2) * n + x] * j[U(2) * n + x]
        out[x] = left + i[n + x] * j[n + x] + i[U(3) * n + x] * j[U(3) * n + x]


@compiled
def _cells(blue: U8, green: U8, red: U8, alpha: F32, y: np.uint64, halves: F32, out: F32) -> None:
    """out, 13 x w/2: sums over a row of cells of blue, green, red, alpha, BB, BG, BR, GG, GR, RR, and alpha B, G, R.

    halves: scratch, 4 x 2w.
    """
    _halves(blue, y, halves[0])
    _halves(green, y, halves[1])
    _halves(red, y, halves[2])
    _halves(alpha, y, halves[3])
    for i in range(4):
        _sum(halves[i], out[i])
    k = 4
    for i in range(3):
        for j in range(i, 3):
            _product(halves[i], halves[j], out[k])
            k += 1
    for i in range(3):
        _product(halves[i], halves[3], out[k])
        k += 1


@compiled
def _mean(above: F32, here: F32, below: F32, share: np.float32, wide: F32, out: F32) -> None:
    """out = sums over 3x3 of the middle row of three, times share; wide: scratch, two more than a row."""
    n = U(here.size)
    for x in range(n):
        wide[x + U(1)] = above[x] + here[x] + below[x]
    wide[0], wide[wide.size - 1] = wide[2], wide[wide.size - 3]
    for x in range(n):
        out[x] = (wide[x] + wide[x + U(1)] + wide[x + U(2)]) * share


@compiled
def _less(x: F32, y: F32, plus: np.float32, out: F32) -> None:
    """out += plus - x * y."""
    for k in range(U(out.size)):
        out[k] += plus - x[k] * y[k]


@compiled
def _over(x: F32, y: F32, out: F32) -> None:
    """out = x / y."""
    for k in range(U(out.size)):
        out[k] = x[k] / y[k]


@compiled
def _divide(out: F32, y: F32) -> None:
    """out /= y."""
    for k in range(U(out.size)):
        out[k] /= y[k]


@compiled
def _solve(m: F32, eps: np.float32, spare: F32) -> None:
    """m, 13 x w, means over windows as `_cells` has them: rows 10, 11, 12 and 3 become the windows' coefficients.

    Ridge regression of alpha on the colours: their covariances are L * D * L', D's diagonal being m[4], m[7], m[9].
    spare: 3 x w.
    """
    nothing = np.float32(0)
    k = 4
    for i in range(3):
        for j in range(i, 3):
            _less(m[i], m[j], eps if i == j else nothing, m[k])
            k += 1
    for i in range(3):
        _less(m[i], m[3], nothing, m[10 + i])
    _over(m[5], m[4], spare[0])
    _over(m[6], m[4], spare[1])
    _less(spare[0], m[5], nothing, m[7])
    _less(spare[0], m[6], nothing, m[8])
    _over(m[8], m[7], spare[2])
    _less(spare[1], m[6], nothing, m[9])
    _less(spare[2], m[8], nothing, m[9])
    _less(spare[0], m[10], nothing, m[11])
    _less(spare[1], m[10], nothing, m[12])
    _less(spare[2], m[11], nothing, m[12])
    _divide(m[12], m[9])
    _divide(m[11], m[7])
    _less(spare[2], m[12], nothing, m[11])
    _divide(m[10], m[4])
    _less(spare[0], m[11], nothing, m[10])
    _less(spare[1], m[12], nothing, m[10])
    for i in range(3):
        _less(m[i], m[10 + i], nothing, m[3])


@compiled
def linear_fit(blue: U8, green: U8, red: U8, alpha: F32, eps: np.float32, out: F32) -> None:
    """The guided filter's coefficients, 4 x h/2 x w/2, of each cell of 2x2 pixels; sides even, at least 6.

    In the window of 3x3 cells around it alpha is about out[0] * blue + out[1] * green + out[2] * red + out[3]; then all
    four are averaged over 3x3. Colours uint8 hxw, eps their variance below which a window counts as flat.
    """
    height, width = out.shape[1:]
    fit, sums = np.empty((4, height, width), np.float32), np.empty((3, 13, width), np.float32)
    means, wide = np.empty((13, width), np.float32), np.empty(width + 2, np.float32)
    halves, spare = np.empty((4, 4 * width), np.float32), np.empty((3, width), np.float32)
    _cells(blue, green, red, alpha, U(0), halves, sums[0])
    for y in range(height):
        if y + 1 < height:
            _cells(blue, green, red, alpha, U(y + 1), halves, sums[(y + 1) % 3])
        above, here, below = sums[mirrored(y - 1, height) % U(3)], sums[y % 3], sums[mirrored(y + 1, height) % U(3)]
        for k in range(13):
            _mean(above[k], here[k], below[k], np.float32(1 / 36), wide, means[k])
        _solve(means, eps, spare)
        for k in range(3):
            fit[k, y] = means[10 + k]
        fit[3, y] = means[3]
    for k in range(4):
        for y in range(height):
            above, below = fit[k, mirrored(y - 1, height)], fit[k, mirrored(y + 1, height)]
            _mean(above, fit[k, y], below, np.float32(1 / 9), wide, out[k, y])
