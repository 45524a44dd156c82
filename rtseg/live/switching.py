"""A source in whose place another one can be put while it is read; and a clip that comes as if from a camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Condition, Thread

from rtseg.closing import Closing
from rtseg.errors import SourceError
from rtseg.frames import Frame, Source
from rtseg.live.reconnect import Reconnecting, fitted

PAUSE = 2.0  # seconds between two tries to get the last one back that worked


class Switching(Closing):
    """Frames of the source that was asked for last, in the size of the first; all of them are live.

    `notice` says what is the matter while there are none. One that can't be opened leaves the one before.

    Args:
        opened: opens what a name means, as `--source` takes it; may raise SourceError.
        first: the source, opened for the first time, which is live.
        name: what `opened` knows it by.
    """

    live = True
    count: int | None = None

    def __init__(self, opened: Callable[[str], Source], first: Source, name: str | None) -> None:
        self._opened, self._source, self._works = opened, first, name
        self.name, self.width, self.height, self.fps = first.name, first.width, first.height, first.fps
        self.report: str | None = getattr(first, "report", None)
        self._refusal: str | None = None
        self._change = Condition()
        self._asked: str | None = None
        self._closed = False

    def switch(self, name: str) -> None:
        """Let go of what is read, and read this from now on. Returns at once; no frame comes out before it is open."""
        with self._change:
            self._asked = name
            old = self._source
            self._change.notify_all()
        # A read that hangs must not keep the session waiting.
        Thread(target=old.close, name="closing a camera", daemon=True).start()

    @property
    def notice(self) -> str | None:
        """What is the matter with the present one."""
        if self._asked is not None:
            return f"opening {self._asked}"
        return getattr(self._source, "notice", None)

    @property
    def source(self) -> str | None:
        """What is read, as `--source` takes it."""
        return self._works

    def refusal(self) -> str | None:
        """Why what was asked for is not read; told once."""
        with self._change:
            told, self._refusal = self._refusal, None
            return told

    @property
    def remark(self) -> str | None:
        return self._source.remark

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closed:
            broken: SourceError | None = None
            try:
                for frame in self._source:
                    if self._closed or self._asked is not None:
                        break
                    yield fitted(replace(frame, index=index), self.width, self.height)
                    index += 1
            except SourceError as e:
                broken = e
            if self._closed:
                return
            if self._asked is not None:
                self._open()
            elif broken:
                raise broken
            else:
                return

    def _open(self) -> None:
        """The one that was asked for last, or else the one before, or else whatever is asked for next."""
        self._source.close()
        while not self._closed and (name := self._asked) is not None:
            try:
                source = self._opened(name)
            except SourceError as e:
                with self._change:
                    if self._asked != name:
                        continue
                    self._refusal = str(e)
                    if name == self._works or self._works is None:  # the last resort is not there either
                        self._change.wait_for(lambda: self._closed or self._asked != name, PAUSE)
                    else:
                        self._asked = self._works
                continue
            with self._change:
                if self._asked != name or self._closed:  # meanwhile
                    source.close()
                    continue
                self._source, self._works, self._asked = source, name, None
                self.name, self.fps = source.name, source.fps

    def wanted(self, now: bool) -> None:
        """Whether anybody is watching, see Reconnecting."""
        if isinstance(self._source, Reconnecting):
            self._source.wanted(now)

    def close(self) -> None:
        """Let go of it for good."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._source.close()


class Played(Closing):
    """A clip as if it came from a camera: at its own speed, each frame with the moment at which it is due."""

    live = True
    count: int | None = None

    def __init__(self, clip: Source) -> None:
        self._clip = clip
        self.name, self.width, self.height, self.fps = clip.name, clip.width, clip.height, clip.fps
        self._closed = Condition()
        self._over = False

    @property
    def remark(self) -> str | None:
        return self._clip.remark

    def __iter__(self) -> Iterator[Frame]:
        start: float | None = None
        for frame in self._clip:
            now = time.monotonic()
            start = now - frame.time if start is None else max(start, now - frame.time - 1 / self.fps)
            with self._closed:
                if self._closed.wait_for(lambda: self._over, max(0.0, start + frame.time - now)):
                    return
            yield replace(frame, time=time.monotonic(), lasts=0.0)

    def close(self) -> None:
        with self._closed:
            self._over = True
            self._closed.notify_all()
        self._clip.close()
