"""Files are written whole or not at all: a reader never sees half of one, an error keeps the old one."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtseg.errors import OutputError

ASSETS = Path(__file__).parent / "assets"  # models, backgrounds and the demo clip that ship with rtseg
LARGEST_TEXT = 2**20  # bytes of a settings file
DEEPEST = 32  # levels of what may be in one another in a settings file
MOST_DOTS = 256  # in one key: tomllib takes minutes for a key of a million parts
NAME_BYTES = 255  # of a file's name, at most, on every usual file system
_numbers = itertools.count()  # of the temporary files of this process


def behind_links(path: Path) -> Path:
    """Where a file of this name lies: at the end of its links, whether there is a file yet or not. Raises OSError."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def temporary_path(path: Path) -> Path:
    """A new empty file where one is written until it is complete: hidden, in the same folder, with the same suffix.

    No two calls give the same, whatever process makes them. Raises OSError.
    """
    for number in _numbers:
        temporary = path.with_name(fitting(f".{path.stem}", f".{os.getpid()}-{number}.part{path.suffix}"))
        try:
            temporary.open("xb").close()
            return temporary
        except FileExistsError:
            continue
        except BaseException:  # a signal, while it was made
            temporary.unlink(missing_ok=True)
            raise
    raise AssertionError("unreachable")


def recording_path(path: Path) -> Path:
    """A new empty file beside `path` for a recording in progress: `talk.partial.mp4`, found and played by its name.

    What an earlier run left there is somebody's recording: then it is `talk.partial-2.mp4`. Raises OSError.
    """
    for number in itertools.count(1):
        partial = path.with_name(fitting(path.stem, f".partial{f'-{number}' if number > 1 else ''}{path.suffix}"))
        with contextlib.suppress(FileExistsError):
            partial.open("xb").close()
            return partial
    raise AssertionError("unreachable")


def fitting(stem: str, ending: str) -> str:
    """The two put together, the stem as short as it must be: a name that just fits leaves no room for what is added."""
    while len(os.fsencode(stem + ending)) > NAME_BYTES and len(stem) > 1:
        stem = stem[:-1]
    return stem + ending


def complete(partial: Path, path: Path) -> None:
    """Give a finished file its name; synced first, so that a power cut leaves the old file or the new one."""
    with partial.open("rb+") as f:
        os.fsync(f.fileno())
    os.replace(partial, path)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder that becomes `path` at the end, and vanishes on any exception.

    Through a link the file is written that it leads to.
    """
    target = behind_links(path)
    temporary = temporary_path(target)
    try:
        yield temporary
        complete(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def decode_text(data: bytes, errors: str = "strict") -> str:
    """The text of a file that a person may have saved: UTF-8 or UTF-16, with a byte-order mark or without.

    errors: what is done with bytes that are not UTF-8, as for `bytes.decode`. Raises UnicodeDecodeError.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    for start, kind in ((0, "utf-16-be"), (1, "utf-16-le")):  # Latin letters in UTF-16: every other byte is 0
        if len(data) > 1 and not any(data[start:64:2]):
            return data.decode(kind)
    return data.decode("utf-8-sig", errors)


def read_settings_text(path: Path) -> str:
    """The text of a settings file, see `decode_text`. Raises OSError, and ValueError for what can't be one."""
    if path.exists() and not path.is_file():
        raise ValueError("it is not a file")
    size = path.stat().st_size
    if size > LARGEST_TEXT:
        raise ValueError(f"it has {size} bytes, more than any such file needs")
    try:
        return decode_text(path.read_bytes())
    except UnicodeDecodeError as e:
        raise ValueError(f"it is not UTF-8: {e}") from e


def parse_json(text: str) -> Any:
    """What a JSON text says; raises ValueError for anything else, and for what nests deeply."""
    try:
        return not_deep(json.loads(text))
    except RecursionError as e:
        raise ValueError(f"it nests more than {DEEPEST} levels") from e


def parse_toml(text: str) -> dict[str, Any]:
    """What a TOML text says; raises ValueError for anything else, and for what nests deeply."""
    if any(part.count(".") > MOST_DOTS for line in text.splitlines() for part in re.split(r"[=,\[\]{}]", line)):
        raise ValueError(f"it has a key of more than {MOST_DOTS} parts")
    try:
        values: dict[str, Any] = not_deep(tomllib.loads(text))
        return values
    except RecursionError as e:
        raise ValueError(f"it nests more than {DEEPEST} levels") from e


def not_deep(value: Any) -> Any:
    """The value itself; raises ValueError when its lists and tables nest more than DEEPEST levels."""
    level = [value]
    for _ in range(DEEPEST):
        level = [v for x in level for v in (x.values() if isinstance(x, dict) else x if isinstance(x, list) else ())]
    if level:
        raise ValueError(f"it nests more than {DEEPEST} levels")
    return value


def check_target(path: Path, source: str | Path | None = None) -> None:
    """Raise OutputError unless a file can be made at `path` that is not the source itself."""
    try:
        target = behind_links(path)
        folder = target.parent
        if target.is_symlink():
            raise OutputError(f"output {path} is a link that leads back to itself; give another name")
        if target.is_dir():
            raise OutputError(f"output {path} is a folder; give a file name")
        if not folder.is_dir():
            raise OutputError(f"output {path}: the folder {folder} does not exist")
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            raise OutputError(f"output {path} is a device or a pipe; give a file name")
        if not os.access(folder, os.W_OK):
            raise OutputError(f"output {path}: no permission to write in {folder.resolve()}; give another name")
        if source is not None and target.exists() and os.path.exists(source) and target.samefile(source):
            raise OutputError(f"output {path} is the source itself; give another name")
    except (OSError, ValueError) as e:  # a name that is too long, or that no file can have
        raise OutputError(f"output {path}: {getattr(e, 'strerror', None) or e}; give another name") from e


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all. Raises OutputError."""
    try:
        with whole_file(path) as partial:
            partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    except OSError as e:
        raise OutputError(f"output {path} can't be written: {e.strerror or e}") from e
