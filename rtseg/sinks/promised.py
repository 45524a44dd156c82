"""What a video file was promised when it was opened, and whether the frames that come keep to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np

from rtseg.errors import OutputError, SourceError
from rtseg.frames import check_size
from rtseg.sinks.encoders import Pixels

MOST_FPS = 1_000_000  # a stream may claim 90,000; FFmpeg counts in 32 bits
CHANNELS: dict[str, tuple[int, ...]] = {"bgr24": (3,), "gray": (), "bgra": (4,)}


@dataclass(frozen=True)
class Promised:
    """The frames to come of a file. Raises OutputError for what no video can have."""

    path: Path
    size: tuple[int, int]  # (width, height)
    fps: float
    pixels: Pixels

    def __post_init__(self) -> None:
        if self.pixels not in CHANNELS:
            raise OutputError(f"output {self.path}: pixels is {self.pixels!r}; choose from {', '.join(CHANNELS)}")
        try:
            width, height = self.size
            check_size(width, height)
        except (TypeError, ValueError, SourceError) as e:
            why = e if isinstance(e, SourceError) else f"size is {self.size!r}; give (width, height)"
            raise OutputError(f"output {self.path}: {why}") from e
        if not is_number(self.fps) or not 0 < self.fps <= MOST_FPS:
            raise OutputError(f"output {self.path}: fps is {self.fps!r}; give frames a second, above 0")

    def check(self, picture: object, time: object) -> None:
        """Raise OutputError unless it is such a frame, and `time` a number of seconds."""
        shape = (self.size[1], self.size[0], *CHANNELS[self.pixels])
        if not isinstance(picture, np.ndarray):
            raise OutputError(f"output {self.path}: frame is a {type(picture).__name__}, expected uint8 {shape}")
        if picture.dtype != np.uint8 or picture.shape != shape:
            raise OutputError(f"output {self.path}: frame is {picture.dtype} {picture.shape}, expected uint8 {shape}")
        if not is_number(time):
            raise OutputError(f"output {self.path}: the time of a frame is {time!r}; give seconds")


def is_number(value: object) -> bool:
    """Whether it is a number, and a finite one."""
    return isinstance(value, Real) and math.isfinite(value)
