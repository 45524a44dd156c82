"""Temporary files of runs that were killed: removed by the next run that writes to their folder.

A file is one if its name says so, it is ours, the process in its name is gone and nobody holds it locked: the processes
of another container or machine have numbers of their own, but locks are seen from all. Not on Windows, which has
neither these locks nor a harmless way to ask for a process.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = re.compile(r"\..*\.(\d{1,10})(?:-\d+)?\.part(?:\.[^.]*)?", re.DOTALL)  # see files.temporary_path
_held: dict[Path, int] = {}  # the temporary files of this process, and what locks them
_seen: set[Path] = set()  # folders that this process has looked through


def hold(path: Path) -> None:
    """Lock a temporary file as in use, until `release`."""
    if fcntl is None:
        return
    lock = os.open(path, os.O_RDONLY)
    with contextlib.suppress(OSError):  # a file system without locks: then the process's number has to do
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _held[path.absolute()] = lock


def release(path: Path) -> None:
    """The opposite of `hold`; nothing for a file that is not held."""
    lock = _held.pop(path.absolute(), None)
    if lock is not None:
        os.close(lock)


def discard_all() -> None:
    """Remove the temporary files of this process, which ends on the spot."""
    for path in list(_held):
        with contextlib.suppress(OSError):
            path.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove from a folder what killed processes left in it; once in a process for each."""
    folder = folder.absolute()
    if fcntl is None or folder in _seen:
        return
    _seen.add(folder)
    found: list[Path] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:  # one may write where one may not look
        found = [Path(e.path) for e in entries if NAME.fullmatch(e.name) and e.is_file(follow_symlinks=False)]
    for path in found:
        with contextlib.suppress(OSError):  # another run was quicker, or may do more than this one
            if is_left(path):
                path.unlink()


def is_left(path: Path) -> bool:
    """Whether a temporary file belongs to nobody any more. Raises OSError."""
    name = NAME.fullmatch(path.name)
    if name is None or path.lstat().st_uid != os.geteuid() or path in _held:
        return False
    number = int(name[1])
    if number != os.getpid() and is_alive(number):  # with our own number it is of an earlier life, as in containers
        return False
    lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here
        return True
    finally:
        os.close(lock)
    return True


def is_alive(number: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True
