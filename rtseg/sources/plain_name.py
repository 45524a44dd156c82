"""For libraries that crash on a file's name, as OpenCV does on bytes that are no UTF-8."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def is_plain(path: Path) -> bool:
    """Whether the name is text; names of files are bytes on most systems."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def plain_name(path: Path) -> Iterator[str]:
    """A name of the same file, of the same suffix where that is text, for a `with` block. Raises OSError."""
    if is_plain(path):
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / f"file{path.suffix if is_plain(Path(path.suffix)) else ''}"
        os.symlink(path.absolute(), link)
        yield str(link)
