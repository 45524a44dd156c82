"""The hot loop: upsample alpha, blend frame and background, one pass over uint8 pixels, compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
# Rec. 601 luma of B, G, R; the same weights that cv2.COLOR_BGR2GRAY uses.
LUMA_B, LUMA_G, LUMA_R = (np.float32(c / 255) for c in (0.114, 0.587, 0.299))


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compiled by numba at the first call, kept on disk for the next start where there is a place for it."""
    try:
        return numba.njit(cache=True, nogil=True, fastmath=True)(function)
    except (RuntimeError, OSError):  # neither the package's folder nor the user's cache can be written
        return numba.njit(nogil=True, fastmath=True)(function)


@lru_cache(maxsize=16)
def row_weights(height: int, rows: int) -> tuple[I32, F32]:
    """For each of `height` output rows: the upper of the two input rows, and the weight of the lower."""
    y = np.clip((np.arange(height) + 0.5) * rows / height - 0.5, 0, rows - 1)
    first = np.minimum(y.astype(np.int32), rows - 2)
    return first, (y - first).astype(np.float32)


def widen(coefficients: F32, width: int, out: F32 | None = None) -> F32:
    """hxw to hxwidth, linear: the vertical half of the upsampling happens in the blend."""
    size = (width, coefficients.shape[0])
    return cv2.resize(coefficients, size, dst=out, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


@compiled
def _alpha_row(frame: U8, a0: F32, a1: F32, b0: F32, b1: F32, weight: np.float32, grey: F32, alpha: F32) -> None:
    """One row of clip(a * grey(frame) + b), a and b between two rows. frame: 3W bytes; grey: scratch, W."""
    upper = np.float32(1) - weight
    for x in range(grey.size):  # apart from the next loop, so that the compiler vectorises both
        blue, green, red = np.float32(frame[3 * x]), np.float32(frame[3 * x + 1]), np.float32(frame[3 * x + 2])
        grey[x] = blue * LUMA_B + green * LUMA_G + red * LUMA_R
    for x in range(grey.size):
        value = (a0[x] * upper + a1[x] * weight) * grey[x] + (b0[x] * upper + b1[x] * weight)
        alpha[x] = min(max(value, np.float32(0)), np.float32(1))


@compiled
def blend(frame: U8, background: U8, a: F32, b: F32, first: I32, weight: F32, out: U8) -> None:
    """out = background + alpha * (frame - background), alpha = clip(a * grey(frame) + b).

    frame, background, out: uint8 HxWx3 BGR, contiguous. a, b: float32 hxW (see `widen`); first and
    weight: `row_weights(H, h)`. Alpha is rounded to 1/256, the result to the nearest integer.
    """
    height, width = frame.shape[:2]
    grey, alpha = np.empty(width, np.float32), np.empty(width, np.float32)
    share = np.empty(3 * width, np.int16)  # alpha in 1/256, once per byte of the row
    for y in range(height):
        r = first[y]
        near, far, target = frame[y].reshape(-1), background[y].reshape(-1), out[y].reshape(-1)
        _alpha_row(near, a[r], a[r + 1], b[r], b[r + 1], weight[y], grey, alpha)
        for x in range(width):
            q = np.int16(alpha[x] * np.float32(256) + np.float32(0.5))
            share[3 * x], share[3 * x + 1], share[3 * x + 2] = q, q, q
        for i in range(3 * width):
            base = np.int32(far[i])
            target[i] = np.uint8((base * 256 + np.int32(share[i]) * (np.int32(near[i]) - base) + 128) >> 8)


@compiled
def full_alpha(frame: U8, a: F32, b: F32, first: I32, weight: F32, out: F32) -> None:
    """The alpha that `blend` uses, written to out, float32 HxW."""
    height, width = frame.shape[:2]
    grey = np.empty(width, np.float32)
    for y in range(height):
        r = first[y]
        _alpha_row(frame[y].reshape(-1), a[r], a[r + 1], b[r], b[r + 1], weight[y], grey, out[y])
