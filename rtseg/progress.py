"""How far a command is: a bar in a terminal, a line a minute elsewhere, as in the log of a job."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from threading import Event, Thread
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rtseg.console import Messages

EVERY = 60.0  # seconds between two lines


def progress_bar(console: Console | None = None, *, disable: bool = False) -> Progress:
    """A context manager; add tasks to it. console: None for the terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = console or Messages()
    if disable or console.is_interactive:
        return Progress(*columns, console=console, disable=disable or console.quiet)
    return LinesOfProgress(*columns, console=console, disable=True)


class LinesOfProgress(Progress):
    """The same tasks without a terminal: no bar is drawn, and every minute a line says how far they are."""

    def start(self) -> None:
        self._lines = contextlib.ExitStack()
        self._lines.enter_context(every_minute(self.console, self.sentence))

    def stop(self) -> None:
        self._lines.close()

    def sentence(self) -> str:
        """The tasks at work: `files 3/20, frames 120/900`."""
        working = [task for task in self.tasks if task.visible and not task.finished]
        return ", ".join(f"{t.description} {t.completed:.0f}" + (f"/{t.total:.0f}" if t.total else "") for t in working)


@contextlib.contextmanager
def every_minute(console: Console, what: str | Callable[[], str]) -> Iterator[None]:
    """For work that says nothing for long: a line a minute with what it is, and how long it has taken."""
    start, done = monotonic(), Event()

    def run() -> None:
        while not done.wait(EVERY):
            line = what if isinstance(what, str) else what()
            if line:
                console.print(f"{line}, after {lasted(monotonic() - start)}")

    thread = Thread(target=run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def lasted(seconds: float) -> str:
    """In words: `3 min`, `2 h 5 min`."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
