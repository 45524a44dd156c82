"""Frames through the pipeline in a thread of its own: newest only for live sources, every one for files."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Literal

from rtseg.arrays import F32, U8
from rtseg.errors import ModelError, ProviderError
from rtseg.frames import Frame, Source
from rtseg.live.effort import Effort
from rtseg.live.pace import Metronome
from rtseg.live.reader import Reader
from rtseg.models.doubt import second_look
from rtseg.pipeline import Pipeline
from rtseg.pixels.opacity import over
from rtseg.veil import alpha_of, composited

QUEUE = 2  # composites that may wait for output when no frame may be lost


@dataclass(frozen=True)
class Composite:
    """A finished picture and what it was made of; pictures are uint8 HxWx3 BGR."""

    image: U8
    time: float  # the frame's
    captured: float  # monotonic seconds
    hidden: bool  # the background alone, because there was no good alpha
    frame_bgr: U8
    alpha: F32 | None  # HxW, where it was asked for
    timings: Mapping[str, float]  # milliseconds by stage
    lasts: float = 0.0  # seconds that the frame is shown, 0 where nobody says so
    share: float = 0.0  # of the picture that is person, 0..1


class Doubted(ModelError):
    """There is an alpha, which is not believed."""


class Engine:
    """Runs the pipeline over a source. `get` gives composites in order; errors of the source come out of it.

    A failing model never lets a frame through: its place is taken by the background alone, and
    `model_error` says why. For files such an error ends the run instead, since a file can be done again. `effort` is
    how much is done for a frame.

    Args:
        fps: of a live source no more frames than this are worked on; it sleeps in between.
        target_fps: less work is done for a frame, and more again, so that a live source keeps this rate.
        auto: on a CPU all tiers are measured at the start, and the best that leaves room is taken; of a live source
            it is left and taken again as the machine is busy.
        sent: what comes out is seen by others at once, as by a virtual camera.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        *,
        fps: float | None = None,
        target_fps: float | None = None,
        auto: bool = False,
        sent: bool = False,
    ) -> None:
        self.want_alpha = False  # whether composites bring their alpha
        self.effort = Effort(source, pipeline, fps=fps, target_fps=target_fps, auto=auto)
        self._metronome = Metronome(fps) if fps and source.live else None
        # Whoever has a file can look at what came of it, but not who it is sent to at once.
        self._doubt = second_look(pipeline.model) if source.live or sent else None
        self.model_error: ModelError | None = None
        self._since = float("-inf")  # frames before are forgotten
        self._forgotten = True  # what was remembered of them too
        self._source, self._pipeline = source, pipeline
        self._change = Condition()
        self._done: deque[Composite] = deque()
        self._error: BaseException | None = None
        self._ended = self._stopped = False
        self.waits_for: Literal["start", "frame", "model"] = "start"
        self._reader: Reader | None = None
        self._thread = Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.effort.warm_up()
            self._reader = Reader(self._source)
            frames = iter(self._reader)
            while not self._stopped:
                self.effort.choose()
                if self._metronome:
                    time.sleep(self._metronome.wait(time.monotonic()))
                self.waits_for = "frame"
                frame = next(frames, None)
                self.waits_for = "model"
                if frame is None:
                    break
                self.effort.take_asked()
                if not self._put(self._composite(frame)):
                    break
        except Exception as e:
            self._error = e
        with self._change:
            self._ended = True
            self._change.notify_all()

    def forget(self, moment: float) -> None:
        """Another camera: no frame from before `moment` (monotonic seconds) comes out, and nothing is known of it."""
        with self._change:
            self._since, self._forgotten = moment, False
            self._done.clear()

    def _start_anew(self, captured: float) -> None:
        """The first frame after `forget` is one of another room."""
        with self._change:
            if self._forgotten or captured < self._since:
                return
            self._forgotten = True
        self._pipeline.reset()
        if self._doubt:
            self._doubt = second_look(self._pipeline.model)

    def _composite(self, frame: Frame) -> Composite:
        captured = frame.time if self._source.live else time.monotonic()
        self._start_anew(captured)
        # What a source hides is hidden whatever becomes of the frame: with the effect off this picture goes out.
        shown = frame.image if frame.opacity is None else over(frame.image, None, frame.opacity)
        try:
            composite = self._good(frame, shown, captured)
            self.model_error = None
            return composite
        except ProviderError:
            raise  # the provider that was asked for is gone: there is nothing to go on with
        except ModelError as e:
            if not self._source.live and not isinstance(e, Doubted):
                raise
            self.model_error = e
            height, width = frame.image.shape[:2]
            hidden = self._pipeline.hidden(width, height, None if self._source.live else frame.time)
            return Composite(hidden, frame.time, captured, True, shown, None, {}, frame.lasts)

    def _good(self, frame: Frame, shown: U8, captured: float) -> Composite:
        """The composite of a frame, which is `shown` where it is not transparent; raises what the pipeline raises."""
        start, rests = time.monotonic(), self._pipeline.skipped
        image = composited(self._pipeline, frame.image, None if self._source.live else frame.time, frame.opacity)
        if self._doubt and not self._doubt.believes(self._pipeline.share, frame.image, start):
            raise Doubted("suddenly a person fills the picture, and a second look does not find one there")
        alpha = alpha_of(self._pipeline, frame.opacity) if self.want_alpha else None
        self.effort.count()
        if self._pipeline.skipped == rests:  # else it says nothing of what a frame takes
            self.effort.note(time.monotonic() - start)
        timings, share = self._pipeline.timings, self._pipeline.share
        return Composite(image, frame.time, captured, False, shown, alpha, timings, frame.lasts, share)

    def _put(self, composite: Composite) -> bool:
        with self._change:
            if composite.captured < self._since:
                return not self._stopped
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
        if self._reader:
            self._reader.stop()
        self._thread.join(2.0)
