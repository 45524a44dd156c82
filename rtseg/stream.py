"""Every frame of a source through a pipeline, for programs: `Pipeline.stream`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rtseg.frames import Frame
from rtseg.inputs import Input, refuse_own_room
from rtseg.sources.opening import open_source
from rtseg.veil import Compositor, alpha_of, composited

U8 = NDArray[np.uint8]
Streamed = str | PathLike[str] | int | Iterable[Frame | U8]


class Streaming(Compositor, Protocol):
    """What is needed of a pipeline here."""

    reads: list[Input]

    def reset(self) -> None: ...


@dataclass(frozen=True)
class Result:
    """One frame of a stream and what was made of it."""

    composite: U8  # uint8 HxWx3 BGR
    alpha: NDArray[np.float32]  # float32 HxW, 0..1
    frame: U8  # uint8 HxWx3 BGR, as it came
    seconds: float | None  # its time: in the file, of a camera by a clock that never goes back; None for bare arrays


def streamed(pipeline: Streaming, source: Streamed) -> Iterator[Result]:
    """What `Pipeline.stream` does."""
    with ExitStack() as stack:
        if isinstance(source, (str, int, PathLike)):
            refuse_own_room(pipeline.reads, str(source))
            source = stack.enter_context(open_source(str(source)))
        pipeline.reset()
        for item in source:
            image, seconds, opacity = (
                (item.image, item.time, item.opacity) if isinstance(item, Frame) else (item, None, None)
            )
            composite = composited(pipeline, image, seconds, opacity)
            yield Result(composite, alpha_of(pipeline, opacity), image, seconds)
