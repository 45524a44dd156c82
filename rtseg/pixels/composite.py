"""The hot loop: upsample alpha, correct the edge's colour, blend; one pass over uint8 pixels, compiled.

Most of a picture is all person or all room: such stretches of a row are copied, and only those at the edge are
computed (see alpha_rows.py).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rtseg.arrays import F32, I32, U8, U64
from rtseg.pixels.alpha_rows import PERSON, ROOM, SURE, alpha_run, find_runs, widen
from rtseg.pixels.compiled import U, compiled, copy_bytes, fetch_to_read, fetch_to_write, read_only
from rtseg.pixels.linear import linear_steps

BLOCK = 16  # pixels at the edge that are blended together, unless all of them are sure after all
ROUND = 32  # stretches at the edge are made this much longer, so that vectorised loops leave nothing over
NO_STEP = np.full((2, 1, 3), 128, np.uint8)


def blend(frame: U8, background: U8, fit: F32, out: U8, step: U8 | None = None) -> None:
    """out = background + alpha * (person - background), rounded; alpha = clip(slopes * colours of frame + constant).

    person is the frame plus (1 - alpha) times the step of colour at the edge, clipped to 0..255 (see colours.py).

    frame, out: uint8 HxWx3 BGR, contiguous, not the same. background: as frame, or with another number of rows
    (at least 2): linear between them. fit: float32 4xhxw, see matte.py. step: uint8 nxWx3, half the difference + 128;
    None for no correction.
    Raises ValueError for shapes that don't fit: the loops below would read what is not theirs.
    """
    height, width = frame.shape[:2]
    for name, picture in (("background", background), ("step", step), ("out", out)):
        if picture is not None and (picture.shape[1:] != frame.shape[1:] or len(picture) < 2):
            raise ValueError(f"{name} is {picture.shape}, which does not fit a frame of {frame.shape}")
    if out.shape != frame.shape or not out.flags.c_contiguous or fit.ndim != 3 or min(fit.shape) < 2 or len(fit) != 4:
        raise ValueError(f"out is {out.shape}, fit {fit.shape} for a frame of {frame.shape}")
    if width < BLOCK:
        wide = np.empty((height, BLOCK, 3), np.uint8)
        step = None if step is None else _padded(step)
        _blend_rows(_padded(frame), _padded(background), fit, wide, step, width)
        out[:] = wide[:, :width]
    else:
        _blend_rows(frame, background, fit, out, step, width)


def full_alpha(frame: U8, fit: F32, out: F32) -> None:
    """The alpha that `blend` uses, written to out, float32 HxW; arguments as there."""
    height, width = out.shape
    columns, right = linear_steps(width, fit.shape[2])
    _full_alpha(read_only(frame), fit, *linear_steps(height, fit.shape[1]), columns, right, out)


def _padded(picture: U8) -> U8:
    """The picture BLOCK wide, its last column repeated."""
    return np.pad(picture, ((0, 0), (0, BLOCK - picture.shape[1]), (0, 0)), "edge")


def _blend_rows(frame: U8, background: U8, fit: F32, out: U8, step: U8 | None, width: int) -> None:
    height, columns = frame.shape[:2]
    if step is None:
        step = np.broadcast_to(NO_STEP[:, :1], (2, columns, 3)).copy()
    rows = (*linear_steps(height, fit.shape[1]), *linear_steps(height, background.shape[0]))
    kinds = np.empty(fit.shape[2] // 8 * 8 + 8, np.uint8)
    near, far, stretched = read_only(frame), read_only(background), len(background) != height
    _blend(
        near,
        far,
        stretched,
        fit,
        step,
        *rows,
        *_columns(width, columns, fit.shape[2]),
        kinds,
        kinds.view(np.uint64),
        out.reshape(-1),
    )


@lru_cache(maxsize=16)
def _columns(width: int, padded: int, inputs: int) -> tuple[I32, F32, I32]:
    """`linear_steps` over the width, and for each input column the first output column that starts from it."""
    first, weight = linear_steps(width, inputs)
    first, weight = np.pad(first, (0, padded - width), "edge"), np.pad(weight, (0, padded - width), "edge")
    return first, weight, np.searchsorted(first, np.arange(inputs)).astype(np.int32)


@compiled
def _step_row(step: U8, r: np.uint64, rows: int, start: np.uint64, stop: np.uint64, out: F32) -> None:
    """out[start:stop] = the step of colour halfway between the coefficients' rows r and r + 1 of `rows`; bytes."""
    last = step.shape[0] - 1
    y = min(max((r + 1) * step.shape[0] / rows - 0.5, 0.0), float(last))
    top = min(int(y), last - 1)
    low = np.float32(2) * np.float32(y - top)
    line, upper = step.reshape(-1), U(top) * U(out.size)
    high, lower = np.float32(2) - low, upper + U(out.size)
    for k in range(start, stop):
        out[k] = high * np.float32(line[upper + k]) + low * np.float32(line[lower + k]) - np.float32(256)


@compiled
def _edge(
    near: U8, n: np.uint64, far: U8, f: np.uint64, step: F32, s: np.uint64, alpha: F32, three: F32, out: U8
) -> None:
    """Blend len(alpha) >= BLOCK pixels from near[n:] and far[f:] to out[n:]; the steps are step[s:]; three: scratch."""
    count, block = U(alpha.size), U(BLOCK)
    for first in range(U(0), count, block):
        start = min(U(first), count - block)
        low, high = np.float32(1), np.float32(0)
        for k in range(block):
            low, high = min(low, alpha[start + k]), max(high, alpha[start + k])
        at = n + U(3) * start
        if high <= SURE:
            copy_bytes(out, at, far, f + U(3) * start, U(3) * block)
        elif low >= np.float32(1) - SURE:
            copy_bytes(out, at, near, at, U(3) * block)
        else:
            for k in range(block):
                three[U(3) * k] = three[U(3) * k + U(1)] = three[U(3) * k + U(2)] = alpha[start + k]
            here, there = f + U(3) * start, s + U(3) * start
            for k in range(U(3) * block):
                person = np.float32(near[at + k]) + (np.float32(1) - three[k]) * step[there + k]
                person = min(max(person, np.float32(0)), np.float32(255))
                room = np.float32(far[here + k])
                out[at + k] = np.uint8(np.int32(room + three[k] * (person - room) + np.float32(0.5)))


@compiled
def _mix(
    rows: U8,
    top: np.uint64,
    line: np.uint64,
    weight: np.float32,
    start: np.uint64,
    stop: np.uint64,
    out: U8,
    to: np.uint64,
) -> None:
    """out[to:] = the bytes start:stop between the rows top and top + 1 of `line` bytes each."""
    low = np.uint16(weight * np.float32(256) + np.float32(0.5))
    high, upper = np.uint16(256) - low, top * line + start
    lower = upper + line
    for k in range(stop - start):
        out[to + k] = np.uint8((rows[upper + k] * high + rows[lower + k] * low + np.uint16(128)) >> np.uint16(8))


@compiled
def _blend(
    near: U8,
    far: U8,
    stretched: bool,
    fit: F32,
    step: U8,
    rows: I32,
    below: F32,
    far_rows: I32,
    far_below: F32,
    first: I32,
    right: F32,
    starts: I32,
    kinds: U8,
    eight: U64,
    out: U8,
) -> None:
    """Rows of near (1-D), far (1-D; stretched: of another number of rows, far_rows says which) to out (1-D)."""
    width = U(first.size)
    line = U(3) * width
    room, colours = np.empty(3 * first.size, np.uint8), np.empty(3 * first.size, np.float32)
    lines, alpha = np.empty((8, first.size), np.float32), np.empty(first.size, np.float32)
    three = np.empty(3 * BLOCK, np.float32)
    of, extremes = np.empty(fit.shape[2], np.uint8), np.empty((2, fit.shape[2]), np.float32)
    bounds = np.empty(fit.shape[2] + 1, np.int32)
    count, last = 0, -1
    for y in range(rows.size):
        fresh, last = rows[y] != last, rows[y]
        r, row = U(rows[y]), U(y) * line
        if fresh:
            count = find_runs(fit, r, starts, first.size, extremes, kinds, eight, bounds, of)
        for i in range(count):
            start, stop = U(bounds[i]), U(bounds[i + 1])
            at, size = row + U(3) * start, U(3) * (stop - start)
            if y + 1 < rows.size:  # the row below has nearly the same stretches
                if of[i] != ROOM:
                    fetch_to_read(near, at + line, size)
                if of[i] != PERSON and not stretched:
                    fetch_to_read(far, at + line, size)
                fetch_to_write(out, at + line, size)
            if of[i] == PERSON:
                copy_bytes(out, at, near, at, size)
            elif of[i] == ROOM:
                if stretched:
                    _mix(far, U(far_rows[y]), line, far_below[y], U(3) * start, U(3) * stop, out, at)
                else:
                    copy_bytes(out, at, far, at, size)
            else:
                # Beyond its end stand pixels of the next stretch, which is written after this one.
                stop = min(start + (stop - start + U(ROUND - 1)) // U(ROUND) * U(ROUND), width)
                start = min(start, width - U(BLOCK))
                if fresh:
                    widen(fit, r, first, right, start, stop, lines)
                    _step_row(step, r, fit.shape[1], U(3) * start, U(3) * stop, colours)
                at = row + U(3) * start
                alpha_run(near, at, start, stop - start, lines, below[y], alpha)
                here = alpha[: stop - start]
                if stretched:
                    _mix(far, U(far_rows[y]), line, far_below[y], U(3) * start, U(3) * stop, room, U(3) * start)
                    _edge(near, at, room, U(3) * start, colours, U(3) * start, here, three, out)
                else:
                    _edge(near, at, far, at, colours, U(3) * start, here, three, out)


@compiled
def _full_alpha(near: U8, fit: F32, rows: I32, below: F32, first: I32, right: F32, out: F32) -> None:
    width = U(first.size)
    lines = np.empty((8, first.size), np.float32)
    last = -1
    for y in range(rows.size):
        if rows[y] != last:
            last = rows[y]
            widen(fit, U(last), first, right, U(0), width, lines)
        alpha_run(near, U(3) * U(y) * width, U(0), width, lines, below[y], out[y])
