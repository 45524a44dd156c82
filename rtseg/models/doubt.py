"""A live picture that is suddenly full of person is looked at twice before it is believed.

A net takes some patterns for people: of a stream that broke off and comes back without the person it may show the
whole room. So whoever fills much of the picture at the start, after a gap, all at once, or for long, has to be seen
by the shipped `balanced` as well, at two sizes; until then the background is shown.

Of 115 validation pictures that `fast` calls more than two fifths person, `balanced` sees at least 0.89 of that at both
sizes; of the empty pictures of the export's gate no shipped file calls more than a tenth a person at any of its sizes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from rtseg.arrays import U8
from rtseg.models.foreign.model import ForeignModel
from rtseg.models.model import Model
from rtseg.models.networks import Loaded
from rtseg.pixels.shrink import shrink

MUCH = 0.4  # of the picture that is person, from which it is looked at twice
RISE = 0.2  # more of it than at some moment within RECENT seconds: it came all at once
RECENT, GAP = 0.5, 1.0  # seconds; after a gap nothing is known of the room
PAUSE = 0.1  # seconds between two looks at who is not believed
AGAIN = 2.0  # seconds between two looks at who stays: who was there may have left
CONFIRMED = 0.5  # of what the first net sees, that the second has to see
SHARES = (1.0, 0.5)  # of its area


def seen_by_balanced(threads: int) -> Callable[[U8], float]:
    """How much of a frame, uint8 HxWx3, is person to `balanced`: the least of two sizes. Loaded when first asked."""
    models: list[Model] = []

    def look(frame_bgr: U8) -> float:
        if not models:
            models.append(Model("balanced", provider="cpu", threads=threads))
        model, seen = models[0], []
        for share in SHARES:
            w, h = model.size_for(frame_bgr.shape[1], frame_bgr.shape[0], round(share * model.info.area))
            small = shrink(np.ascontiguousarray(frame_bgr), (w, h))
            seen.append(float(model.run(small, np.zeros((h, w), np.float32)).mean()))
        return min(seen)

    return look


def second_look(model: Loaded) -> Doubt | None:
    """For what this net says; None for one that its adapter says to be made for other pictures than people."""
    if isinstance(model, ForeignModel) and not model.adapter.demo_check:
        return None
    return Doubt(seen_by_balanced(model.threads))


class Doubt:
    """Remembers how much of the picture was person; `look` says how much of a frame is, to somebody else."""

    def __init__(self, look: Callable[[U8], float]) -> None:
        self._look = look
        self._recent: deque[tuple[float, float]] = deque()  # time, share that was believed
        self._last: float | None = None  # time of the last frame
        self._looked = float("-inf")
        self._believed = False  # that who fills the picture is a person

    def believes(self, share: float, frame_bgr: U8, now: float) -> bool:
        """Whether a frame of which `share` is person, at `now` (seconds, monotonic), may be shown.

        Raises ModelError when the second net can't be had.
        """
        if self._last is None or now - self._last > GAP:
            self._recent.clear()
            self._believed = False
        self._last = now
        while self._recent and now - self._recent[0][0] > RECENT:
            self._recent.popleft()
        lowest = min((s for _, s in self._recent), default=0.0)
        shown = share < MUCH
        if not shown:
            due = now - self._looked > (AGAIN if self._believed else PAUSE)
            if due or (self._believed and share - lowest > RISE):
                self._believed, self._looked = self._look(frame_bgr) >= CONFIRMED * share, now
                if self._believed:
                    self._recent.clear()
            shown = self._believed
        if shown:
            self._recent.append((now, share))
        return shown
