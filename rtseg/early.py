"""Ctrl-C, `kill` and a closed terminal in the moments before `stopping` can be imported: there is nothing to complete.

Imports nothing that takes time: `signal` alone takes longer than all of this, which is why `_signal` stands here.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


def at_once(number: int, frame: object) -> None:
    """The handler until there is a better one: say so, and be gone."""
    try:
        os.write(2, b"stopped\n")
    finally:  # also when nobody is listening
        os._exit(128 + number)


def end_at_once() -> None:
    """From now on signals end the process without a traceback; not where they are ignored."""
    for number in (getattr(_signal, name) for name in SIGNALS if hasattr(_signal, name)):
        if _signal.getsignal(number) in (_signal.SIG_DFL, _signal.default_int_handler):
            _signal.signal(number, at_once)
