"""`--save-config`: the options of a session, written as a config file."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rtseg.errors import OutputError
from rtseg.files import mode_of, take_mode, whole_file
from rtseg.links import behind_links
from rtseg.messages import has_secret
from rtseg.options.call import Call, Value
from rtseg.options.config import FILES, WORDS, default_path
from rtseg.schema import spelled
from rtseg.texts import parse_toml

OWNER_ALONE = 0o600


def save_config(path: Path, call: Call) -> Path | None:
    """Write what differs from the defaults, whole or not at all; relative paths of files become absolute.

    A file to write video to is left out (`unsaved`). A file that was written by hand is kept beside, under the name
    that is given back. Raises OutputError.
    """
    values = {key: absolute(key, value) for key, value in call.different().items() if key not in unsaved(call)}
    try:
        path = behind_links(path)  # which stay links
        path.parent.mkdir(parents=True, exist_ok=True)
        data = written(call.section, values).encode()
        kept = keep(path, call.section)
        with private(path) if holds_secret(call) else contextlib.nullcontext(), whole_file(path) as partial:
            partial.write_bytes(data)
    except (OSError, UnicodeEncodeError) as e:
        raise OutputError(f"config {path} can't be written: {getattr(e, 'strerror', None) or e}") from e
    return kept


def holds_secret(call: Call) -> bool:
    """Whether a password is among what is saved."""
    return any(has_secret(value) for value in call.different().values())


@contextlib.contextmanager
def private(path: Path) -> Iterator[None]:
    """What is made at `path` meanwhile is for its owner alone, from the first byte on. Raises OSError."""
    if path.exists():
        path.chmod(OWNER_ALONE)
    before = os.umask(0o777 & ~OWNER_ALONE)
    try:
        yield
    finally:
        os.umask(before)


def unsaved(call: Call) -> dict[str, Value]:
    """What no config should say: every later session would write over the same video."""
    out = call.different().get("out")
    return {} if out is None or str(out).startswith("virtual") else {"out": out}


def written(command: str, values: Mapping[str, Any]) -> str:
    """The text of a config file."""
    lines = [f"# rtseg {command}: its options without the dashes; the command line wins", f"[{command}]"]
    return "\n".join([*lines, *(f"{key} = {spelled(value)}" for key, value in values.items())]) + "\n"


def keep(path: Path, command: str) -> Path | None:
    """Copy a config that is not as `written` makes it, with the comments of its author, to NAME.bak."""
    if not path.exists() or not (old := path.read_bytes()).strip():
        return None
    with contextlib.suppress(ValueError, KeyError, AttributeError):  # then it is none of ours
        if written(command, parse_toml(old.decode())[command]).encode() == old:
            return None
    names = (path.with_name(f"{path.name}.bak{number or ''}") for number in itertools.count())
    kept = next(name for name in names if not os.path.lexists(name))
    with private(kept), whole_file(kept) as partial:  # whatever it holds
        partial.write_bytes(old)
    if not has_secret(old.decode("utf-8", "replace")):
        take_mode(kept, mode_of(path) or OWNER_ALONE)
    return kept


def config_target(name: str, config: Path | None) -> Path:
    """Where --save-config writes: the file named, or else the one that was read, or else the user's own.

    Raises OutputError unless a file can be made there: found out before a session, not after it.
    """
    path = Path(name).expanduser() if name else config or default_path()
    if os.path.exists(path) and not os.path.isfile(path):  # pathlib's raise for a folder that can't be looked into
        raise OutputError(f"config {path} is not a file; give --save-config a file name")
    folder = next(p for p in path.absolute().parents if os.path.exists(p))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(f"config {path}: no permission to write in {folder}; give --save-config another file")
    return path


def absolute(key: str, value: Value) -> Value:
    """The same file from wherever it is read."""
    if key not in FILES or not isinstance(value, str) or re.fullmatch(WORDS[key], value, re.DOTALL):
        return value
    named = Path(value).suffix or key == "bg"
    return str(Path(value).absolute()) if named and Path(value).exists() else value
