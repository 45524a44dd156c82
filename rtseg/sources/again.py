"""A clip that begins anew when it is over, as long as somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

from rtseg.closing import Closing
from rtseg.frames import Frame, Source


class Again(Closing):
    """A source played round and round; times and numbers go on. It ends when it is closed, or gives no frame.

    first: the source, where it is open already. Raises what `opened` raises.
    """

    live: bool = False
    count: int | None = None

    def __init__(self, opened: Callable[[], Source], first: Source | None = None) -> None:
        self._opened, self._source, self._closed = opened, first or opened(), Event()
        first = self._source
        self.name, self.width, self.height, self.fps = first.name, first.width, first.height, first.fps

    @property
    def remark(self) -> str | None:
        return self._source.remark

    def __iter__(self) -> Iterator[Frame]:
        index, start = 0, 0.0
        while not self._closed.is_set():
            end, before = start, index
            for frame in self._source:
                end = start + frame.time + (frame.lasts or 1 / self.fps)
                yield replace(frame, time=start + frame.time, index=index)
                index += 1
            if index == before:
                return
            start = end
            self._source.close()
            self._source = self._opened()
            if self._closed.is_set():  # meanwhile: whoever opened it closes it
                self._source.close()

    def close(self) -> None:
        self._closed.set()
        self._source.close()
