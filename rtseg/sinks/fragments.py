"""An MP4 or MOV recording whose end is missing, cut back to its last whole fragment."""

from __future__ import annotations

from pathlib import Path

HEADER = 8  # bytes: the size of a box, big endian, and its four-letter kind
LONG = 1  # a size of 1 says that the real one follows the kind, in 8 bytes


def cut_to_whole(path: Path) -> None:
    """Drop what was being written when the disk was full: strict decoders stop with an error there. Raises OSError."""
    with path.open("rb+") as f:
        end = f.seek(0, 2)
        start = whole = 0
        while start + HEADER <= end:
            f.seek(start)
            size, kind = int.from_bytes(f.read(4), "big"), f.read(4)
            if size == LONG:
                size = int.from_bytes(f.read(8), "big")
            if size < HEADER or start + size > end:
                break
            start += size
            if kind != b"moof":  # describes the box of data after it
                whole = start
        f.truncate(whole)
