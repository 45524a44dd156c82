"""Every frame of a source through a pipeline, for programs: `Pipeline.stream`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from time import monotonic
from typing import Protocol

import numpy as np

from rtseg.arrays import F32, U8
from rtseg.errors import SourceError
from rtseg.frames import Frame
from rtseg.inputs import Input, refuse_own_room
from rtseg.models.doubt import second_look
from rtseg.models.networks import Loaded
from rtseg.sources.opening import open_source
from rtseg.veil import Compositor, alpha_of, composited

Streamed = str | PathLike[str] | int | Iterable[Frame | U8]


class Streaming(Compositor, Protocol):
    """What is needed of a pipeline here."""

    reads: list[Input]

    @property
    def model(self) -> Loaded: ...
    @property
    def share(self) -> float: ...
    def reset(self) -> None: ...


@dataclass(frozen=True)
class Result:
    """One frame of a stream and what was made of it."""

    composite: U8  # uint8 HxWx3 BGR
    alpha: F32  # float32 HxW, 0..1
    frame: U8  # uint8 HxWx3 BGR, as it came
    seconds: float | None  # its time: in the file, of a camera by a clock that never goes back; None for bare arrays


def streamed(pipeline: Streaming, source: Streamed) -> Iterator[Result]:
    """What `Pipeline.stream` does."""
    with ExitStack() as stack:
        name, reads = None, pipeline.reads
        if isinstance(source, (str, int, PathLike)):
            name = str(source)
            refuse_own_room(reads, name)
            source = stack.enter_context(open_source(name))
        if not isinstance(source, Iterable):
            raise SourceError(
                f"source is {source!r}; give a camera's number, a file, a URL, rtseg.Video, or frames, uint8 HxWx3 BGR"
            )
        if isinstance(source, np.ndarray) and source.ndim < 4:
            raise SourceError(f"source is one array, {source.dtype} {source.shape}; give several frames: [frame]")
        pipeline.reset()
        # Of a camera nobody can look first at what comes out; of a file or of arrays its owner can.
        doubt = second_look(pipeline.model) if getattr(source, "live", False) else None
        for item in source:
            if pipeline.reads is not reads:  # another background by now
                reads = pipeline.reads
                refuse_own_room(reads, name)
            image, seconds, opacity = (
                (item.image, item.time, item.opacity) if isinstance(item, Frame) else (item, None, None)
            )
            composite = composited(pipeline, image, seconds, opacity)
            alpha = alpha_of(pipeline, opacity)
            if doubt and not doubt.believes(pipeline.share, image, monotonic()):
                height, width = alpha.shape
                composite, alpha = pipeline.hidden(width, height, seconds), np.zeros_like(alpha)
            yield Result(composite, alpha, image, seconds)
