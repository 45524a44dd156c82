"""The config file of `rtseg cam` (TOML): where it is, and what it says.

A section has the name of a command, its keys are the command's long options: `[cam]`, `blur = 35`, `window = false`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from rtseg.errors import DataError
from rtseg.files import BACKGROUNDS
from rtseg.formats import VIDEOS
from rtseg.messages import shown
from rtseg.options.call import Option, Value, options_of, section_of
from rtseg.schema import Kind, Mistake, checked, plain
from rtseg.texts import parse_toml, read_settings_text

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
    kinds = {name: kind_of(option) for name, option in known.items()}
    try:
        values = checked(top.get(command, {}), kinds, unknown=f"is not an option of rtseg {command}", meant=meant)
    except Mistake as e:
        raise DataError(f"{place(path, text, e.key)}: {e}") from e
    return {key: located(key, value, path.parent) for key, value in values.items()}


def meant(key: str) -> str:
    """An option's name for what people call it."""
    plainly = key.lower().replace("_", "-").removeprefix("no-")
    return MEANT.get(plainly, plainly)


def kind_of(option: Option) -> Kind:
    """What its values may be in a file. Click converts what is of another type, true to 1 and 1.5 to 1: not here."""
    kind = plain(option.kind, option.low, option.high)

    def take(value: Any) -> Any:
        taken = kind.take(value)
        try:
            if option.check:
                option.check(taken)
        except typer.BadParameter as e:
            raise ValueError(e.message) from e
        return taken

    return Kind(kind.says, take)


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
    missing = {"bg": not (BACKGROUNDS / value).is_file(), "model": suffix == ".onnx"}
    return str(beside) if missing.get(key, suffix in VIDEOS) else value


def read_text(path: Path) -> str:
    """A config file's text. Raises DataError."""
    try:
        return read_settings_text(path)
    except OSError as e:
        raise DataError(f"config {path} can't be read: {e.strerror or e}") from e
    except ValueError as e:
        raise DataError(f"config {path} is no config file: {e}") from e


def place(path: Path, text: str, key: str) -> str:
    """`file, line 3` of a key or a section, as far as it can be found."""
    pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    number = next(lines, None)
    return f"{path}, line {number}" if number else str(path)
