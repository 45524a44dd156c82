"""Files are written whole or not at all: a reader never sees half of one, an error keeps the old one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def partial_path(path: Path) -> Path:
    """Where a file is written until it is complete: hidden, in the same folder, with the same suffix."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def complete(partial: Path, path: Path) -> None:
    """Give a finished file its name; synced first, so that a power cut leaves the old file or the new one."""
    with partial.open("rb+") as f:
        os.fsync(f.fileno())
    os.replace(partial, path)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder that becomes `path` at the end, and vanishes on any exception."""
    partial = partial_path(path)
    try:
        yield partial
        complete(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
