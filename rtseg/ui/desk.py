"""What all pages share: the session, the backgrounds, the JPEGs, and how busy the machine is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from rtseg.live.controls import Controls
from rtseg.live.events import Event
from rtseg.live.surface import Order, Outcome
from rtseg.options.call import Call
from rtseg.sinks.virtual import missing
from rtseg.ui import wishes
from rtseg.ui.gallery import Gallery
from rtseg.ui.origins import Origins
from rtseg.ui.preview import Preview
from rtseg.ui.surface import Moment, OnPage

ANSWER_TIMEOUT = 10.0  # seconds that the session may take to do what was asked
CPU_INTERVAL = 0.4  # seconds over which the processor's share is measured, at least
Act = Callable[[Controls, float], Iterable[Event]]


class Desk:
    """For the server's thread alone; of the session it has only the surface.

    Args:
        keep: writes the config, and gives what there is to say. Raises RtsegError.
    """

    def __init__(self, surface: OnPage, gallery: Gallery, origins: Origins, keep: Callable[[Call], str]) -> None:
        self.surface, self.gallery, self.origins, self.keep = surface, gallery, origins, keep
        self.preview = Preview()
        self.backgrounds = 0  # how often the user's folder was changed here
        self._folder = ""  # where snapshots and recordings go; it may vanish
        with contextlib.suppress(OSError):
            self._folder = os.getcwd()
        self._missing: tuple[str, str | None] | None = None
        self._cpu, self._busy, self._at = 0.0, time.process_time(), time.monotonic()

    async def ask(self, act: Act) -> Outcome:
        """Have the session do something; what became of it."""
        running = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = running.create_future()

        def settle(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        def answer(outcome: Outcome) -> None:
            with contextlib.suppress(RuntimeError):  # the server is closed
                running.call_soon_threadsafe(settle, outcome)

        if not self.surface.ask(Order(act, answer)):
            return Outcome("too much at once; wait a moment")
        try:
            return await asyncio.wait_for(future, ANSWER_TIMEOUT)
        except TimeoutError:
            return Outcome("the session does not answer; look at the terminal")

    def look_for_virtual(self) -> None:
        """Find out what a virtual camera would need here."""
        self._missing = missing()

    def state(self, moment: Moment) -> dict[str, Any]:
        """What can be set, as all pages see it."""
        news = moment.news
        problem, cure = (None, None) if news.virtual or not self._missing else self._missing
        return {
            "type": "state",
            **wishes.described(moment.settings, self.gallery),
            "source": self.origins.id_of(news.source),
            "recording": news.recording,
            "virtual": {"on": news.virtual is not None, "name": news.virtual, "problem": problem, "cure": cure},
            "fixed": news.fixed,
            "folder": str(self.gallery.folder),
            "cwd": self._folder,
            "ranges": wishes.RANGES,
        }

    def stats(self, moment: Moment) -> dict[str, Any]:
        """How it goes, twice a second."""
        news = moment.news
        return {
            "type": "stats",
            "fps": round(news.fps, 2),
            "latency_ms": None if news.latency is None else round(1e3 * news.latency, 1),
            "cpu": self.cpu(),
            "camera": {"name": news.camera, "width": news.size[0], "height": news.size[1]},
            "tier": news.model,
            "provider": news.provider,
            "stages": {name: round(spent, 2) for name, spent in news.stages.items()},
            "status": news.trouble or "",
        }

    def cpu(self) -> float:
        """Percent of the whole machine that this process takes."""
        busy, now = time.process_time(), time.monotonic()
        if now - self._at >= CPU_INTERVAL:
            share = (busy - self._busy) / (now - self._at) / (os.cpu_count() or 1)
            self._cpu, self._busy, self._at = round(100 * min(1.0, share), 1), busy, now
        return self._cpu
