"""A frame, and what is expected of anything that gives frames or takes pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from rtseg.arrays import U8
from rtseg.errors import SourceError

MAX_SIDE = 16384  # pixels


@dataclass(frozen=True)
class Frame:
    """One picture of a source: uint8 HxWx3 BGR, seconds (monotonic if live, else presentation time), number.

    Where the source is transparent, `opacity` is uint8 HxW; `lasts` is seconds that it is shown, 0 if nobody says so.
    """

    image: U8
    time: float
    index: int
    opacity: U8 | None = None
    lasts: float = 0.0


class Source(Protocol):
    """What the capture loop needs of a source. Iterating raises SourceError when it breaks."""

    name: str
    live: bool  # only the newest frame matters
    width: int
    height: int
    fps: float
    count: int | None  # frames in all, where that is known

    @property
    def remark(self) -> str | None:
        """What the user should know once all is read: damage, an early end."""

    def __iter__(self) -> Iterator[Frame]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None: ...


class Sink(Protocol):
    """Takes pictures in the order in which they are shown. Leaving it normally completes it."""

    frames: int

    @property
    def remark(self) -> str | None:
        """What the user should know once it is complete."""

    def write(self, picture: U8, time: float) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None: ...


def check_size(width: object, height: object) -> None:
    """Raises SourceError unless both are whole numbers that a frame's sides can have."""
    if not all(isinstance(side, Integral) and 2 <= int(side) <= MAX_SIDE for side in (width, height)):
        raise SourceError(f"size is {width!r} x {height!r}; give whole numbers, 2 to {MAX_SIDE} pixels")


def check_frame(frame_bgr: object) -> tuple[int, int]:
    """(height, width) of a picture, uint8 HxWx3 with sides of 2 to MAX_SIDE; raises SourceError for anything else."""
    if not isinstance(frame_bgr, np.ndarray):
        raise SourceError(f"frame is a {type(frame_bgr).__name__}, expected uint8 (H, W, 3) BGR")
    height, width, *channels = frame_bgr.shape if frame_bgr.ndim > 1 else (0, 0)
    fits = frame_bgr.dtype == np.uint8 and channels == [3]
    if not fits or not 2 <= min(height, width) <= max(height, width) <= MAX_SIDE:
        found = f"{frame_bgr.dtype} {frame_bgr.shape}"
        raise SourceError(f"frame is {found}, expected uint8 (H, W, 3) BGR with sides 2..{MAX_SIDE}")
    return height, width


def noise(width: int, height: int) -> U8:
    """A frame to warm up with, uint8 HxWx3."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
