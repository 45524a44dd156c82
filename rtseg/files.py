"""Files are written whole or not at all: a reader never sees half of one, an error keeps the old one."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtseg.errors import OutputError
from rtseg.leftovers import hold, release, remove_leftovers
from rtseg.links import behind_links

ASSETS = Path(__file__).parent / "assets"  # models, backgrounds and the demo clip that ship with rtseg
BACKGROUNDS, DEMO_CLIP = ASSETS / "backgrounds", ASSETS / "demo.mp4"
STDIO = Path("-")  # as a source standard input, as a target standard output
NAME_BYTES = 255  # of a file's name, at most, on every usual file system
_numbers = itertools.count()  # of the temporary files of this process


def temporary_path(path: Path) -> Path:
    """A new empty file where one is written until it is complete: hidden, in the same folder, with the same suffix.

    No two calls give the same, whatever process makes them; what killed processes left of theirs is removed. It ends in
    `complete` or `discard`. Raises OSError.
    """
    remove_leftovers(path.parent)
    for number in _numbers:
        temporary = path.with_name(short_enough(f".{path.stem}", f".{os.getpid()}-{number}.part{path.suffix}"))
        try:
            make(temporary, like=path)
            hold(temporary)
            return temporary
        except FileExistsError:
            continue
        except BaseException:  # a signal, while it was made
            discard(temporary)
            raise
    raise AssertionError("unreachable")


def recording_path(path: Path) -> Path:
    """A new empty file beside `path` for a recording in progress: `talk.partial.mp4`, found and played by its name.

    What an earlier run left there is somebody's recording: then it is `talk.partial-2.mp4`. Raises OSError.
    """
    remove_leftovers(path.parent)
    for number in itertools.count(1):
        partial = path.with_name(short_enough(path.stem, f".partial{f'-{number}' if number > 1 else ''}{path.suffix}"))
        with contextlib.suppress(FileExistsError):
            make(partial, like=path)
            return partial
    raise AssertionError("unreachable")


def make(new: Path, *, like: Path) -> None:
    """An empty file that no more people may read than the one whose place it takes; raises FileExistsError, OSError."""
    old = mode_of(like)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if old is None else 0o600))
    if old is not None:
        take_mode(new, old | 0o600)  # a file may be written that nobody may write to once it is complete


def mode_of(path: Path) -> int | None:
    """Who may read, write and run a file; None where there is none. Raises OSError."""
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    except FileNotFoundError:
        return None


def take_mode(path: Path, mode: int) -> None:
    """Give a file its permissions, where the file system has any."""
    with contextlib.suppress(OSError):
        if mode_of(path) != mode:
            path.chmod(mode)


def short_enough(stem: str, ending: str) -> str:
    """The two put together, the stem as short as it must be: a name that just fits leaves no room for what is added."""
    while len(os.fsencode(stem + ending)) > NAME_BYTES and len(stem) > 1:
        stem = stem[:-1]
    return stem + ending


def complete(partial: Path, path: Path, mode: int | None = None) -> None:
    """Give a finished file its name; synced first, so that a power cut leaves the old file or the new one.

    A file that is replaced hands on its permissions, and its owner where that is possible. mode: else; None to leave
    the new file's as they are. Raises OSError.
    """
    with partial.open("rb+") as f:
        os.fsync(f.fileno())
    if path.exists():
        old, new = path.stat(), partial.stat()
        if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            with contextlib.suppress(OSError):  # only root may give a file away
                os.chown(partial, old.st_uid, old.st_gid)
        mode = mode_of(path)
    if mode is not None:
        take_mode(partial, mode)
    os.replace(partial, path)
    release(partial)


def complete_as_new(partial: Path, path: Path) -> Path:
    """`complete`, but never in the place of another file: the first of `free_names` that is free by now.

    Raises OSError.
    """
    for name in free_names(path):
        try:
            name.open("xb").close()  # takes it before another process does
        except FileExistsError:
            continue
        try:
            complete(partial, name)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
        return name
    raise AssertionError("unreachable")


def free_names(path: Path) -> Iterator[Path]:
    """`talk.mp4`, `talk-2.mp4`, ...: those under which there is nothing, nor a link to nowhere."""
    for number in itertools.count(1):
        name = path.with_name(short_enough(path.stem, f"{f'-{number}' if number > 1 else ''}{path.suffix}"))
        if not os.path.lexists(name):
            yield name


def discard(partial: Path) -> None:
    """Remove a temporary file, if it is still there. Raises OSError."""
    partial.unlink(missing_ok=True)
    release(partial)


@contextlib.contextmanager
def whole_file(path: Path, *, like: Path | None = None) -> Iterator[Path]:
    """A temporary path in the same folder that becomes `path` at the end, and vanishes on any exception.

    Through a link the file is written that it leads to. like: a file whose permissions it gets, if it is new.
    Raises OSError, also for a device or a pipe: it would be gone, and a file in its place.
    """
    target = behind_links(path)
    if target.exists() and not target.is_file():
        raise OSError(errno.EEXIST, "it is a folder, a device or a pipe")
    temporary = temporary_path(target)
    if like and not target.exists():
        take_mode(temporary, (mode_of(like) or 0) | 0o600)
    mode = mode_of(temporary)  # who writes it may put another file in its place, with other permissions
    try:
        yield temporary
        complete(temporary, target, mode)
    except BaseException:
        discard(temporary)
        raise


def check_target(path: Path, source: str | Path | None = None) -> None:
    """Raise OutputError unless a file can be made at `path` that is not the source itself."""
    try:
        target = behind_links(path)
        folder = target.parent
        if target.is_dir():
            raise OutputError(f"output {path} is a folder; give a file name")
        if not folder.is_dir():
            raise OutputError(f"output {path}: the folder {folder} does not exist")
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            raise OutputError(f"output {path} is a device or a pipe; give a file name")
        if target.exists() and not os.access(target, os.W_OK):
            raise OutputError(f"output {path} is write-protected; give another name")
        if not os.access(folder, os.W_OK):
            raise OutputError(f"output {path}: no permission to write in {folder.resolve()}; give another name")
        if source is not None and target.exists() and os.path.exists(source) and target.samefile(source):
            raise OutputError(f"output {path} is the source itself; give another name")
    except (OSError, ValueError) as e:  # a name that is too long, or that no file can have
        raise OutputError(f"output {path}: {getattr(e, 'strerror', None) or e}; give another name") from e


def check_report(path: Path | None) -> None:
    """`check_target` for what `write_json` will write; nothing for None and for STDIO. Raises OutputError."""
    if path is not None and path != STDIO:
        check_target(path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all, or to STDIO. Raises OutputError."""
    if path == STDIO:
        print(json.dumps(value, indent=2))
        return
    try:
        with whole_file(path) as partial:
            partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    except OSError as e:
        raise OutputError(f"output {path} can't be written: {e.strerror or e}") from e
