"""Whether a GIF moves: its blocks are walked, as only they tell how many pictures it has."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

SCREEN, PICTURE = 13, 9  # bytes of the headers of the file and, after its mark, of a picture in it
TABLE, ENTRIES = 0x80, 0x07  # of the flags: whether a table of colours follows, and for how many (2 ** (n + 1))


def is_still_gif(path: Path) -> bool:
    """Whether it holds one picture; False also for none, and for what can't be read."""
    try:
        with path.open("rb") as file:
            return pictures(file, 2) == 1
    except OSError:
        return False


def pictures(file: BinaryIO, most: int) -> int:
    """How many pictures begin in a GIF, as far as `most`; of a damaged one those until then."""
    skip_colours(file, file.read(SCREEN)[10:11])
    count = 0
    while count < most:
        mark = file.read(1)
        if mark == b",":
            count += 1
            skip_colours(file, file.read(PICTURE)[8:9])
        elif mark != b"!":  # the end, or nonsense
            break
        file.read(1)  # an extension's label; a picture's size of codes
        while (length := file.read(1)) and length != b"\0":
            file.seek(length[0], 1)
    return count


def skip_colours(file: BinaryIO, flags: bytes) -> None:
    """Go on behind a table of colours, if there is one."""
    if flags and flags[0] & TABLE:
        file.seek(3 * 2 ** ((flags[0] & ENTRIES) + 1), 1)
