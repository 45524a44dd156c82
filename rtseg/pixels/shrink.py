"""The frame at network size: means of square blocks, then linear. Pure."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from rtseg.arrays import F32, I32, U8, U16, U32, U64
from rtseg.pixels.compiled import U, compiled, read_only
from rtseg.pixels.linear import linear_steps

ROWS = 4  # of a block that are read: all of them up to 1080p, every second one at 4K
LARGEST_BLOCK = 32  # above it the sums would leave 16 bits


def shrink(frame_bgr: U8, size: tuple[int, int], out: U8 | None = None) -> U8:
    """The frame (uint8 HxWx3) at `size` (w, h), in `out` if given.

    Within a level of cv2's INTER_AREA on pictures, at a tenth of its time.
    """
    height, width = frame_bgr.shape[:2]
    small = np.empty((size[1], size[0], 3), np.uint8) if out is None else out
    block = 1
    while block < LARGEST_BLOCK and width >= 2 * block * size[0] and height >= 2 * block * size[1]:
        block *= 2
    if block == 1 or block == LARGEST_BLOCK:
        shrinks = block > 1
        return cv2.resize(  # type: ignore[return-value]
            frame_bgr, size, dst=small, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
    starts, weights = _columns(size[0], width, block)
    _shrink(read_only(frame_bgr), width, block, starts, weights, *linear_steps(size[1], height / block), small)
    return small


@lru_cache(maxsize=16)
def _columns(columns: int, width: int, block: int) -> tuple[U64, U32]:
    """Of each output byte of a row: the first byte of the block at its left, and the right one's weight in 1/256."""
    first, weight = linear_steps(columns, width / block)
    starts = 3 * block * first[:, None] + np.arange(3)
    return starts.reshape(-1).astype(np.uint64), np.rint(256 * weight).repeat(3).astype(np.uint32)


@compiled
def _sum_rows(frame: U8, width: int, block: int, y: int, out: U16) -> None:
    """out (3W): sums down the `y`th row of blocks, over at most ROWS pixels each. frame: 1-D."""
    line, step = U(3 * width), U(max(1, block // ROWS))
    start = U(y) * U(block) * line
    for k in range(line):
        out[k] = np.uint16(frame[start + k]) + np.uint16(frame[start + step * line + k])
    for row in range(U(2), U(block) // step):
        base = start + row * step * line
        for k in range(line):
            out[k] += np.uint16(frame[base + k])


@compiled
def _mean(near: U16, far: U16, weights: U32, shift: np.uint32, out: U8, to: np.uint64) -> None:
    """out[to:] = near and far mixed, weights: of far in 1/256, divided by 2 to the power of shift and rounded."""
    half = np.uint32(1) << (shift - np.uint32(1))
    for k in range(U(near.size)):
        value = np.uint32(near[k]) * (np.uint32(256) - weights[k]) + np.uint32(far[k]) * weights[k]
        out[to + k] = np.uint8((value + half) >> shift)


@compiled
def _shrink(frame: U8, width: int, block: int, starts: U64, weights: U32, top: I32, wy: F32, out: U8) -> None:
    """frame: 1-D. starts, weights: see `_columns`; top, wy: which rows of blocks an output pixel lies between."""
    line, next_block, small = U(3 * width), U(3 * block), out.reshape(-1)
    near, far = np.empty(starts.size, np.uint16), np.empty(starts.size, np.uint16)
    even, odd = np.empty(3 * width, np.uint16), np.empty(3 * width, np.uint16)
    one, two = np.empty(3 * width, np.uint16), np.empty(3 * width, np.uint16)
    pixels, shift = block * min(block, ROWS), np.uint32(8)  # the weights' 8 bits
    while pixels > 1:
        pixels, shift = pixels // 2, shift + np.uint32(1)
    done = np.int64(0)
    for y in range(U(out.shape[0])):
        while done <= top[y] + 1:
            _sum_rows(frame, width, block, done, odd if done & 1 else even)
            done += 1
        upper, lower = (odd, even) if top[y] & 1 else (even, odd)
        low = np.uint16(wy[y] * np.float32(64) + np.float32(0.5))  # 6 bits: 64 x 4 x 255 fits in 16
        high = np.uint16(64) - low
        for k in range(line):
            one[k] = (upper[k] * high + lower[k] * low + np.uint16(32)) >> np.uint16(6)
        source, target, reach = one, two, U(3)
        while reach < next_block:  # sums along the row: each pass doubles the pixels in a sum
            for k in range(line - reach):
                target[k] = source[k] + source[k + reach]
            source, target, reach = target, source, reach * U(2)
        for k in range(U(starts.size)):  # apart from the next loop, so that the compiler vectorises that one
            near[k], far[k] = source[starts[k]], source[starts[k] + next_block]
        _mean(near, far, weights, shift, small, U(y) * U(starts.size))
