"""What a settings file may say: one reader for config files, adapters of foreign models and training settings.

Values come from TOML or JSON, see texts.py. A mistake is said with its key, its value and what to give.
"""

from __future__ import annotations

import datetime
import difflib
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar, get_args, get_type_hints

LONGEST = 200  # letters of a value that an error repeats

Record = TypeVar("Record")


class Mistake(ValueError):
    """What is wrong in a table, in words for the user; `key` is where."""

    def __init__(self, key: str, says: str) -> None:
        super().__init__(says)
        self.key = key


@dataclass(frozen=True)
class Kind:
    """What a value may be."""

    says: str  # what to give: `true or false`
    take: Callable[[Any], Any]  # the value as it is used; raises ValueError for any other, with advice or without


def checked(
    values: Mapping[str, Any],
    kinds: Mapping[str, Kind],
    required: Collection[str] = (),
    *,
    unknown: str = "is not known",
    meant: Callable[[str], str] = str,
) -> dict[str, Any]:
    """The values of a table, as their kinds take them. Raises Mistake.

    unknown: what is said of a key that is not among them. meant: what to look for in its place.
    """
    taken = {}
    for key, value in values.items():
        if key not in kinds:
            raise Mistake(key, f"{key} {unknown}; {nearest(meant(key), kinds)}")
        try:
            taken[key] = kinds[key].take(value)
        except Mistake:  # of a table in the table, which names itself
            raise
        except ValueError as e:
            raise Mistake(key, f"{key} is {shown(value)}; {str(e) or f'give {kinds[key].says}'}") from e
    for key in required:
        if key not in values:
            raise Mistake(key, f"{key} is missing; give {kinds[key].says}")
    return taken


def read(record: type[Record], values: Mapping[str, Any], **given: Any) -> Record:
    """A dataclass out of a table, its fields annotated with their kinds. Raises Mistake.

    Fields without a default are required. given: fields that are not the table's.
    """
    hints = get_type_hints(record, include_extras=True)
    of_table = [f for f in fields(record) if f.name not in given]  # type: ignore[arg-type]  # it is a dataclass
    kinds = {f.name: get_args(hints[f.name])[1] for f in of_table}
    required = [f.name for f in of_table if f.default is MISSING and f.default_factory is MISSING]
    return record(**given, **checked(values, kinds, required))


def nearest(key: str, known: Iterable[str]) -> str:
    """Which key may be meant by one that is none."""
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def fitting(says: str, fits: Callable[[Any], bool]) -> Kind:
    """A kind whose values are used as they are."""

    def take(value: Any) -> Any:
        if not fits(value):
            raise ValueError
        return value

    return Kind(says, take)


def plain(kind: type, low: float | None = None, high: float | None = None) -> Kind:
    """bool, int, float, or text for any other type; numbers are finite and in low..high."""
    limits = "" if low is None or high is None else f", {low:g} to {high:g}"

    def number(value: Any) -> Any:
        fits = type(value) in (int, kind) and -math.inf < value < math.inf
        if not fits or (low is not None and value < low) or (high is not None and value > high):
            raise ValueError
        return kind(value)

    if kind is bool:
        return fitting("true or false", lambda value: type(value) is bool)
    if kind in (int, float):
        return Kind(f"a {'whole ' * (kind is int)}number{limits}", number)
    return Kind("text in quotes", text)


def text(value: Any) -> str:
    """Raises ValueError for what is none, and for what no name can hold."""
    if type(value) is not str:
        raise ValueError
    if "\0" in value:
        raise ValueError("give text in quotes without NUL characters")
    return value


def choice(*names: str) -> Kind:
    """One of the names."""
    return fitting(" or ".join(f'"{name}"' for name in names), lambda value: value in names)


def or_none(kind: Kind, *nothing: int) -> Kind:
    """The same, or null; and numbers that mean nothing too."""

    def take(value: Any) -> Any:
        absent = value is None or (type(value) in (int, float) and value in nothing)
        return None if absent else kind.take(value)

    return Kind(kind.says, take)


def table(where: str, reader: Callable[[dict[str, Any]], Any]) -> Kind:
    """A table in a table, as the reader takes it; its mistakes are said to be at `where`."""

    def take(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError
        try:
            return reader(value)
        except Mistake as e:
            raise Mistake(e.key, f"{where} {e}") from e

    return Kind(f"the table {where.rstrip(':')}", take)


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
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def shown(value: Any) -> str:
    """A value as an error repeats it: without its middle when it is long."""
    try:
        text = spelled(value)
    except ValueError:  # Python does not write out numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}...{text[-LONGEST // 2 :]}"
