"""How often frames are worked on, and how much work each gets. Pure: the caller brings the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

# Shares of a model's own area, from the best; each step takes a quarter to a third of the network's time off.
LEVELS = (1.0, 0.75, 0.5, 0.35, 0.25)
FULL = 0.9  # of the time between two frames, that a frame may take where the rate is all that counts
HALF = 0.5  # of it where the processor has to be left to others: half of one core
RECENT = 15  # frames whose median is looked at
ROOMY = 0.78  # of what a frame may cost, as foretold for a better way: below it there is room for that
PATIENCE = 3.0  # seconds of room before more is tried; doubled whenever that was too much,
LONGEST = 300.0  # up to this


@dataclass(frozen=True)
class Point:
    """A way to run, and what a frame costs so."""

    name: str  # of the model
    share: float  # of its own area
    area: int  # pixels at network size
    seconds: float  # what a frame costs; in a ladder of one model anything that grows with it
    cores: float = 1.0  # how many are busy while a frame is worked on

    @property
    def label(self) -> str:
        """As the user reads it: `balanced`, or `balanced 75%`."""
        return self.name if self.share == 1 else f"{self.name} {self.share:.0%}"


def ladder(points: Iterable[Point]) -> list[Point]:
    """Those of the points, given from the best, that cost less than all before them."""
    steps: list[Point] = []
    for point in points:
        if not steps or point.seconds < steps[-1].seconds:
            steps.append(point)
    return steps


def best_within(steps: Sequence[Point], allowed: float) -> int:
    """The first step that costs no more than `allowed`; the last one where none does."""
    return next((n for n, point in enumerate(steps) if point.seconds <= allowed), len(steps) - 1)


class Metronome:
    """Times that are `1 / fps` apart; a late one does not make the next ones early."""

    def __init__(self, fps: float) -> None:
        self.interval = 1 / fps
        self._due: float | None = None

    def wait(self, now: float) -> float:
        """Seconds to sleep from `now` until the next frame is due."""
        due = now if self._due is None else max(self._due + self.interval, now - self.interval)
        self._due = due
        return max(0.0, due - now)


class Governor:
    """Takes a cheaper way while frames cost more than they may, and a better one again when there is room.

    Less is done at once when the median of RECENT frames is too much; more is tried after PATIENCE of room, and
    after a vain try only after twice that, so that it does not swing. Either goes as far as the ladder foretells.

    Args:
        steps: a ladder, from the best.
        allowed: seconds that a frame may cost; of one core, where the steps tell how many are busy.
        level: the step to begin with.
    """

    def __init__(self, steps: Sequence[Point], allowed: float, level: int = 0) -> None:
        self.allowed, self.level = allowed, level
        self._steps = steps
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._since: float | None = None  # when there began to be room
        self._patience = PATIENCE
        self._raised = False  # the last change was one up

    @property
    def point(self) -> Point:
        return self._steps[self.level]

    def note(self, spent: float, now: float) -> bool:
        """Take the seconds that a frame took; whether the level has changed."""
        self._recent.append(spent * self.point.cores)
        if len(self._recent) < RECENT:
            return False
        middle = median(self._recent)
        if middle > self.allowed and self.level < len(self._steps) - 1:
            self._patience = min(LONGEST, self._patience * (2 if self._raised else 1))
            return self._change(max(self.level + 1, self._foretold(middle, self.allowed)))
        better = self._foretold(middle, ROOMY * self.allowed)
        if better >= self.level:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self._patience and self._change(better)

    def _foretold(self, middle: float, allowed: float) -> int:
        """The best step that would cost no more than `allowed`, if this one costs `middle`."""
        return best_within(self._steps, allowed * self.point.seconds / max(middle, 1e-9))

    def _change(self, level: int) -> bool:
        self._raised, self.level, self._since = level < self.level, level, None
        self._recent.clear()
        return True
