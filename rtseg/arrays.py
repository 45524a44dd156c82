"""Names for the types of arrays, and for what OpenCV gives: its own types do not say that uint8 stays uint8."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I32 = NDArray[np.int32]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def u8(array: NDArray[Any]) -> U8:
    """The array as uint8; itself where it is that."""
    return np.asarray(array, np.uint8)


def f32(array: NDArray[Any]) -> F32:
    """The array as float32; itself where it is that."""
    return np.asarray(array, np.float32)
