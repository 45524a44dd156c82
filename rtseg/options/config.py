"""The config file of `rtseg cam` (TOML): where it is, and what it says.

A section has the name of a command, its keys are the command's long options: `[cam]`, `blur = 35`, `window = false`.
"""

from __future__ import annotations

import datetime
import difflib
import json
import math
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from rtseg.errors import DataError
from rtseg.files import ASSETS
from rtseg.formats import VIDEOS
from rtseg.messages import shown
from rtseg.options.call import Option, Value, options_of, section_of
from rtseg.texts import parse_toml, read_settings_text

TYPES: dict[type, tuple[str, tuple[type, ...]]] = {
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    str: ("text in quotes", (str,)),
    Path: ("text in quotes", (str,)),
}
FILES = ("bg", "model", "source")  # options that may name a file to read
WORDS = {  # their values that are no files, whatever lies there
    "bg": r"blur|transparent|#.*|",
    "model": r"auto|quality|balanced|fast|",
    "source": r"demo|\d{1,3}|[A-Za-z][\w+.-]*://.*|",
}
MEANT = {"background": "bg", "image": "bg", "picture": "bg", "camera": "source", "webcam": "source", "input": "source",
         "output": "out", "strength": "blur"}  # fmt: skip


def take_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let a command's options default to what `path` or the user's own file says; the file that was read, if any.

    Raises DataError; the user's own file may be missing.
    """
    chosen = path or default_path()
    if path is None and not is_there(chosen):
        return None
    options = options_of(context.command.params, context.command.callback)
    filed = read_config(chosen, section_of(str(context.info_name)), options)
    context.default_map = {o.parameter: filed[o.name] for o in options if o.name in filed}
    return chosen


def is_there(path: Path) -> bool:
    """Whether the user's own file is there; a folder that can't be looked into is told, and ends nothing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as e:
        typer.echo(shown(f"note: no config is read, {path} can't be looked at: {e.strerror or e}"), err=True)
        return False
    return True


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
        top = parse_toml(text)
    except ValueError as e:
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
            raise DataError(
                f"{place(path, text, key)}: {key} is not an option of rtseg {command}; {advice(key, known)}"
            )
        problem = problem_with(known[key], value)
        if problem:
            raise DataError(f"{place(path, text, key)}: {key} is {spelled(value)}; {problem}")
        values[key] = located(key, value, path.parent)
    return values


def advice(key: str, known: Iterable[str]) -> str:
    """What may be meant by a key that is none."""
    plain = key.lower().replace("_", "-").removeprefix("no-")
    near = [MEANT[plain]] if plain in MEANT else difflib.get_close_matches(plain, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def located(key: str, value: Value, folder: Path) -> Value:
    """A file's name as it counts from the config file's folder; ~ is the home directory."""
    if not isinstance(value, str):
        return value
    if value.startswith("~/"):
        return os.path.expanduser(value)
    if key not in FILES or re.fullmatch(WORDS[key], value, re.DOTALL):
        return value
    beside = folder / value
    if os.path.lexists(beside):
        return str(beside)
    suffix = os.path.splitext(value)[1].lower()
    # A camera's name and a model's may be anything; of a background only what ships is looked for elsewhere.
    missing = {"bg": not (ASSETS / "backgrounds" / value).is_file(), "model": suffix == ".onnx"}
    return str(beside) if missing.get(key, suffix in VIDEOS) else value


def read_text(path: Path) -> str:
    """A config file's text. Raises DataError."""
    try:
        return read_settings_text(path)
    except OSError as e:
        raise DataError(f"config {path} can't be read: {e.strerror or e}") from e
    except ValueError as e:
        raise DataError(f"config {path} is no config file: {e}") from e


def problem_with(option: Option, value: Any) -> str | None:
    """What is wrong with a value and what to give instead, or None."""
    says, kinds = TYPES[option.kind]
    low, high = option.low, option.high
    if low is not None and high is not None:
        says += f", {low:g} to {high:g}"
    if type(value) not in kinds:
        return f"give {says}"
    if isinstance(value, str) and "\0" in value:
        return f"give {says} without NUL characters"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        fits = math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
        if not fits:
            return f"give {says}"
    try:
        if option.check:
            option.check(value)
    except typer.BadParameter as e:
        return e.message
    return None


def place(path: Path, text: str, key: str) -> str:
    """`file, line 3` of a key or a section, as far as it can be found."""
    pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    number = next(lines, None)
    return f"{path}, line {number}" if number else str(path)


def spelled(value: Any) -> str:
    """A value as TOML has it. JSON's strings are TOML's basic strings, but for a bare DEL."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(spelled, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {spelled(v)}' for key, v in value.items())}}}"
    return json.dumps(value) if isinstance(value, bool) else repr(value)
