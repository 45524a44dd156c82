"""The commands that only look: `doctor`, `cameras`, `backgrounds`, `models`. Imported at every start: nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from rtseg.files import STDOUT
from rtseg.options.shared import JsonFile


def console(json_file: Path | None = None, *, stderr: bool = False, quiet: bool = False) -> Any:
    """For messages, with other people's text in them: on standard output, unless that is for the JSON or for frames."""
    from rtseg.console import Messages

    return Messages(stderr=stderr or json_file == STDOUT, quiet=quiet)


def doctor(
    json_file: JsonFile = None,
) -> None:
    """Say what is here, what is missing, and what cures it.

    Exit code 1 means that something stands against `rtseg cam`.
    """
    from rtseg.doctor import run

    if not run(console(json_file), json_file):
        raise typer.Exit(1)


def cameras(
    json_file: JsonFile = None,
) -> None:
    """List the cameras: number, name, path, formats.

    `rtseg cam --source` takes any of the first three.
    """
    from rtseg.cameras import run

    run(console(json_file), json_file)


def backgrounds(
    json_file: JsonFile = None,
) -> None:
    """List what --bg takes: the pictures that ship, and words."""
    from rtseg.listings import backgrounds as run

    run(console(json_file), json_file)


def models(
    json_file: JsonFile = None,
) -> None:
    """List what --model takes: the models that ship, and those in this folder."""
    from rtseg.listings import models as run

    run(console(json_file), json_file)
