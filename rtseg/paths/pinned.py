"""Host memory that a GPU writes by itself, for what comes back from it.

Ordinary memory crosses the bus by way of a buffer of the driver's: on an H200 with 11.5 GB/s down, where memory that is
pinned takes 48 (benchmarks/cuda.json). Up, a copy into pinned memory costs what it saves (12.0 and 12.6 GB/s), so
frames go up as they are. onnxruntime's Python makes no pinned memory, and torch is no dependency of the runtime, so
this asks NVIDIA's driver itself, whose library is there wherever CUDA works.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from rtseg.arrays import U8
from rtseg.errors import ModelError
from rtseg.models.providers import DRIVER

MOST_OUT = 8  # arrays that may be in other hands; more are ordinary memory: pinned memory is the whole machine's loss
PORTABLE = 1  # CU_MEMHOSTALLOC_PORTABLE: pinned for every context
STREAM = None  # the default one


class Driver:
    """NVIDIA's driver and the context that onnxruntime works in. Raises ModelError where a call fails."""

    def __init__(self, load: Callable[[str], Any]) -> None:
        try:
            self._cuda = load(DRIVER)
        except OSError as e:
            raise ModelError(f"NVIDIA's driver can't be loaded: {e}") from e
        device, self._context = ctypes.c_int(), ctypes.c_void_p()
        self.ask("cuInit", 0)
        self.ask("cuDeviceGet", ctypes.byref(device), 0)
        self.ask("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), device)

    def ask(self, name: str, *arguments: Any) -> None:
        """Call it."""
        code = getattr(self._cuda, name)(*arguments)
        if code:
            raise ModelError(f"{name} of NVIDIA's driver failed with error {code}")

    def enter(self) -> None:
        """The driver wants to be told in every thread whose memory is meant."""
        self.ask("cuCtxSetCurrent", self._context)


class Pool:
    """Pieces of pinned memory, used again when nobody holds them any more."""

    def __init__(self, driver: Driver, nbytes: int) -> None:
        self.driver, self.nbytes = driver, nbytes
        self._free: list[int] = []  # addresses
        self._made = 0
        self._closed = False

    def take(self) -> U8:
        """uint8, flat: pinned, until so many are in use, or it runs out, that it is ordinary memory.

        Whoever holds it, or a view of it, has it for himself. Raises ModelError when there is none from the beginning.
        """
        if not self._free and not self._make():
            return np.empty(self.nbytes, np.uint8)
        start = self._free.pop()
        owner = (ctypes.c_uint8 * self.nbytes).from_address(start)
        weakref.finalize(owner, self._let_go, start).atexit = False
        return np.frombuffer(memoryview(owner), np.uint8)

    def _make(self) -> bool:
        """One more piece; False where there are enough, or no more to be had."""
        if self._made >= MOST_OUT:
            return False
        address = ctypes.c_void_p()
        try:
            self.driver.enter()
            size = ctypes.c_size_t(self.nbytes)
            self.driver.ask("cuMemHostAlloc", ctypes.byref(address), size, ctypes.c_uint(PORTABLE))
        except ModelError:
            if not self._made:
                raise
            return False
        assert address.value
        self._made += 1
        self._free.append(address.value)
        return True

    def _let_go(self, start: int) -> None:
        self._free.append(start)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Give back what nobody holds now, and the rest as soon as it is let go."""
        self._closed = True
        while self._free:
            self.driver.enter()
            self.driver.ask("cuMemFreeHost", ctypes.c_void_p(self._free.pop()))


class Pinned:
    """Frames of one size from the device, in pinned memory. Raises ModelError where the driver gives none.

    Args:
        nbytes: of a frame.
        load: opens NVIDIA's driver; another for a test.
    """

    def __init__(self, nbytes: int, load: Callable[[str], Any] = ctypes.CDLL) -> None:
        self.nbytes = nbytes
        self._driver = Driver(load)
        self._pool = Pool(self._driver, nbytes)
        weakref.finalize(self, self._pool.close).atexit = False
        self._pool.take()  # so that it is known now, and not in the first frame, whether there is any

    def download(self, device: int) -> U8:
        """A frame's bytes from an address of the device, uint8, flat; nobody else holds them."""
        self._driver.enter()
        out = self._pool.take()
        there = ctypes.c_void_p(out.ctypes.data)
        self._driver.ask("cuMemcpyDtoHAsync_v2", there, ctypes.c_uint64(device), ctypes.c_size_t(self.nbytes), STREAM)
        self._driver.ask("cuStreamSynchronize", STREAM)
        return out
