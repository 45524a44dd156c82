"""Raw frames on standard output."""

from __future__ import annotations

import os

import numpy as np

from rtseg.arrays import U8
from rtseg.closing import Closing
from rtseg.errors import OutputError
from rtseg.messages import amount

STDOUT, STDERR = 1, 2


class RawOutput(Closing):
    """Standard output for frames alone: until it is closed, whatever else is printed there goes to standard error.

    `write` raises BrokenPipeError when the reader has gone, OutputError for anything else that goes wrong.
    """

    remark: str | None = None

    def __init__(self) -> None:
        self.frames = 0
        if os.isatty(STDOUT):
            raise OutputError("--out - writes raw frames, and standard output is a terminal; pipe it into a program")
        try:
            self._fd = os.dup(STDOUT)
            os.dup2(STDERR, STDOUT)
        except OSError as e:
            raise OutputError(f"standard output can't be written: {e.strerror or e}") from e

    def write(self, picture: U8, time: float) -> None:
        """Write a frame (uint8, any shape) at once; `time` is for sinks that know when it is shown."""
        left = np.ascontiguousarray(picture).data.cast("B")
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except BrokenPipeError:
            raise
        except OSError as e:
            raise OutputError(
                f"standard output can't be written after {amount(self.frames, 'frame')}: {e.strerror or e}"
            ) from e
        self.frames += 1

    def close(self) -> None:
        os.dup2(self._fd, STDOUT)
        os.close(self._fd)
