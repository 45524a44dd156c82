"""Frames through the pipeline in a thread of its own: newest only for live sources, every one for files."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Condition, Thread

import numpy as np
from numpy.typing import NDArray

from rtseg.errors import ModelError
from rtseg.frames import Frame, Source
from rtseg.pipeline import Pipeline

QUEUE = 2  # composites that may wait for output when no frame may be lost


@dataclass(frozen=True)
class Composite:
    """A finished picture (uint8 HxWx3 BGR), the frame's time and when that frame was captured (monotonic)."""

    image: NDArray[np.uint8]
    time: float
    captured: float
    hidden: bool  # the background alone, because there was no good alpha


class Newest:
    """The newest frame of a live source, read in a thread that never waits for us."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._change = Condition()
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self._ended = False
        Thread(target=self._read, name="capture", daemon=True).start()

    def _read(self) -> None:
        try:
            for frame in self._source:
                with self._change:
                    self._frame = frame
                    self._change.notify()
                    if self._ended:
                        return
        except Exception as e:
            self._error = e
        with self._change:
            self._ended = True
            self._change.notify()

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._frame is not None or self._ended)
                frame, self._frame = self._frame, None
            if frame is not None:
                yield frame
            elif self._error:
                raise self._error
            else:
                return

    def stop(self) -> None:
        """Let go of the reader after the frame it is waiting for."""
        with self._change:
            self._ended = True
            self._change.notify()


class Engine:
    """Runs the pipeline over a source. `get` gives composites in order; errors of the source come out of it.

    A failing model never lets a frame through: its place is taken by the background alone, and
    `model_error` says why. For files such an error ends the run instead, since a file can be done again.
    """

    def __init__(self, source: Source, pipeline: Pipeline) -> None:
        self.model_error: ModelError | None = None
        self._source, self._pipeline = source, pipeline
        self._change = Condition()
        self._done: deque[Composite] = deque()
        self._error: BaseException | None = None
        self._ended = self._stopped = False
        self._newest: Newest | None = None
        self._thread = Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._pipeline.warm_up(self._source.width, self._source.height)
            frames: Iterator[Frame] = iter(self._source)
            if self._source.live:
                self._newest = Newest(self._source)
                frames = iter(self._newest)
            for frame in frames:
                if not self._put(self._composite(frame)):
                    break
        except Exception as e:
            self._error = e
        with self._change:
            self._ended = True
            self._change.notify_all()

    def _composite(self, frame: Frame) -> Composite:
        captured = frame.time if self._source.live else time.monotonic()
        try:
            image = self._pipeline(frame.image)
            self.model_error = None
            return Composite(image, frame.time, captured, hidden=False)
        except ModelError as e:
            if not self._source.live:
                raise
            self.model_error = e
            height, width = frame.image.shape[:2]
            return Composite(self._pipeline.hidden(width, height), frame.time, captured, hidden=True)

    def _put(self, composite: Composite) -> bool:
        with self._change:
            if self._source.live:
                self._done.clear()
            else:
                self._change.wait_for(lambda: len(self._done) < QUEUE or self._stopped)
            self._done.append(composite)
            self._change.notify_all()
            return not self._stopped

    def get(self, timeout: float) -> Composite | None:
        """The next composite, or None when there is none within `timeout` seconds or none any more.

        Raises what the source raised, and whatever else went wrong in the thread.
        """
        with self._change:
            self._change.wait_for(lambda: self._done or self._ended, timeout)
            if self._done:
                composite = self._done.popleft()
                self._change.notify_all()
                return composite
        if self._error:
            raise self._error
        return None

    @property
    def ended(self) -> bool:
        """Nothing more will come, no error either: that has to be got first."""
        with self._change:
            return self._ended and not self._done and not self._error

    def stop(self) -> None:
        """End the thread; waits a moment for the frame in work."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        if self._newest:
            self._newest.stop()
        self._thread.join(2.0)
