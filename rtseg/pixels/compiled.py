"""What the compiled loops share: how they are compiled, and a copy at the machine's full speed.

Indices in them are unsigned (`U`): numba gives signed ones a test for negative values, which keeps the compiler from
vectorising a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.extending import intrinsic

from rtseg.arrays import U8
from rtseg.pixels.cache import Kept, never_kept

U = np.uint64
CACHE_LINE = 64  # bytes
# Rec. 601 luma of B, G, R in 0..255 to grey in 0..1; the same weights that cv2.COLOR_BGR2GRAY uses.
LUMA = tuple(c / 255 for c in (0.114, 0.587, 0.299))
LUMA_B, LUMA_G, LUMA_R = map(np.float32, LUMA)
# Products may be fused and nothing is NaN or infinite; sums keep their order, so that a pixel's value does not
# depend on where in a vectorised loop it stands.
FASTMATH = {"contract", "nnan", "ninf", "nsz"}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled by numba at the first call, kept on disk for the next start where there is a place for it."""
    made: Any = numba.njit(function, nogil=True, fastmath=FASTMATH, error_model="numpy")
    try:
        made._cache = Kept(function)
    except (RuntimeError, OSError):  # neither the package's folder nor the user's cache can be written
        never_kept(function)
    return made  # type: ignore[no-any-return]


@compiled
def mirrored(y: int, height: int) -> np.uint64:
    """Row `y`, mirrored where it lies outside."""
    y = abs(y)
    return U(y if y < height else 2 * height - 2 - y)


def read_only(picture: U8) -> U8:
    """All its bytes in one dimension, not to be written: numba compiles anew for arrays that may not be written."""
    line = np.ascontiguousarray(picture).reshape(-1).view()
    line.flags.writeable = False
    return line


def _copy_bytes(typing: Any, target: Any, to: Any, source: Any, start: Any, count: Any) -> Any:
    """target[to : to + count] = source[start : start + count], uint8 1-D contiguous; memcpy: twice a loop's speed."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointers = []
        for array, offset in ((0, 1), (2, 3)):
            data = context.make_array(signature.args[array])(context, builder, values[array]).data
            pointers.append(builder.gep(data, [values[offset]]))
        copy: Any = cgutils.raw_memcpy
        copy(builder, pointers[0], pointers[1], values[4], 1)
        return context.get_dummy_value()

    index = numba.types.uint64
    return numba.types.void(target, index, source, index, index), emit


copy_bytes: Any = intrinsic(_copy_bytes)


def _line_fetcher(to_write: int) -> Any:
    def fetch_line(typing: Any, array: Any, index: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, values[0]).data
            i32, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
            place = builder.bitcast(builder.gep(data, [values[1]]), pointer)
            kind = ir.FunctionType(ir.VoidType(), [pointer, i32, i32, i32])
            function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
            nearest, data_cache = i32(3), i32(1)
            builder.call(function, [place, i32(to_write), nearest, data_cache])
            return context.get_dummy_value()

        return numba.types.void(array, numba.types.uint64), emit

    return intrinsic(fetch_line)


_fetch_line_to_read, _fetch_line_to_write = _line_fetcher(0), _line_fetcher(1)


@compiled
def fetch_to_read(array: Any, start: np.uint64, count: np.uint64) -> None:
    """Ask for array[start : start + count], uint8 1-D, ahead of its use: the processor foresees long stretches only."""
    for k in range(U(0), count, U(CACHE_LINE)):
        _fetch_line_to_read(array, start + k)


@compiled
def fetch_to_write(array: Any, start: np.uint64, count: np.uint64) -> None:
    """As `fetch_to_read`, for what will be written."""
    for k in range(U(0), count, U(CACHE_LINE)):
        _fetch_line_to_write(array, start + k)
