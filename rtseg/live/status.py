"""What a session says of itself: what went wrong, the line in its window, and how it went."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rtseg.live.engine import Composite
from rtseg.live.outlets import Outlets
from rtseg.live.overlay import Shown
from rtseg.live.parts import Parts
from rtseg.live.surface import News
from rtseg.live.switching import Switching
from rtseg.messages import amount
from rtseg.pixels.edge import is_somebody

RECENT, KEPT = 30, 3000  # frames for the rate now, and for the latency of the session
PATIENCE = 5.0  # seconds until it is told that nobody is found
DARK = 16  # mean level of a picture that shows nothing; a covered lens still gives noise
# What is told then, and what is printed with it, once.
NOBODY = "nobody is found", "if you are there: more light, an upright camera, a step closer"
BLACK = "the picture is black", "is the camera's shutter closed, its lens covered, the light off?"


class Status:
    """Counts the frames that are shown or written, and prints each trouble once."""

    def __init__(self, parts: Parts, say: Callable[[str], None]) -> None:
        self._source, self._pipeline, self._engine = parts.source, parts.pipeline, parts.engine
        self._controls, self._say = parts.controls, say
        self.frames = 0
        self._started = time.monotonic()
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._latencies: deque[float] = deque(maxlen=KEPT)
        self._said: set[str] = set()
        self._found = 0.0  # when somebody was there last, monotonic seconds
        self._missing: tuple[str, str] | None = None  # NOBODY or BLACK, once it has been so for long

    def shown(self, composite: Composite) -> None:
        """Count a composite, that has just been shown."""
        now = time.monotonic()
        self.frames += 1
        fresh = not self._recent or now - self._recent[-1] >= PATIENCE  # the first, or the first after a rest
        self._recent.append(now)
        somebody = is_somebody(composite.share, self._pipeline.specks)
        if somebody or composite.hidden or fresh:  # what is hidden has another reason
            self._found, self._missing = now, None
        elif now - self._found >= PATIENCE:
            self._missing = BLACK if composite.frame_bgr[::8, ::8].mean() < DARK else NOBODY
        self._latencies.append(now - composite.captured)

    def say(self, text: str) -> None:
        """Print it, the first time."""
        if text not in self._said:
            self._said.add(text)
            self._say(text)

    def report(self) -> None:
        """Print what auto has chosen, and what went wrong."""
        failed = self._engine.model_error
        hidden = f"showing the background only: {failed}" if failed else None
        choice = self._engine.effort.choice
        for trouble in (
            choice and str(choice),
            hidden,
            self.notice,
            "; ".join(self._missing) if self._missing else None,
            self._engine.effort.refusal,
            self._pipeline.remark,
            self._pipeline.background.remark,
        ):
            if trouble:
                self.say(trouble)

    @property
    def notice(self) -> str | None:
        """What is the matter with the source."""
        return getattr(self._source, "notice", None)

    @property
    def fps(self) -> float:
        """Frames per second of late."""
        spent = self._recent[-1] - self._recent[0] if self._recent else 0.0
        return (len(self._recent) - 1) / spent if spent > 0 else 0.0

    @property
    def latency(self) -> float | None:
        """Seconds from the camera to here, of the last frame; None for what is not live."""
        return self._latencies[-1] if self._source.live and self._latencies else None

    def line(self, composite: Composite) -> str:
        """One short line on the composite that was shown last."""
        if not self._recent:
            return self.notice or "? help"
        parts = [f"{self.fps:.1f} fps"]
        if self.latency is not None:
            parts.append(f"{self.latency * 1e3:.0f} ms")
        if way := self._engine.effort.way:
            parts.append(way)
        if unseen := self._unseen(composite):
            parts.append(unseen)
        return "  ".join([*parts, self.notice or "? help"])

    def _unseen(self, composite: Composite) -> str | None:
        """Why nobody is seen in a composite, where that is so."""
        return "background only" if composite.hidden else self._missing[0] if self._missing else None

    def news(self, shown: Shown, made: Composite | None, outlets: Outlets) -> News:
        """How it goes, for a surface. made: the composite that is shown, None where there is none."""
        return News(
            trouble=shown.status if made is None else self._unseen(made),
            fps=self.fps if made else 0.0,
            latency=self.latency if made else None,
            stages=shown.timings,
            source=self._source.source if isinstance(self._source, Switching) else self._controls.settings.source,
            camera=self._source.name,
            size=(self._source.width, self._source.height),
            model=self._engine.effort.label,
            provider=self._pipeline.model.provider,
            fixed=self._engine.effort.fixed,
            recording=outlets.recorded,
            virtual=outlets.virtual.device if outlets.virtual else None,
        )

    def summary(self, out: Path | None, *, cut_short: bool) -> str:
        """Frames, speed, latency, what was saved, and where the file is. cut_short: ended by the user."""
        if not self.frames:
            return "nothing was written: there was no frame yet"
        spent = max(1e-6, time.monotonic() - self._started)
        whole = f" of {self._source.count}" if cut_short and not self._source.live and self._source.count else ""
        done = f"{self.frames}{whole} frames" if whole else amount(self.frames, "frame")
        line = f"{done} in {spent:.1f} s ({self.frames / spent:.1f} fps)"
        if self._source.live:
            middle, high = np.percentile(self._latencies, (50, 95))
            line += f", latency {middle * 1e3:.0f} ms (p95 {high * 1e3:.0f} ms)"
        if self._pipeline.skipped:
            share = self._pipeline.skipped / max(1, self._pipeline.processed)
            line += f", {share:.0%} of them without the network"
        if len(ways := self._engine.effort.ways) > 1:
            line += ", " + ", ".join(f"{count / ways.total():.0%} {name}" for name, count in ways.most_common())
        return line + (f"\nwrote {out.resolve()}" if out else "")
