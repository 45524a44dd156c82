"""Ctrl-C, `kill` and a terminal that is closed: all end a command in the same way, with its files completed or kept."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
from threading import Timer
from types import FrameType
from typing import Any

from typer.core import TyperGroup

AGAIN = 0.05  # seconds after which a signal is sent again that was lost on the way


class Signalled(KeyboardInterrupt):
    """Another signal than Ctrl-C's that asks us to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Stopped(Exception):
    """A command was ended by a signal, whose number is `number`; its notes say what became of its files."""

    def __init__(self, cause: KeyboardInterrupt) -> None:
        super().__init__("stopped")
        self.number = cause.number if isinstance(cause, Signalled) else signal.SIGINT
        self.__notes__ = list(getattr(cause, "__notes__", []))


class Commands(TyperGroup):
    """Commands whose interruption reaches `main` with what is noted on it; typer alone would drop the notes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as e:
            raise Stopped(e) from e


def end_cleanly() -> None:
    """From now on `kill` and a closed terminal raise Signalled in the main thread; not where they are ignored."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupted)
    others = sys.unraisablehook

    def lost(dropped: sys.UnraisableHookArgs) -> None:
        """C that calls Python back drops what is raised there, as numba does while it loads what is compiled."""
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            others(dropped)
            return
        timer = Timer(AGAIN, signal.raise_signal, [getattr(dropped.exc_value, "number", signal.SIGINT)])
        timer.daemon = True
        timer.start()

    sys.unraisablehook = lost


def interrupted(number: int, frame: FrameType | None) -> None:
    if number == getattr(signal, "SIGHUP", None):
        leave_terminal()
    raise Signalled(number)


def leave_terminal() -> None:
    """A closed terminal takes what is printed with it: writing there must not be what ends us half-way."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        with contextlib.suppress(OSError):  # it was closed before
            if stat.S_ISCHR(os.fstat(stream).st_mode):  # isatty() says no once the terminal is gone
                os.dup2(nowhere, stream)
    os.close(nowhere)
