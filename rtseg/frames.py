"""A frame, and what is expected of anything that gives frames or takes pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """One picture of a source: uint8 HxWx3 BGR, seconds (monotonic if live, else presentation time), number."""

    image: NDArray[np.uint8]
    time: float
    index: int


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

    def write(self, picture: NDArray[np.uint8], time: float) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None: ...
