"""Ctrl-C, `kill` and a terminal that is closed: all end a command in the same way, with its files completed or kept.

As long as there is nothing to complete the process ends on the spot, also while it imports or compiles. Within
`finishing` a signal is raised where the main thread is, and what was recorded gets its end. Where that thread hangs in
a library that does not come back, as in an inference, another one ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from threading import Thread, Timer
from threading import enumerate as threads
from types import FrameType

from rtseg.early import SIGNALS, at_once

AGAIN = 0.05  # seconds after which a signal is sent again that was lost on the way
SAME = 1.0  # seconds within which signals may reach the main thread as one
HANGS = 2.0  # seconds without a step of the main thread after a signal, after which it won't come back
SHOW_CURSOR = "\x1b[?25h"  # which a progress bar has hidden
_finishing = 0  # how many have something to complete
_taken = float("-inf")  # monotonic seconds when the main thread took a signal
_owner = os.getpid()  # of the handlers; a forked child has them too
_kept: list[socket.socket] = []  # what the system writes the numbers of signals to
_others = sys.unraisablehook


class Signalled(KeyboardInterrupt):
    """A signal that asks us to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Stopped(Exception):
    """A command was ended by a signal, whose number is `number`; its notes say what became of its files."""

    def __init__(self, cause: KeyboardInterrupt) -> None:
        super().__init__("stopped")
        self.number = number_of(cause)
        self.__notes__ = list(getattr(cause, "__notes__", []))


def number_of(cause: BaseException | None) -> int:
    """Of the signal; 128 and that number is the exit code."""
    return cause.number if isinstance(cause, Signalled) else int(signal.SIGINT)


@contextlib.contextmanager
def finishing() -> Iterator[None]:
    """For what has something to complete: signals are raised in the main thread, as Signalled."""
    global _finishing
    _finishing += 1
    try:
        yield
    finally:
        _finishing -= 1


def end_cleanly() -> None:
    """From now on Ctrl-C, `kill` and a closed terminal end the process as said above; not where they are ignored.

    To be called in the main thread; a second time it takes what was changed since.
    """
    ours = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    for number in ours:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, at_once):
            signal.signal(number, interrupted)
    sys.unraisablehook = lost
    if not _kept:
        watched, woken = socket.socketpair()
        woken.setblocking(False)
        _kept.append(woken)
        if hasattr(os, "register_at_fork"):  # what a child is told is not for us
            os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
        Thread(target=watch, args=(watched, {int(n) for n in ours}), name="signals", daemon=True).start()
    signal.set_wakeup_fd(_kept[0].fileno(), warn_on_full_buffer=False)


def watch(watched: socket.socket, ours: set[int]) -> None:
    """End the process for a main thread that takes no signal: Python runs handlers between its own steps only."""
    while data := watched.recv(1):
        came = time.monotonic()
        while data[0] in ours and signal.getsignal(data[0]) is interrupted and _taken < came - SAME:
            if time.monotonic() - came > HANGS:
                end_now(data[0])
            time.sleep(AGAIN)


def lost(dropped: sys.UnraisableHookArgs) -> None:
    """C that calls Python back drops what is raised there, as numba does while it loads what is compiled."""
    if not isinstance(dropped.exc_value, KeyboardInterrupt):
        _others(dropped)
        return
    timer = Timer(AGAIN, signal.raise_signal, [number_of(dropped.exc_value)])
    timer.daemon = True
    timer.start()


def interrupted(number: int, frame: FrameType | None) -> None:
    """The handler of all of them."""
    global _taken
    if os.getpid() != _owner:  # a worker's process, whose parent has been told too
        os._exit(128 + number)
    _taken = time.monotonic()
    if number == getattr(signal, "SIGHUP", None):
        leave_terminal()
    if not _finishing:
        end_now(number)
    if hasattr(signal, "SIGCHLD"):  # that children end too is no news: PyTorch would raise it amid our ending
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    raise Signalled(number)


def end_now(number: int) -> None:
    """Say so, remove what is half-written, and be gone: no thread or library is waited for."""
    from rtseg.leftovers import discard_all

    discard_all()
    with contextlib.suppress(OSError, ValueError):  # nobody is listening
        os.write(2, ((SHOW_CURSOR + "\r" if os.isatty(2) else "") + "stopped\n").encode())
    leave(128 + number)


def threads_left() -> bool:
    """Whether a thread is still at work that Python would not wait for, as one that compiles or reads a camera."""
    return any(t.daemon and t.name != "signals" for t in threads())


def leave(code: int) -> None:
    """Exit without winding down: threads that are in the middle of a library would abort."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, full or none
            stream.flush()
    os._exit(code)


def leave_terminal() -> None:
    """A closed terminal takes what is printed with it: writing there must not be what ends us half-way."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        with contextlib.suppress(OSError):  # it was closed before
            if stat.S_ISCHR(os.fstat(stream).st_mode):  # isatty() says no once the terminal is gone
                os.dup2(nowhere, stream)
    os.close(nowhere)
