"""Where linear interpolation reads: the left one of two neighbours and the weight of the right one. Pure."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rtseg.arrays import F32, I32


@lru_cache(maxsize=64)
def linear_steps(count: int, length: float) -> tuple[I32, F32]:
    """For each of `count` outputs over `length` inputs (at least 2): the first of two inputs, weight of the second.

    Pixel centres lie as in cv2.resize; beyond the first and last input their values hold.
    """
    last = int(length) - 1
    x = np.clip((np.arange(count) + 0.5) * length / count - 0.5, 0, last)
    first = np.minimum(x.astype(np.int32), last - 1).astype(np.int32)
    return first, (x - first).astype(np.float32)
