"""Output arrays that go round."""

from __future__ import annotations

import sys

import numpy as np

from rtseg.arrays import U8


class BufferPool:
    """Output arrays that are used again once nobody else holds them: no allocation per frame, no surprise."""

    def __init__(self) -> None:
        self._buffers: list[U8] = [np.empty((0, 0, 3), np.uint8)]
        self._free = self._references()[0]  # to a buffer that nobody else holds; depends on the interpreter

    def get(self, shape: tuple[int, ...]) -> U8:
        """An array that no caller refers to any more, or a new one."""
        self._buffers = [x for x in self._buffers if x.shape == shape]
        for buffer, count in zip(self._buffers, self._references(), strict=True):
            if count <= self._free:
                return buffer
        buffer = np.empty(shape, np.uint8)
        if len(self._buffers) < 4:
            self._buffers.append(buffer)
        return buffer

    def _references(self) -> list[int]:
        return [sys.getrefcount(buffer) for buffer in self._buffers]
