"""Where rtseg keeps what is the user's own: backgrounds, and by what a browser is known again."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import sys
import time
from pathlib import Path

from rtseg.errors import PageError
from rtseg.files import whole_file
from rtseg.options.saving import OWNER_ALONE, private

SECRET_BYTES = 32
SECRET = re.compile(r"[\w-]{43}")  # so many bytes as text
OLDEST = 7 * 24 * 3600.0  # seconds after which browsers have to be let in anew


def data_folder() -> Path:
    """The user's own, there or not. Raises PageError without a home directory."""
    given = {"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_DATA_HOME")
    usual = {"win32": "AppData/Local", "darwin": "Library/Application Support"}.get(sys.platform, ".local/share")
    folder = Path(os.environ.get(given, ""))
    try:
        return (folder if folder.is_absolute() else Path.home() / usual) / "rtseg"
    except RuntimeError as e:
        raise PageError(f"there is no home directory to keep backgrounds in ({e}); give --backgrounds FOLDER") from e


def new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def kept_secret(path: Path) -> str:
    """The one in a file that only this user may read, or a new one, kept there if that is possible.

    So a page that is open finds its way back when rtseg is started again.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if (secret := read_secret(path)) is not None:
            return secret
    secret = new_secret()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with private(path), whole_file(path) as partial:
            partial.write_text(secret, encoding="ascii")
    return secret


def read_secret(path: Path) -> str | None:
    """None for one that others could have read or written, or that is old. Raises OSError."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), encoding="ascii") as f:
        status = os.fstat(f.fileno())
        mine = os.name == "nt" or (status.st_uid == os.getuid() and not status.st_mode & 0o777 & ~OWNER_ALONE)
        young = 0 <= time.time() - status.st_mtime < OLDEST
        text = f.read(128) if stat.S_ISREG(status.st_mode) and mine and young else ""
    return text if SECRET.fullmatch(text) else None
