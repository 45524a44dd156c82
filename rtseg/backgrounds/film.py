"""A film as a background: repeated without a gap, at its own speed whatever the camera's."""

from __future__ import annotations

import contextlib
import math
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Condition, Lock, Thread

from rtseg.arrays import U8
from rtseg.backgrounds.background import blurred, check_blur
from rtseg.backgrounds.film_file import FilmFile, FilmPicture, at_size
from rtseg.errors import BackgroundError

QUEUE = 4  # pictures that are ready ahead of their time
LATE = 0.5  # seconds; a film that is further behind goes on from where it is instead of catching up
CLOSE_TIMEOUT = 1.0  # seconds that closing waits for a thread that is reading
TOLERANCE = 1e-4  # seconds by which times that mean the same may differ
TRIAL_SIZE = (64, 36)
Prepare = Callable[[FilmPicture, int, int], U8]


class Film:
    """A video file, looped. When it breaks off or its file is gone, its last picture stays and `remark` says so.

    Raises BackgroundError when not even its first picture can be read.
    """

    def __init__(self, path: Path, *, blur: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self._path, self._clock = path.name, path, clock
        self._prepare = partial(prepared, None if blur is None else check_blur(blur))
        with contextlib.closing(FilmFile(path)) as film:
            self._first = next(film.pictures())
        at_size(self._first, *TRIAL_SIZE)  # what can't be converted is found out now
        self._projector = Projector(path, self._first)
        self._player: Player | None = None
        self._starting, self._exact = Lock(), Lock()
        self._shown: tuple[FilmPicture, U8] | None = None

    @property
    def remark(self) -> str | None:
        """Damage and a premature end, once either has happened."""
        return (self._player and self._player.remark) or self._projector.remark

    def at(self, seconds: float | None, width: int, height: int) -> U8:
        """See Background.at. Seconds count from the film's start; it begins by the clock with the first None."""
        if seconds is not None:
            return self._at(seconds, width, height)
        with self._starting:
            if self._player is None:
                self._player = Player(self._path, self._prepare, self._first, self._clock, (width, height))
                weakref.finalize(self, self._player.close)  # also when the program ends
        return self._player.now(width, height)

    def _at(self, seconds: float, width: int, height: int) -> U8:
        with self._exact:
            picture = self._projector.at(seconds)
            if self._shown is None or self._shown[0] is not picture or self._shown[1].shape[:2] != (height, width):
                self._shown = picture, self._prepare(picture, width, height)
            return self._shown[1]

    def close(self) -> None:
        """End the thread and let go of the file."""
        if self._player:
            self._player.close()
        with self._exact:
            self._projector.close()


def prepared(blur: float | None, picture: FilmPicture, width: int, height: int) -> U8:
    """The picture at the frame's size, uint8 HxWx3 BGR."""
    return blurred(at_size(picture, width, height), blur)


class Projector:
    """The picture for any time, found by decoding up to it: exact, and quick as long as times mostly grow."""

    def __init__(self, path: Path, first: FilmPicture) -> None:
        self._path, self.now = path, first
        self._begin = 0.0
        self._length: float | None = None  # seconds, known after the first time through
        self._file: FilmFile | None = None  # opened when first needed
        self._pictures: Iterator[FilmPicture] = iter(())
        self._next: FilmPicture | None = None
        self._over: str | None = None  # why no more is read
        self._closed = False

    @property
    def remark(self) -> str | None:
        """What was wrong with the file so far."""
        return self._over or (self._file and self._file.remark) or None

    def _rewind(self, begin: float) -> None:
        if self._file is None:
            self._file = FilmFile(self._path)
        self._pictures = self._file.pictures()
        self._begin, self.now = begin, next(self._pictures)
        self._next = next(self._pictures, None)

    def at(self, seconds: float) -> FilmPicture:
        """The picture at that many seconds from the film's first start, or the last good one if it has broken off."""
        try:
            if not self._over and not self._closed:
                self._turn_to(max(0.0, seconds) + TOLERANCE)
        except BackgroundError as e:
            self._over = f"{e}; its last picture stays"
        return self.now

    def _turn_to(self, seconds: float) -> None:
        if self._file is None or seconds < self._begin + self.now.time:
            self._rewind(self._round_begin(seconds))
        while True:
            while self._next is not None and self._begin + self._next.time <= seconds:
                self.now, self._next = self._next, None
                self._next = next(self._pictures, None)
            if self._next is not None:
                return
            self._length = self.now.time + self.now.duration
            if seconds < self._begin + self._length or not self.now.time:
                return
            self._rewind(max(self._begin + self._length, self._round_begin(seconds)))

    def _round_begin(self, seconds: float) -> float:
        """When the round began that goes on at that time."""
        return math.floor(seconds / self._length) * self._length if self._length else 0.0

    def close(self) -> None:
        """Let go of the file; the present picture stays."""
        self._closed = True
        if self._file:
            self._file.close()


class Player:
    """Decodes and scales ahead in a thread of its own; `now` never waits for it."""

    def __init__(
        self, path: Path, prepare: Prepare, first: FilmPicture, clock: Callable[[], float], size: tuple[int, int]
    ) -> None:
        self._path, self._prepare, self._clock, self._size = path, prepare, clock, size
        self.remark: str | None = None
        self._shown = first, prepare(first, *size)
        self._started = clock()
        self._ready: deque[tuple[FilmPicture, U8]] = deque()
        self._change, self._closed = Condition(), False
        self._thread = Thread(target=self._run, name="background film", daemon=True)
        self._thread.start()

    def now(self, width: int, height: int) -> U8:
        """The newest picture whose time has come."""
        with self._change:
            self._size = width, height
            while self._ready and (late := self._clock() - self._started - self._ready[0][0].time) >= 0:
                self._shown = self._ready.popleft()
                if late > LATE:
                    self._started += late
            self._change.notify()
            picture, image = self._shown
        if image.shape[:2] != (height, width):  # the frames' size has changed since it was made ready
            image = self._prepare(picture, width, height)
            self._shown = picture, image
        return image

    def _run(self) -> None:
        """Round after round; a film of one picture needs only one."""
        try:
            with contextlib.closing(FilmFile(self._path)) as film:
                begin, end, count = 0.0, 0.0, 2
                while count > 1:
                    begin, count = begin + end, 0
                    for picture in film.pictures():
                        self._queue(replace(picture, time=begin + picture.time))
                        if self._closed:
                            return
                        end, count = picture.time + picture.duration, count + 1
                    self.remark = film.remark
        except Exception as e:  # whatever it is, the loop goes on and the picture stays
            what = str(e) if isinstance(e, BackgroundError) else f"background {self._path.name}: {e!r}"
            self.remark = f"{what}; its last picture stays"

    def _queue(self, picture: FilmPicture) -> None:
        item = picture, self._prepare(picture, *self._size)
        with self._change:
            self._change.wait_for(lambda: self._closed or len(self._ready) < QUEUE)
            self._ready.append(item)

    def close(self) -> None:
        """End the thread; one that hangs in reading is left to the end of the process."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join(CLOSE_TIMEOUT)
