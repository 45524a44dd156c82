"""NVIDIA's driver as far as rtseg/paths/pinned.py asks it: ordinary memory, every copy at once, calls counted."""

from __future__ import annotations

import ctypes
from collections import Counter
from typing import Any


class Driver:
    """Give it as `load`: it is its own loader. `fails`: the call that answers with error 2, out of memory."""

    def __init__(self, fails: str = "") -> None:
        self.calls: Counter[str] = Counter()
        self.fails = fails
        self._kept: list[Any] = []

    def __call__(self, name: str) -> Driver:
        return self

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            self.calls[name] += 1
            if name == self.fails:
                return 2
            return int(getattr(self, f"_{name}", lambda *_: 0)(*arguments))

        if name.startswith("_"):
            raise AttributeError(name)
        return call

    def _cuMemHostAlloc(self, address: Any, size: Any, flags: Any) -> int:
        self._kept.append(ctypes.create_string_buffer(size.value))
        address._obj.value = ctypes.addressof(self._kept[-1])
        return 0

    def _cuMemcpyDtoHAsync_v2(self, host: Any, device: Any, size: Any, stream: Any) -> int:
        ctypes.memmove(host.value, device.value, size.value)
        return 0
