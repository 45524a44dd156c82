"""Files named by the moment at which a key asked for them: pictures and recordings."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rtseg.arrays import U8
from rtseg.errors import OutputError
from rtseg.files import free_names
from rtseg.sinks.sequence import write_picture


def free_path(folder: Path, suffix: str, when: datetime) -> Path:
    """`rtseg-20261122-214005.png`, or `...-2.png` where that exists."""
    return next(free_names(folder / f"rtseg-{when:%Y%m%d-%H%M%S}{suffix}"))


def save_snapshot(picture: U8, folder: Path, when: datetime) -> Path:
    """Write a picture (uint8 HxWx3 BGR) as a new PNG, never over another file; its path. Raises OutputError."""
    while True:
        path = free_path(folder, ".png", when)
        try:
            path.open("xb").close()  # takes the name before another process does
        except FileExistsError:
            continue
        except OSError as e:
            raise OutputError(f"picture {path} can't be written: {e.strerror or e}") from e
        try:
            write_picture(path, picture)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path
