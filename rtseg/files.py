"""Files are written whole or not at all: a reader never sees half of one, an error keeps the old one."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtseg.errors import OutputError

ASSETS = Path(__file__).parent / "assets"  # models, backgrounds and the demo clip that ship with rtseg


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


def check_target(path: Path, source: str | Path | None = None) -> None:
    """Raise OutputError unless a file can be made at `path` that is not the source itself."""
    if path.is_dir():
        raise OutputError(f"output {path} is a folder; give a file name")
    if not path.parent.is_dir():
        raise OutputError(f"output {path}: the folder {path.parent} does not exist")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise OutputError(f"output {path} is a device or a pipe; give a file name")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"output {path}: no permission to write in {path.parent.resolve()}; give another --out")
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise OutputError(f"output {path} is the source itself; give another name")


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all. Raises OutputError."""
    try:
        with whole_file(path) as partial:
            partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    except OSError as e:
        raise OutputError(f"output {path} can't be written: {e.strerror or e}") from e
