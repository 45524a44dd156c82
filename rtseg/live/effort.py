"""How much is done for a frame: by which model, at what size, and when that changes."""

from __future__ import annotations

import time
from collections import Counter
from threading import Lock

from rtseg.errors import ModelError
from rtseg.frames import Source
from rtseg.live.choice import Choice, areas, budget_for, choose
from rtseg.live.pace import FULL, Governor, Point, ladder
from rtseg.models.model import AUTO
from rtseg.pipeline import Pipeline


class Effort:
    """Sets the pipeline's model and area. All but `use` and what can be read is for the engine's thread.

    Args:
        fps, target_fps, auto: see `Engine`.
    """

    def __init__(
        self, source: Source, pipeline: Pipeline, *, fps: float | None, target_fps: float | None, auto: bool
    ) -> None:
        self.choice: Choice | None = None  # of auto
        self.ways: Counter[str] = Counter()  # frames by the model that auto had for them
        self.refusal: str | None = None  # why the model that was asked for last is not used
        self._source, self._pipeline = source, pipeline
        self._rate = min(source.fps, fps) if fps else source.fps
        self._target = target_fps if source.live else None
        self._budget = budget_for(self._rate, self._target, whole=not source.live) if auto else None
        self._governor: Governor | None = None
        self._asked: tuple[str, float | None] | None = None  # by `use`
        self._lock = Lock()

    def warm_up(self) -> None:
        """Get ready for the first frame, with the way in which it will be worked on."""
        pipeline, size = self._pipeline, (self._source.width, self._source.height)
        if self._budget is None or pipeline.model.provider == "cuda":
            pipeline.warm_up(*size)
        self.choose()
        if self._target and self._governor is None:
            self._governor = Governor(ladder(areas(pipeline, *size)), FULL / self._target)

    def choose(self) -> None:
        """Measure the tiers, once: at the start, or when CUDA has left us to the CPU."""
        if self._budget is None or self.choice is not None or self._pipeline.model.provider == "cuda":
            return
        self.choice = choose(self._pipeline, self._source.width, self._source.height, self._budget)
        if self._source.live:
            self._governor = self.choice.governor()

    def use(self, model: str, target_fps: float | None) -> None:
        """Another tier, or `auto`, and another rate from the next frame on. Raises ModelError for what has to stay."""
        if self.fixed:
            raise ModelError(self.fixed)
        with self._lock:
            self._asked = model, target_fps

    @property
    def fixed(self) -> str | None:
        """Why `use` can change nothing, or None."""
        if self._pipeline.model.provider == "cuda":
            return "on CUDA the model stays as it is; start again with another --model"
        return None if self._pipeline.ships else "a model of your own stays; start again with another --model"

    def take_asked(self) -> None:
        """Do what `use` has asked for."""
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is None or self.fixed:
            return
        name, target = asked
        self._target, self._governor, self.choice = target if self._source.live else None, None, None
        self._budget = budget_for(self._rate, self._target, whole=not self._source.live) if name == AUTO else None
        try:
            if self._budget is None:
                self._pipeline.use(name)
            self.warm_up()
            self.refusal = None
        except ModelError as e:
            self._budget, self.refusal = None, f"{name} can't be used: {e}"

    def count(self) -> None:
        """Another frame has been done in the present way."""
        choice, point = self._now
        if choice and point:
            self.ways[point.name] += 1

    def note(self, spent: float) -> None:
        """Go on in another way if the frames of late took too long, or left much room. spent: seconds of the last."""
        if self._governor and self._governor.note(spent, time.monotonic()):
            point = self._governor.point
            if self.choice:
                self._pipeline.use(point.name, point.area)
            else:
                self._pipeline.area = point.area

    @property
    def _now(self) -> tuple[Choice | None, Point | None]:
        """What auto has chosen, and how frames are worked on, where that can change: each read once, for any thread."""
        choice, governor = self.choice, self._governor
        return choice, governor.point if governor else choice.point if choice else None

    @property
    def way(self) -> str | None:
        """What the user should see of it: the tier that auto has, a network made smaller; None for nothing."""
        choice, point = self._now
        if choice and point:
            return point.label
        return f"network at {point.share:.0%}" if point and point.share < 1 else None

    @property
    def label(self) -> str:
        """What works on frames: `balanced`, `balanced 75%`."""
        way, name = self.way, self._pipeline.model.info.name
        return name if way is None else way if self.choice else f"{name}, {way}"
