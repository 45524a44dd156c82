"""What `--model auto` takes: every tier is measured on this machine, and the best of those that leave room is taken."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rtseg.frames import noise
from rtseg.live.pace import FULL, HALF, LEVELS, Governor, Point, best_within, ladder
from rtseg.models.model import TIERS, part_of
from rtseg.pipeline import Pipeline

PART = LEVELS[2]  # of a tier's own area, at which it is measured a second time; below it the next tier is better
RUNS, FEWEST, LIMIT = 4, 2, 0.1  # frames of each measurement, at least, and seconds after which there are no more
HOPELESS = 2  # times what a frame may cost: the next better tier takes about twice as much again, and is not opened
STEADY = 0.9  # of what a frame may cost is taken at the start, or a little less luck would mean a change at once
FPS = (5.0, 60.0)  # a rate outside of these is a promise that no camera keeps
Clock = Callable[[], tuple[float, float]]  # seconds of all our threads, and on the wall


@dataclass(frozen=True)
class Budget:
    """What a frame may cost."""

    fps: float  # of the frames
    whole: bool = False  # all the time between two of them; else half of one core

    @property
    def allowed(self) -> float:
        """Seconds."""
        return (FULL if self.whole else HALF) / self.fps

    def cost(self, point: Point) -> Point:
        """A measured point, in the seconds that count here: on the wall, or of all cores together."""
        return replace(point, seconds=point.seconds / point.cores, cores=1.0) if self.whole else point

    def __str__(self) -> str:
        what = "what keeps" if self.whole else "half of a core at"
        return f"{1e3 * self.allowed:.1f} ms is {what} {self.fps:.4g} fps"


@dataclass(frozen=True)
class Choice:
    """What was measured, and what was taken."""

    budget: Budget
    tiers: Mapping[str, Point]  # each at its own area, the best first; those out of reach are missing
    steps: Sequence[Point]  # the ladder
    level: int

    @property
    def point(self) -> Point:
        return self.steps[self.level]

    def report(self) -> dict[str, Any]:
        """For JSON."""
        point, budget = self.point, self.budget
        return {
            "model": point.name,
            "share_of_area": point.share,
            "area": point.area,
            "ms": round(1e3 * point.seconds, 3),
            "fps": budget.fps,
            "allowed_ms": round(1e3 * budget.allowed, 3),
            "tiers_ms": {name: round(1e3 * tier.seconds, 3) for name, tier in self.tiers.items()},
        }

    def governor(self) -> Governor:
        """What goes down and up the ladder from here."""
        return Governor(self.steps, self.budget.allowed, self.level)

    def __str__(self) -> str:
        spent, much = self.point.seconds, "" if self.point.seconds <= self.budget.allowed else ", too much"
        others = ", ".join(f"{name} {1e3 * tier.seconds:.1f}" for name, tier in self.tiers.items())
        return f"auto: {self.point.label} takes {1e3 * spent:.1f} ms a frame{much}; {self.budget} ({others})"


def budget_for(rate: float, asked: float | None = None, *, whole: bool = False) -> Budget:
    """The budget of frames that come at `rate`, or of a rate that was asked for, which may take all the time it needs.

    whole: frames need only be in time. A rate that can't be true counts as the nearest that can.
    """
    known = rate if math.isfinite(rate) and rate > 0 else 30.0
    return Budget(asked or min(max(known, FPS[0]), FPS[1]), whole=whole or asked is not None)


def choose(pipeline: Pipeline, width: int, height: int, budget: Budget, clock: Clock | None = None) -> Choice:
    """Measure the tiers on frames of this size and leave the pipeline at the best that fits the budget, warmed up.

    Every tier is checked as `Pipeline.warm_up` does. Raises ModelError.
    """
    saving, pipeline.save_power = pipeline.save_power, False  # each frame of the measurement is to be worked on
    found: dict[str, list[Point]] = {}
    try:
        for name in reversed(TIERS):
            found[name] = [budget.cost(p) for p in measure(pipeline, name, width, height, clock or now)]
            if found[name][0].seconds > HOPELESS * budget.allowed:
                break
    finally:
        pipeline.save_power = saving
    best_first = [found[name] for name in TIERS if name in found]
    steps = ladder(point for tier in best_first for point in tier if point.share >= PART or tier is best_first[-1])
    level = best_within(steps, STEADY * budget.allowed)
    pipeline.use(steps[level].name, steps[level].area)
    pipeline.warm_up(width, height, frames=1)
    return Choice(budget, {tier[0].name: tier[0] for tier in best_first}, steps, level)


def measure(pipeline: Pipeline, name: str, width: int, height: int, clock: Clock) -> list[Point]:
    """A tier's points, from the best; measured at its own area and at PART of it, foretold in between and below."""
    pipeline.use(name)
    pipeline.warm_up(width, height, frames=1)
    frame, steps = noise(width, height), areas(pipeline, width, height)
    spent: dict[float, float] = {}
    cores = 1.0
    for point in steps:
        if point.share in (1, PART):
            pipeline.area = point.area
            spent[point.share], took = timed(lambda: pipeline(frame, seconds=0.0), clock)
            cores = max(cores, spent[point.share] / took)
    pixels = {point.share: point.seconds for point in steps}
    more = (spent[1] - spent[PART]) / max(1.0, pixels[1] - pixels[PART])
    each = min(max(more, 0.0), spent[1] / pixels[1])
    seconds = {share: spent[1] - each * (pixels[1] - count) for share, count in pixels.items()}
    return [replace(p, name=name, seconds=seconds[p.share], cores=cores) for p in steps]


def areas(pipeline: Pipeline, width: int, height: int) -> list[Point]:
    """The pipeline's model at all LEVELS; what grows with the cost is the network's real number of pixels."""
    model, own = pipeline.model, pipeline.model.info.area
    wanted = {share: part_of(own, share) for share in LEVELS}
    return [
        Point(model.info.name, share, area, float(math.prod(model.size_for(width, height, area))))
        for share, area in wanted.items()
    ]


def timed(work: Callable[[], object], clock: Clock) -> tuple[float, float]:
    """Seconds of all our threads, and on the wall, that work takes: the least of a few runs, after a first one.

    The least is what others on the machine disturb least.
    """
    work()
    busy: list[float] = []
    took: list[float] = []
    while len(took) < FEWEST or (len(took) < RUNS and sum(took) < LIMIT):
        busy_before, before = clock()
        work()
        busy_after, after = clock()
        busy.append(busy_after - busy_before)
        took.append(after - before)
    return min(busy), max(min(took), 1e-6)


def now() -> tuple[float, float]:
    """The clock. Windows counts a process's time in steps of 16 ms, so there the wall has to do."""
    wall = time.perf_counter()
    return (wall if sys.platform == "win32" else time.process_time()), wall
