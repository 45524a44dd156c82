"""What an option may say, where its type does not tell: callbacks of typer's, each a usage error with exit code 2.

The same ones read the config file. Imported at every start: nothing heavy.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from rtseg.files import STDIO, check_report, check_target

PROVIDERS = ("auto", "cuda", "cpu")
EMITTED = ("composite", "alpha", "cutout")
BENCH_SIZES = {"480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
WIDTH_X_HEIGHT = re.compile(r"(\d{2,5})x(\d{2,5})")
K_OF_N = re.compile(r"(\d{1,6})/(\d{1,6})")


def one_of(names: Iterable[str]) -> Callable[[str | None], str | None]:
    """A check that an option's value is one of the names."""
    known = tuple(names)

    def check(value: str | None) -> str | None:
        if value is not None:
            choose(value, known)
        return value

    return check


def some_of(names: Iterable[str]) -> Callable[[str], str]:
    """A check that an option's value is some of the names, with commas between them."""
    known = tuple(names)

    def check(value: str) -> str:
        for word in value.split(","):
            choose(word, known)
        return value

    return check


def choose(word: str, names: tuple[str, ...]) -> None:
    """Raises BadParameter, with the name that is meant where one is near."""
    if word not in names:
        near = difflib.get_close_matches(word, names, n=1, cutoff=0.7)  # gpu is not cpu
        hint = f"; did you mean {near[0]}?" if near else ""
        raise typer.BadParameter(f"{word!r} is not one of {', '.join(names)}{hint}")


def size(value: str | None) -> str | None:
    """Raises BadParameter for what is not like 1280x720."""
    if value is not None:
        parse_size(value)
    return value


def parse_size(text: str) -> tuple[int, int]:
    """`1280x720` as (1280, 720), for --size, --raw and --static. Raises BadParameter for anything else."""
    match = WIDTH_X_HEIGHT.fullmatch(text)
    if not match:
        raise typer.BadParameter(f"{text!r} is not WIDTHxHEIGHT, for example 1280x720")
    return int(match[1]), int(match[2])


def share(value: str | None) -> str | None:
    """Raises BadParameter for what is not like 2/8."""
    if value is not None:
        parse_share(value)
    return value


def parse_share(text: str) -> tuple[int, int]:
    """`2/8` as (2, 8). Raises BadParameter for what is not the K-th of N."""
    match = K_OF_N.fullmatch(text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise typer.BadParameter(f"{text!r} is not K/N with K from 1 to N, for example 2/8")
    return int(match[1]), int(match[2])


def target(value: Path | None) -> Path | None:
    """A picture to write: found out before the work. Raises BadParameter for -, OutputError for the rest."""
    if value is not None:
        if value == STDIO:
            raise typer.BadParameter("a picture can't go to standard output; give a file name")
        check_target(value)
    return value


def report(value: Path | None) -> Path | None:
    """A file to write figures to, or - for standard output. Raises OutputError, before the work."""
    check_report(value)
    return value


def number(value: float | None) -> float | None:
    """Raises BadParameter for nan, which lies within all limits."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value
