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
# The same row by row, in a table as one loop is compiled sooner than thirty: (kind, out, x, y), see `_solve`.
LESS, OVER, DIVIDE, ADD = range(4)  # out -= x * y, out = x / y, out /= y, out += eps
COVARIANCES = [(LESS, 4 + k, i, j) for k, (i, j) in enumerate(zip(*PAIRS, strict=True))] + [
    (ADD, k, 0, 0) for k in (4, 7, 9)
]
FACTORS = [(OVER, 13, 5, 4), (OVER, 14, 6, 4), (LESS, 7, 13, 5), (LESS, 8, 13, 6), (OVER, 15, 8, 7)]
FACTORS += [(LESS, 9, 14, 6), (LESS, 9, 15, 8)]
FORWARD = [(LESS, 11, 13, 10), (LESS, 12, 14, 10), (LESS, 12, 15, 11)]
BACK = [(DIVIDE, 12, 0, 9), (DIVIDE, 11, 0, 7), (LESS, 11, 15, 12), (DIVIDE, 10, 0, 4), (LESS, 10, 13, 11)]
BACK += [(LESS, 10, 14, 12), *((LESS, 3, k, 10 + k) for k in range(3))]  # and what is left is the constant
STEPS = np.array(COVARIANCES + FACTORS + FORWARD + BACK)
FIRST, SECOND = map(np.array, PAIRS)


@compiled
def _corners(plane: Any, y: np.uint64, out: F32) -> None:
    """out, 4 * w/2: of a row of cells all upper left pixels, then all upper right, lower left, lower right ones."""
    n, top, bottom = U(out.size // 4), U(2) * y, U(2) * y + U(1)
    for x in range(n):
        out[x], out[n + x] = plane[top, U(2) * x], plane[top, U(2) * x + U(1)]
    for x in range(n):
        out[U(2) * n + x], out[U(3) * n + x] = plane[bottom, U(2) * x], plane[bottom, U(2) * x + U(1)]


@compiled
def _sum(i: F32, out: F32) -> None:
    """out = sums of i, see `_corners`, over cells."""
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
def _cells(colours: tuple[U8, U8, U8], alpha: F32, y: np.uint64, corners: F32, out: F32) -> None:
    """out, 13 x w/2: sums over a row of cells of blue, green, red, alpha, BB, BG, BR, GG, GR, RR, and alpha B, G, R.

    corners: scratch, 4 x 2w.
    """
    for k in range(3):
        _corners(colours[k], y, corners[k])
    _corners(alpha, y, corners[3])
    for i in range(4):
        _sum(corners[i], out[i])
    for k in range(9):
        _product(corners[FIRST[k]], corners[SECOND[k]], out[4 + k])


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
def _less(x: F32, y: F32, out: F32) -> None:
    """out -= x * y."""
    for k in range(U(out.size)):
        out[k] -= x[k] * y[k]


@compiled
def _over(x: F32, y: F32, out: F32) -> None:
    """out = x / y."""
    for k in range(U(out.size)):
        out[k] = x[k] / y[k]


@compiled
def _solve(m: F32, eps: np.float32) -> None:
    """m, 16 x w, means over windows as `_cells` has them: rows 10, 11, 12 and 3 become the windows' coefficients.

    Ridge regression of alpha on the colours, whose covariances become L * D * L' with D in rows 4, 7, 9 and L in the
    last three, which are scratch.
    """
    for step in STEPS:
        kind, out, x, y = step
        if kind == LESS:
            _less(m[x], m[y], m[out])
        elif kind == OVER:
            _over(m[x], m[y], m[out])
        elif kind == ADD:
            for k in range(U(m.shape[1])):
                m[out, k] += eps
        else:
            for k in range(U(m.shape[1])):
                m[out, k] /= m[y, k]


@compiled
def linear_fit(colours: tuple[U8, U8, U8], alpha: F32, eps: np.float32, out: F32) -> None:
    """The guided filter's coefficients, 4 x h/2 x w/2, of each cell of 2x2 pixels; sides even, at least 6.

    In the window of 3x3 cells around it alpha is about out[0] * blue + out[1] * green + out[2] * red + out[3]; then all
    four are averaged over 3x3. colours: blue, green, red, uint8 hxw; eps: a variance of theirs that counts as flat.
    """
    height, width = out.shape[1:]
    fit, sums = np.empty((4, height, width), np.float32), np.empty((3, 13, width), np.float32)
    means, wide = np.empty((16, width), np.float32), np.empty(width + 2, np.float32)
    corners = np.empty((4, 4 * width), np.float32)
    for reached in range(height + 1):
        if reached < height:
            _cells(colours, alpha, U(reached), corners, sums[reached % 3])
        y = reached - 1
        if y < 0:
            continue
        above, below = sums[mirrored(y - 1, height) % U(3)], sums[mirrored(y + 1, height) % U(3)]
        for k in range(13):
            _mean(above[k], sums[y % 3, k], below[k], np.float32(1 / 36), wide, means[k])
        _solve(means, eps)
        for k in range(3):
            fit[k, y] = means[10 + k]
        fit[3, y] = means[3]
    for k in range(4):
        for y in range(height):
            above, below = fit[k, mirrored(y - 1, height)], fit[k, mirrored(y + 1, height)]
            _mean(above, fit[k, y], below, np.float32(1 / 9), wide, out[k, y])
