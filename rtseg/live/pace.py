"""How often frames are worked on, and how much work each gets. Pure: the caller brings the clock."""

from __future__ import annotations

from collections import deque
from statistics import median

# Shares of the model's own area, from the best; each step takes a quarter to a third of the network's time off.
LEVELS = (1.0, 0.75, 0.5, 0.35, 0.25)
RECENT = 15  # frames whose median is looked at
FULL = 0.9  # of the time that a frame may take: above it there is too much work
ROOMY = 0.7  # of it, as foretold for the next level up: below it there is room for more
PATIENCE = 3.0  # seconds of room before more is tried; doubled whenever that was too much


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
    """Lowers the network's area while frames take longer than a wanted rate allows, and raises it again.

    Less is done at once when the median of RECENT frames is too long; more is tried after PATIENCE of room, and
    after a vain try only after twice that, so that it does not swing.
    """

    def __init__(self, fps: float) -> None:
        self.allowed = 1 / fps
        self.level = 0
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._since: float | None = None  # when there began to be room
        self._patience = PATIENCE
        self._raised = False  # the last change was one up

    @property
    def share(self) -> float:
        """Of the model's own area."""
        return LEVELS[self.level]

    def note(self, spent: float, now: float) -> bool:
        """Take the seconds that a frame took; whether the level has changed."""
        self._recent.append(spent)
        if len(self._recent) < RECENT:
            return False
        middle = median(self._recent)
        if middle > FULL * self.allowed and self.level < len(LEVELS) - 1:
            self._patience *= 2 if self._raised else 1
            return self._change(self.level + 1)
        better = LEVELS[max(0, self.level - 1)] / LEVELS[self.level]
        if self.level == 0 or middle * better > ROOMY * self.allowed:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self._patience and self._change(self.level - 1)

    def _change(self, level: int) -> bool:
        self._raised, self.level, self._since = level < self.level, level, None
        self._recent.clear()
        return True
