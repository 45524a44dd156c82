"""The progress bar of every command that has one: what, how far, how many, how long still."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rtseg.console import Messages


def progress_bar(console: Console | None = None, *, disable: bool = False) -> Progress:
    """A context manager; add tasks to it. console: None for the terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console or Messages(), disable=disable)
