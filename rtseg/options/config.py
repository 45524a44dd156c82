"""The config file of `rtseg cam` (TOML).

A section has the name of a command, its keys are the command's long options: `[cam]`, `blur = 35`, `window = false`.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.errors import DataError, OutputError
from rtseg.files import whole_file
from rtseg.options.call import Call, Option, Value, options_of

if TYPE_CHECKING:
    import typer

TYPES: dict[type, tuple[str, tuple[type, ...]]] = {
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    str: ("text in quotes", (str,)),
    Path: ("text in quotes", (str,)),
}
FILES = ("bg", "model", "source")  # options that may name a file
LARGEST = 2**20  # bytes of a config file


def take_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let a command's options default to what `path` or the user's own file says; the file that was read, if any.

    Raises DataError; the user's own file may be missing.
    """
    chosen = path or default_path()
    if path is None and not chosen.exists():
        return None
    options = options_of(context.command.params, context.command.callback)
    filed = read_config(chosen, str(context.info_name), options)
    context.default_map = {o.parameter: filed[o.name] for o in options if o.name in filed}
    return chosen


def default_path() -> Path:
    """Where the user's own config file is, present or not. Raises DataError without a home directory."""
    given = {"win32": "APPDATA", "darwin": ""}.get(sys.platform, "XDG_CONFIG_HOME")
    usual = {"win32": "AppData/Roaming", "darwin": "Library/Application Support"}.get(sys.platform, ".config")
    folder = Path(os.environ.get(given, ""))
    try:
        return (folder if folder.is_absolute() else Path.home() / usual) / "rtseg" / "config.toml"
    except RuntimeError as e:
        raise DataError(f"there is no home directory to look for a config file in ({e}); give --config FILE") from e


def read_config(path: Path, command: str, options: Iterable[Option]) -> dict[str, Value]:
    """The values for a command, by option name, types checked. Raises DataError that names file, line and key."""
    text = read_text(path)
    try:
        top = tomllib.loads(text)
    except (ValueError, RecursionError) as e:
        raise DataError(f"{path} is not TOML: {e}") from e
    known = {o.name: o for o in options}
    for key, value in top.items():
        if key in known and key != command:
            raise DataError(f"{place(path, text, key)}: {key} stands outside of a section; write it below [{command}]")
        if key != command or not isinstance(value, dict):
            raise DataError(f"{place(path, text, key)}: {key} is not a section; the only one is [{command}]")
    values = {}
    for key, value in top.get(command, {}).items():
        if key not in known:
            near = difflib.get_close_matches(key.replace("_", "-").removeprefix("no-"), known, n=1)
            advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise DataError(f"{place(path, text, key)}: {key} is not an option of rtseg {command}; {advice}")
        problem = problem_with(known[key], value)
        if problem:
            raise DataError(f"{place(path, text, key)}: {key} is {value!r}; give {problem}")
        values[key] = os.path.expanduser(value) if isinstance(value, str) and value.startswith("~/") else value
    return values


def read_text(path: Path) -> str:
    """A config file's text. Raises DataError."""
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"config {path} is not a file")
        if path.stat().st_size > LARGEST:
            raise DataError(f"config {path} has {path.stat().st_size} bytes; that is no config file")
        return path.read_text(encoding="utf-8-sig")  # Windows editors put a mark in front
    except OSError as e:
        raise DataError(f"config {path} can't be read: {e.strerror or e}") from e
    except UnicodeDecodeError as e:
        raise DataError(f"config {path} is not UTF-8: {e}") from e


def problem_with(option: Option, value: object) -> str | None:
    """What to give instead of a value that won't do, or None."""
    says, kinds = TYPES[option.kind]
    low, high = option.low, option.high
    if low is not None and high is not None:
        says += f", {low:g} to {high:g}"
    if type(value) not in kinds:
        return says
    if isinstance(value, str) and "\0" in value:
        return f"{says} without NUL characters"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        fits = math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
        return None if fits else says
    return None


def place(path: Path, text: str, key: str) -> str:
    """`file, line 3` of a key or a section, as far as it can be found."""
    pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    number = next(lines, None)
    return f"{path}, line {number}" if number else str(path)


def save_config(path: Path, call: Call) -> None:
    """Write what differs from the defaults, whole or not at all; relative paths of files become absolute.

    A file to write video to is left out: every later session would write over it. Raises OutputError.
    """
    values = call.different()
    if not str(values.get("out", "virtual")).startswith("virtual"):
        del values["out"]
    lines = [f"# rtseg {call.command}: its options without the dashes; the command line wins", f"[{call.command}]"]
    lines += [f"{key} = {toml(absolute(key, value))}" for key, value in values.items()]
    try:
        path = path.resolve()  # through a link, which stays a link
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_bytes(("\n".join(lines) + "\n").encode())
    except (OSError, UnicodeEncodeError) as e:
        raise OutputError(f"config {path} can't be written: {getattr(e, 'strerror', None) or e}") from e


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
    if key in FILES and isinstance(value, str) and (Path(value).suffix or key == "bg") and Path(value).exists():
        return str(Path(value).absolute())
    return value


def toml(value: Value) -> str:
    """A value as TOML. JSON's strings are TOML's basic strings, but for a bare DEL."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value) if isinstance(value, bool) else repr(value)
