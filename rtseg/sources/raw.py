"""Raw frames from pipes: `ffmpeg ... | rtseg apply - --raw 1280x720 --out - | ffplay -f rawvideo ...`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import numpy as np

from rtseg.arrays import U8
from rtseg.closing import Closing
from rtseg.errors import SourceError
from rtseg.files import STDIO
from rtseg.frames import MAX_SIDE, Frame
from rtseg.messages import amount
from rtseg.sources.pipes import open_pipe

STDIN = 0


class RawFrames(Closing):
    """uint8 BGR frames of a known size, one after the other, from standard input, a named pipe or a file.

    Iterating raises SourceError for a last frame that is not whole, after all whole ones.
    """

    live = False
    remark: str | None = None

    def __init__(self, source: Path, *, size: tuple[int, int], fps: float) -> None:
        self.name = "standard input" if source == STDIO else str(source)
        self.width, self.height, self.fps = *size, fps
        self.count: int | None = None
        if max(size) > MAX_SIDE:
            raise SourceError(f"--raw {size[0]}x{size[1]}: a side can have {MAX_SIDE} pixels at most")
        if source == STDIO and os.isatty(STDIN):
            raise SourceError("standard input is a terminal; pipe raw frames into it: ffmpeg ... | rtseg apply - ...")
        try:
            if source == STDIO:
                self._file = FileIO(STDIN, closefd=False)
            else:
                self._file = open_pipe(str(source)) if source.is_fifo() else FileIO(source)
        except OSError as e:
            raise SourceError(f"{self.name} can't be read: {e.strerror or e}") from e
        if source.is_file():
            self.count = source.stat().st_size // (size[0] * size[1] * 3) or None

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while (image := self._read(index)) is not None:
            yield Frame(image, index / self.fps, index)
            index += 1

    def _read(self, index: int) -> U8 | None:
        image = np.empty((self.height, self.width, 3), np.uint8)
        buffer, got = image.data.cast("B"), 0
        try:
            while got < image.nbytes and (more := self._file.readinto(buffer[got:])):
                got += more
        except OSError as e:
            raise SourceError(f"{self.name} broke off after {amount(index, 'frame')}: {e.strerror or e}") from e
        if got == image.nbytes:
            return image
        if got:
            raise SourceError(
                f"{self.name}: frame {index} is not whole: {got} of {image.nbytes} bytes came, "
                f"{image.nbytes - got} are missing (bgr24, {self.width}x{self.height}); is --raw right?"
            )
        if not index:
            raise SourceError(f"{self.name} is empty: not a single frame came")
        return None

    def close(self) -> None:
        self._file.close()
