"""A camera that may be unplugged, or sleep with the computer, and come back; so may one in the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

from rtseg.closing import Closing
from rtseg.errors import SourceError
from rtseg.frames import Frame, Source
from rtseg.pixels.geometry import cover

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0  # seconds between two tries; each is twice the one before


class Reconnecting(Closing):
    """A source that is opened again, with growing pauses, whenever it breaks off.

    A stream that was closed counts as broken off, for that is what a camera in the network does when it starts anew;
    one that ends as its protocol has it is over.

    Frames keep the size of the first source: another camera's are cropped and scaled to it. `notice` says what is the
    matter while there is none.

    Args:
        open_again: opens the source; may raise SourceError.
        first: the source, opened for the first time: that it gives frames has been seen.
    """

    def __init__(self, open_again: Callable[[], Source], first: Source) -> None:
        self._open, self._source = open_again, first
        self.name, self.width, self.height = first.name, first.width, first.height
        self.fps, self.live, self.count = first.fps, first.live, first.count
        self.report: str | None = getattr(first, "report", None)
        self.notice: str | None = None
        self.losses = 0
        self._lost, self._pause = False, FIRST_WAIT
        self._closed, self._wanted = Event(), Event()
        self._wanted.set()

    @property
    def remark(self) -> str | None:
        """What the user should know at the end, or None."""
        own = self._source.remark
        lost = f"{self.name} was lost and found again {self.losses} times" if self.losses else None
        return "; ".join(filter(None, (own, lost))) or None

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closed.is_set():
            try:
                for frame in self._source:
                    if self._closed.is_set():
                        return
                    if not self._wanted.is_set():
                        break
                    self._found()
                    yield fitted(replace(frame, index=index), self.width, self.height)
                    index += 1
                if not self._wanted.is_set():
                    self._rest()
                    continue
                self.notice = getattr(self._source, "ending", None)
                if self.notice is None:
                    return
            except SourceError as e:
                self.notice = str(e)
            self._lost = True
            self._source.close()
            self._find_again()

    def _found(self) -> None:
        """It gives frames: what it was lost by is over."""
        self.notice, self._pause = None, FIRST_WAIT
        self.losses, self._lost = self.losses + self._lost, False

    def _find_again(self) -> None:
        """Return once it is open, or closed for good."""
        while not self._closed.wait(self._pause):
            self._pause = min(2 * self._pause, LONGEST_WAIT)  # also if it opens and gives nothing
            try:
                self._source = self._open()
            except SourceError as e:
                self.notice = str(e)
            else:
                self._close_late()
                return

    def _close_late(self) -> None:
        """What was being opened when all was closed is closed by who opened it."""
        if self._closed.is_set():
            self._source.close()

    def _rest(self) -> None:
        """Let the camera go until it is wanted."""
        self._source.close()
        self.notice = f"{self.name} is released: nobody is watching"
        while not self._wanted.wait(LONGEST_WAIT) and not self._closed.is_set():
            pass
        if self._closed.is_set():
            return
        try:
            self._source = self._open()
        except SourceError as e:
            self.notice = str(e)
            self._find_again()
        else:
            self._close_late()

    def wanted(self, now: bool) -> None:
        """Whether anybody is watching; while nobody is, the camera is free for others and its light is off."""
        if now:
            self._wanted.set()
        else:
            self._wanted.clear()

    def close(self) -> None:
        """Let go of it, and stop looking for it."""
        self._closed.set()
        self._wanted.set()
        self._source.close()


def fitted(frame: Frame, width: int, height: int) -> Frame:
    """A frame of another source in the size of the first, cropped and scaled."""
    if frame.image.shape[:2] == (height, width):
        return frame
    opacity = None if frame.opacity is None else cover(frame.opacity, width, height)
    return replace(frame, image=cover(frame.image, width, height), opacity=opacity)
