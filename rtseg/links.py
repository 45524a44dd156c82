"""Where a name leads: symbolic links are followed as the system would, but not those that strangers left to mislead."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

MOST = 40  # links on the way, as Linux has it
FILE_URL = re.compile(r"\Afile:(?://(?:localhost)?(?=/))?", re.IGNORECASE)


def without_scheme(text: str) -> str:
    """The name of a file that is given as an address, `file:///home/me/talk.mp4`; anything else as it is."""
    return FILE_URL.sub("", text)


def behind_links(path: Path) -> Path:
    """Where a file of this name lies: at the end of its links, whether there is a file yet or not.

    A link that another user made in a folder that everybody may write to, as /tmp, is not followed: it is how others
    are made to overwrite their own files. Raises OSError for that, and for links that lead back to themselves.
    """
    whole = path.absolute()
    links, place, rest = 0, Path(whole.anchor), [*reversed(whole.parts[1:])]
    while rest:
        part = rest.pop()
        if part == os.pardir:
            place = place.parent
            continue
        step = place / part
        try:
            found = step.lstat()
        except FileNotFoundError:
            place = step
            continue
        if not stat.S_ISLNK(found.st_mode):
            place = step
            continue
        links += 1
        if links > MOST:
            raise OSError(errno.ELOOP, f"{step} is a link that leads back to itself")
        if is_strangers(found, place):
            raise PermissionError(errno.EACCES, f"{step} is a link of another user's in a shared folder; not followed")
        to = step.readlink()
        if to.is_absolute():
            place = Path(to.anchor)
        rest += reversed(to.parts[1:] if to.is_absolute() else to.parts)
    return place if links else path


def is_strangers(link: os.stat_result, folder: Path) -> bool:
    """Whether a link is neither ours nor the folder's owner's, in a folder where everybody may make one."""
    if not hasattr(os, "geteuid"):
        return False
    of = folder.stat()
    shared = of.st_mode & stat.S_ISVTX and of.st_mode & stat.S_IWOTH
    return bool(shared) and link.st_uid not in (os.geteuid(), of.st_uid)
