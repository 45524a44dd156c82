"""What a session does for the events that come of orders: another background, model or camera, a recording."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from rtseg.arrays import U8
from rtseg.errors import BackgroundError, RtsegError, SourceError
from rtseg.live.events import SET, Event
from rtseg.live.outlets import Outlets
from rtseg.live.parts import Parts
from rtseg.live.settings import Settings
from rtseg.live.switching import Switching


@dataclass(frozen=True)
class Present:
    """Where a session is."""

    picture: U8 | None  # what the outputs got last, uint8 HxWx3 BGR
    moment: float | None  # the source's time of the composite that is shown; None where there is none
    begun: bool  # there was one


class Actions:
    """Does what events ask for, in the session's thread.

    say: prints a line, and tells it to who watches. blank: shows the background alone, and why.
    """

    def __init__(
        self,
        parts: Parts,
        outlets: Outlets,
        say: Callable[[str], None],
        blank: Callable[[str], None],
    ) -> None:
        self._source, self._pipeline, self._engine = parts.source, parts.pipeline, parts.engine
        self._controls, self._outlets, self._say, self._blank = parts.controls, outlets, say, blank

    def do(self, event: Event, before: Settings, present: Present) -> str | None:
        """What there is to say. before: the settings that work, for what is refused. Raises RtsegError."""
        actions: dict[Event, Callable[[], str | None]] = {
            Event.BACKGROUND: lambda: self._change_background(before),
            Event.MATTE: self._change_matte,
            Event.MODEL: lambda: self._change_model(before),
            Event.SOURCE: lambda: self._change_source(before),
            Event.SNAPSHOT: lambda: self._snapshot(present),
            Event.RECORD: lambda: self._record(present),
            Event.VIRTUAL_ON: lambda: self._switch_virtual(True, present),
            Event.VIRTUAL_OFF: lambda: self._switch_virtual(False, present),
        }
        return actions[event]() if event in actions else None

    def _change_background(self, before: Settings) -> None:
        settings = self._controls.settings
        try:
            self._pipeline.change(settings.background, settings.blur)
        except BackgroundError as e:
            self._controls.refuse_background(before, str(e), time.monotonic())
            raise

    def _change_matte(self) -> None:
        for name, event in SET.items():
            if event is Event.MATTE:  # the pipeline has them by the same names
                setattr(self._pipeline, name, getattr(self._controls.settings, name))

    def _change_model(self, before: Settings) -> None:
        settings = self._controls.settings
        try:
            self._engine.effort.use(settings.model, settings.target_fps)
        except RtsegError:
            self._controls.go_back(before, "model", "target_fps")
            raise

    def _change_source(self, before: Settings) -> None:
        """The background is shown until the other one gives frames; of the one before there is nothing more."""
        asked = self._controls.settings.source
        if not isinstance(self._source, Switching) or asked is None:
            self._controls.go_back(before, "source")
            raise SourceError(f"{self._source.name} is played for a file; start again for another source")
        self._source.switch(asked)
        self._engine.forget(time.monotonic())
        self._blank(f"opening {asked}")

    def settle_source(self) -> None:
        """A source that can't be had has been left for the one before: say so, and set it."""
        if isinstance(self._source, Switching) and (why := self._source.refusal()):
            works = replace(self._controls.settings, source=self._source.source)
            self._controls.go_back(works, "source")
            self._controls.say(why, time.monotonic())
            self._say(why)

    def _snapshot(self, present: Present) -> str | None:
        """The picture that goes out now."""
        if present.picture is None:
            return None
        path = self._outlets.snapshot(present.picture)
        self._controls.say(f"saved {path}", time.monotonic())
        return str(path)

    def _record(self, present: Present) -> str | None:
        """Start or stop a recording, as has been set; a refused or failed one ends in a message."""
        try:
            if not self._controls.settings.recording:
                path = self._outlets.stop_recording()
                return str(path) if path else "recorded nothing: there was no frame"
            start = time.monotonic() if self._source.live else 0.0  # where there is no frame yet
            moment = start if present.moment is None else present.moment
            stalled = present.moment is None and present.begun
            return str(self._outlets.start_recording(moment, present.picture if stalled else None))
        except RtsegError as e:
            self.lost("recording", str(e))
            raise

    def _switch_virtual(self, on: bool, present: Present) -> str:
        said = self._outlets.switch_virtual(on)
        if present.picture is not None:
            self._outlets.hide(present.picture)
        return said

    def lost(self, what: str, why: str) -> None:
        """An output, `recording` or `virtual`, has ended by itself or could not begin."""
        self._say(why)
        if what == "recording":
            self._controls.stop_recording(why, time.monotonic())
