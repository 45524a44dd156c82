"""A video file, a named pipe or a stream as an iterator of Frame, decoded by FFmpeg."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Iterator
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import IO, Any, Self

import av
import av.error
import av.logging
import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import SourceError
from rtseg.frames import Frame

OPEN_TIMEOUT = 10.0  # seconds for a stream or pipe to give its first bytes
CLOSE_TIMEOUT = 1.0  # seconds that closing waits for a thread that is reading
READ_TIMEOUT = 10.0  # seconds without data after which a stream counts as lost
# FFmpeg's remarks are left out: what matters is raised. Its own logger, not PyAV's: that one needs the GIL in
# decoder threads while PyAV holds it and waits for them (PyAV issues 751, 909); closing early hung in 400 tries.
av.logging.restore_default_callback()
av.logging.set_libav_level(-8)  # AV_LOG_QUIET


class Video:
    """A file, pipe or stream decoded by FFmpeg. Streams without an end are live, files and pipes are not."""

    def __init__(self, url: str, *, name: str, pipe: bool = False) -> None:
        self.name, self._index, self.damaged = name, 0, 0
        self._ending: str | None = None
        self._reading, self._closed = Lock(), False
        self._file: IO[bytes] | None = open_pipe(url) if pipe else None
        remote = "://" in url
        timeout = (OPEN_TIMEOUT, READ_TIMEOUT) if remote else None
        # "file:" because FFmpeg would take the 12 of "12:30.mp4" for a protocol
        target: Any = self._file or (url if remote else f"file:{url}")
        try:
            self.container = av.open(target, timeout=timeout)
        except (av.error.FFmpegError, OSError, ValueError) as e:
            self.close()
            raise SourceError(f"source {name} can't be opened as a video: {reason(e)}") from e
        if not self.container.streams.video:
            self.close()
            raise SourceError(f"source {name} has no video in it")
        self.stream = self.container.streams.video[0]
        self.stream.thread_type = "AUTO"
        context = self.stream.codec_context
        self.width, self.height = context.width, context.height
        self.fps = float(self.stream.average_rate or self.stream.guessed_rate or 30)
        self.live = remote and self.container.duration is None
        seconds = self.container.duration / av.time_base if self.container.duration else None
        known = self.stream.frames or (round(seconds * self.fps) if seconds else 0)
        self.count: int | None = known or None
        self.start = (self.container.start_time or 0) / av.time_base
        self.first = self._first_frame()

    def _first_frame(self) -> Frame:
        """Decode one frame at once: the size may be known only now, and an empty video is found out."""
        self._early: list[Any] = []
        self._take_other: Callable[[Any], None] = self._early.append
        self._frames = self._decode()
        try:
            first = next(self._frames)
        except StopIteration:
            self.close()
            raise SourceError(f"source {self.name} is a video without a single readable frame") from None
        except SourceError:
            self.close()
            raise
        self.height, self.width = first.image.shape[:2]
        self._take_other = lambda packet: None
        return first

    def __iter__(self) -> Iterator[Frame]:
        yield self.first
        yield from self._frames

    def forward_others(self, take: Callable[[Any], None]) -> None:
        """Give packets of other streams (sound) to `take`, in the order in which they lie in the file."""
        self._take_other = take
        for packet in self._early:
            take(packet)
        self._early.clear()

    def _decode(self) -> Iterator[Frame]:
        packets = self.container.demux()
        try:
            while True:
                with self._reading:
                    packet = None if self._closed else next(packets, None)
                    frames = [] if packet is None or packet.stream != self.stream else list(self._frames_of(packet))
                if packet is None:
                    return
                if packet.stream != self.stream:
                    self._take_other(packet)
                yield from frames
        except (av.error.FFmpegError, OSError) as e:
            # FFmpeg can't tell a server that has finished its stream from one that is gone.
            if self.live and self._index and e.errno == errno.EIO:
                self._ending = f"the stream {self.name} was closed after {self._index} frames"
                return
            raise SourceError(f"source {self.name} broke off after {self._index} frames: {reason(e)}") from e

    def _frames_of(self, packet: Any) -> Iterator[Frame]:
        """The frames of one packet; a damaged one is counted and left out."""
        try:
            pictures = packet.decode()
        except av.error.InvalidDataError:
            self.damaged += 1
            return
        for picture in pictures:
            image = upright(picture.to_ndarray(format="bgr24"), picture.rotation)
            yield Frame(image, self._time(picture.time), self._index)
            self._index += 1

    @property
    def remark(self) -> str | None:
        """What the user should know once it has been read, or None."""
        if self.damaged:
            return f"{self.damaged} damaged packets of {self.name} were left out"
        return self._ending

    def _time(self, presentation: float | None) -> float:
        if self.live:
            return monotonic()
        return presentation - self.start if presentation is not None else self._index / self.fps

    def close(self) -> None:
        """Let go of it. A thread that hangs in reading keeps it until the process ends: freeing it would crash."""
        self._closed = True
        if not self._reading.acquire(timeout=CLOSE_TIMEOUT):
            return
        if hasattr(self, "container"):
            self.container.close()
        if self._file:
            self._file.close()
        self._reading.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def open_pipe(path: str) -> IO[bytes]:
    """A named pipe opened for reading once somebody writes to it; SourceError when nobody does."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(OPEN_TIMEOUT * 1000):
        os.close(fd)
        raise SourceError(f"source {path}: nobody wrote to the pipe within {OPEN_TIMEOUT:g} s; start the writer first")
    os.set_blocking(fd, True)
    return os.fdopen(fd, "rb")


def upright(image: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """Turned as the container asks (degrees, counter-clockwise, as phones record)."""
    turns = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
    code = turns.get(rotation % 360)
    return image if code is None else cv2.rotate(image, code).astype(np.uint8, copy=False)


def reason(e: BaseException) -> str:
    """FFmpeg's or the system's own words, without the path again."""
    if isinstance(e, av.error.ExitError):  # what PyAV's own time-out gives
        return f"no data for {READ_TIMEOUT:g} s"
    return getattr(e, "strerror", None) or str(e)
