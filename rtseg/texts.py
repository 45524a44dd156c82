"""Texts that people have written, as settings and lists: read with limits, and never believed to be what they claim."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

LARGEST_TEXT = 2**20  # bytes of a settings file
DEEPEST = 32  # levels of what may be in one another in a settings file
MOST_DOTS = 256  # in one key: tomllib takes minutes for a key of a million parts


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


def read_json(path: Path) -> dict[str, Any]:
    """The object of a JSON file, see `decode_text`; raises OSError, and ValueError for anything else."""
    values = parse_json(decode_text(path.read_bytes()))
    if not isinstance(values, dict):
        raise ValueError('it holds no settings, which are an object such as {"steps": 2000}')
    return values


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
