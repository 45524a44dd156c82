"""Named pipes: waited for, but not for ever."""

from __future__ import annotations

import os
import select
from io import FileIO

from rtseg.errors import SourceError

OPEN_TIMEOUT = 10.0  # seconds for a pipe to give its first bytes


def open_pipe(path: str) -> FileIO:
    """A named pipe opened for reading once somebody writes to it; SourceError when nobody does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as e:
        raise SourceError(f"source {path} can't be read: {e.strerror or e}") from e
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(OPEN_TIMEOUT * 1000):
        os.close(fd)
        raise SourceError(f"source {path}: nobody wrote to the pipe within {OPEN_TIMEOUT:g} s; start the writer first")
    os.set_blocking(fd, True)
    return FileIO(fd)
