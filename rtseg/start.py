"""Where `rtseg` starts: ready for Ctrl-C before anything is imported that takes time, and for an output that fails."""

from __future__ import annotations

import os
import sys

from rtseg.early import end_at_once

TYPE_CHECKING = False  # see __init__.py

if TYPE_CHECKING:
    from typing import Any, TextIO


class Lasting:
    """Standard output or error that a full disk or a reader who leaves can't turn into the end of a recording.

    What can't be written is dropped, from then on all of it; of a full disk standard error says so once.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._gone = stream, False
        if (change := getattr(stream, "reconfigure", None)) is not None:
            change(errors="backslashreplace")  # a name with letters that the terminal does not have

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return len(text) if self._gone else self._stream.write(text)
        except OSError as e:
            self._give_up(e)
            return len(text)

    def flush(self) -> None:
        if self._gone:
            return
        try:
            self._stream.flush()
        except OSError as e:
            self._give_up(e)

    def _give_up(self, e: OSError) -> None:
        from contextlib import suppress  # here: it takes time, and Ctrl-C is got ready for before that

        self._gone = True
        with suppress(OSError, ValueError):  # a stream without a descriptor has none that could be put elsewhere
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if not isinstance(e, BrokenPipeError) and self is not sys.stderr:
            print(f"note: standard output can't be written ({e.strerror}); going on without it", file=sys.stderr)


def main() -> None:
    """Entry point."""
    end_at_once()
    from rtseg.stopping import end_cleanly, leave, threads_left

    end_cleanly()
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is not None:  # pythonw has none
            setattr(sys, name, Lasting(stream))
    from rtseg import cli

    try:
        cli.main()
    except SystemExit as e:
        if e.code is not None and not isinstance(e.code, int):
            print(e.code, file=sys.stderr)
        code = e.code if isinstance(e.code, int) else int(e.code is not None)
        if code > 128 or threads_left():
            leave(code)  # threads in the middle of compiling or reading would abort as Python winds down
        raise
    if threads_left():
        leave(0)


if __name__ == "__main__":
    main()
