"""Which shared libraries a Linux library needs, read from the file: no tool, and nothing is loaded."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB = 1, 5
MAX_NAME = 4096  # bytes


def needed(path: Path) -> list[str]:
    """Names as in `readelf -d` (NEEDED), in order. Raises ValueError for what is no 64-bit ELF file, OSError."""
    with path.open("rb") as f:
        head = f.read(64)
        if len(head) < 64 or head[:5] != b"\x7fELF\x02":
            raise ValueError(f"{path} is no 64-bit ELF file")
        order = "<" if head[5] == 1 else ">"
        (table,) = struct.unpack_from(order + "Q", head, 32)
        size, count = struct.unpack_from(order + "HH", head, 54)
        try:
            segments = [struct.unpack(order + "IIQQQQQQ", _read(f, table + i * size, 56)) for i in range(count)]
            return _names(f, order, segments)
        except struct.error as e:
            raise ValueError(f"{path} is cut short or damaged") from e


def _names(f: BinaryIO, order: str, segments: list[tuple[int, ...]]) -> list[str]:
    """segments: (type, flags, offset in the file, address, physical address, size in the file, ...)."""
    entries = []
    for kind, _, offset, _, _, size, *_ in segments:
        if kind == PT_DYNAMIC:
            data = _read(f, offset, size)
            entries = [struct.unpack_from(order + "qQ", data, at) for at in range(0, len(data) - 15, 16)]
    address = next((value for tag, value in entries if tag == DT_STRTAB), 0)
    # The table of strings is given by its address in memory: the segment that is loaded there knows where it lies.
    for kind, _, offset, start, _, size, *_ in segments:
        if kind == PT_LOAD and start <= address < start + size:
            strings = offset + address - start
            return [_string(f, strings + value) for tag, value in entries if tag == DT_NEEDED]
    return []


def _read(f: BinaryIO, offset: int, size: int) -> bytes:
    f.seek(offset)
    return f.read(size)


def _string(f: BinaryIO, offset: int) -> str:
    return _read(f, offset, MAX_NAME).split(b"\0")[0].decode("utf-8", "replace")
