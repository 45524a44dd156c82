"""Output arrays that go round."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


class BufferPool:
    """Output arrays that are used again once nobody else holds them: no allocation per frame, no surprise."""

    # References to a free buffer while `get` looks at it: the pool's list, the loop, getrefcount's argument.
    FREE = 3

    def __init__(self) -> None:
        self._buffers: list[U8] = []

    def get(self, shape: tuple[int, ...]) -> U8:
        """An array that no caller refers to any more, or a new one."""
        self._buffers = [x for x in self._buffers if x.shape == shape]
        for buffer in self._buffers:
            if sys.getrefcount(buffer) <= self.FREE:
                return buffer
        buffer = np.empty(shape, np.uint8)
        if len(self._buffers) < 4:
            self._buffers.append(buffer)
        return buffer
