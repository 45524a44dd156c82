"""Files are written whole or not at all: a reader never sees half of one, an error keeps the old one."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path


def partial_path(path: Path) -> Path:
    """Where a file is written until it is complete: hidden, in the same folder, with the same suffix."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def recording_path(path: Path) -> Path:
    """A new empty file beside `path` for a recording in progress: `talk.partial.mp4`, found and played by its name.

    What an earlier run left there is somebody's recording: then it is `talk.partial-2.mp4`. Raises OSError.
    """
    for number in itertools.count(1):
        partial = path.with_name(f"{path.stem}.partial{f'-{number}' if number > 1 else ''}{path.suffix}")
        with contextlib.suppress(FileExistsError):
            partial.open("xb").close()
            return partial
    raise AssertionError("unreachable")


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
