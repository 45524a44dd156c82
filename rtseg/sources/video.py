"""A video file, a named pipe or a stream as an iterator of Frame, decoded by FFmpeg."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import IO, Any

import av.error

from rtseg.arrays import U8
from rtseg.closing import Closing
from rtseg.errors import SourceError
from rtseg.frames import MAX_SIDE, Frame
from rtseg.messages import amount, without_secrets
from rtseg.pixels.geometry import cover
from rtseg.sources.containers import Decoder, open_container, picture_track
from rtseg.sources.fields import Deinterlacer
from rtseg.sources.kinds import why_not_played
from rtseg.sources.length import Length, shown_until
from rtseg.sources.look import Look
from rtseg.sources.pipes import open_pipe
from rtseg.sources.timestamps import Timestamps

OPEN_TIMEOUT = 10.0  # seconds for a stream to give its first bytes
CLOSE_TIMEOUT = 1.0  # seconds that closing waits for a thread that is reading
READ_TIMEOUT = 10.0  # seconds without data after which a stream counts as lost
INSIDE = 64  # packets whose frames may still be inside the decoder


class Video(Closing):
    """A file, pipe or stream decoded by FFmpeg. Streams without an end are live, files and pipes are not.

    Frames keep the size of the first, and times that jump back go on from where they were; `remark` says so.
    Iterating raises SourceError when it breaks off.
    """

    def __init__(self, url: str | PathLike[str], *, name: str | None = None, pipe: bool = False) -> None:
        url = str(url)
        self.name = name = name or (without_secrets(url) if "://" in url else Path(url).name)
        self._index = self.damaged = 0
        self.ending: str | None = None  # of a live stream that was closed, which may mean that it is gone
        self._timestamps, self._resized, self._cut = Timestamps(), 0, False
        self._packets = 0
        self._reading, self._closed = Lock(), False
        self._file: IO[bytes] | None = open_pipe(url) if pipe else None
        self._remote = remote = "://" in url
        timeout = (OPEN_TIMEOUT, READ_TIMEOUT) if remote else None
        # "file:" because FFmpeg would take the 12 of "12:30.mp4" for a protocol
        target: Any = self._file or (url if remote else f"file:{url}")
        try:
            self.container = open_container(target, remote=remote, timeout=timeout)
        except (av.error.FFmpegError, OSError, ValueError) as e:
            self.close()
            hint = what_to_check(e) if remote else ""
            what = None if remote or pipe else why_not_played(Path(url))
            raise SourceError(f"source {name} can't be opened as a video: {what or reason(e)}{hint}") from e
        self.stream = picture_track(self.container)
        if self.stream is None:
            only = ", only a cover picture" if self.container.streams.video else ""
            self.close()
            raise SourceError(f"source {name} has no video in it{only}")
        context = self.stream.codec_context
        self.width, self.height = context.width, context.height
        self.live = remote and self.container.duration is None
        # Decoding several frames at once holds back all but one of them.
        self._decoder = Decoder(self.stream, threads="SLICE" if self.live else "AUTO")
        self._fields, self._look = Deinterlacer(), Look(self.stream, exact=not self.live)
        # By a packet's time in the stream: monotonic seconds when it arrived, and seconds that its frame is shown.
        self._arrived: dict[int | None, tuple[float, float]] = {}
        self._length = length = Length(self.container, self.stream)
        self.fps, self.start, self.count = length.fps, length.start, length.count
        self._path = None if remote or pipe else Path(url)
        self.first = self._first_frame()
        if not 2 <= min(self.width, self.height) <= max(self.width, self.height) <= MAX_SIDE:
            self.close()
            raise SourceError(
                f"source {name} is {self.width}x{self.height}; sides of 2 to {MAX_SIDE} pixels can be processed"
            )

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
        self._take_other = lambda packet: None
        return first

    def __iter__(self) -> Iterator[Frame]:
        # It was decoded as the stream was opened, which may be long ago by now.
        yield replace(self.first, time=monotonic()) if self.live else self.first
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
                    if packet is not None and not self.live:
                        self._timestamps.straighten(packet, 1 / self.fps)
                    frames = list(self._frames_of(packet))
                if frames and not (packet and packet.size) and (end := shown_until(self.stream, self._packets)):
                    frames[-1] = replace(frames[-1], lasts=max(0.0, end - self.start - frames[-1].time))
                if packet is None:
                    yield from frames
                    came = self._timestamps.end - self.start
                    self._cut = not self._closed and self._length.is_broken(self._path, self._packets, came)
                    return
                if packet.stream != self.stream:
                    self._take_other(packet)
                yield from frames
        except (av.error.FFmpegError, OSError) as e:
            # FFmpeg can't tell a server that has finished its stream from one that is gone.
            if self.live and self._index and e.errno == errno.EIO:
                self.ending = f"the stream {self.name} was closed after {amount(self._index, 'frame')}"
                return
            hint = what_to_check(e) if self._remote and not self._index else ""
            raise SourceError(
                f"source {self.name} broke off after {amount(self._index, 'frame')}: {reason(e)}{hint}"
            ) from e

    def _frames_of(self, packet: Any) -> Iterator[Frame]:
        """The frames of one packet, None for the end; a damaged one is counted and left out."""
        if packet is None:
            yield from map(self._frame, () if self._closed else self._fields.flush())
            return
        if packet.stream != self.stream:
            return
        self._packets += packet.size > 0
        self._arrived[packet.pts] = monotonic(), seconds(packet)
        while len(self._arrived) > INSIDE:
            del self._arrived[next(iter(self._arrived))]
        try:
            pictures = self._decoder.decode(packet)
        except av.error.InvalidDataError:
            self.damaged += 1
            return
        yield from map(self._frame, self._fields.take(pictures))

    def _frame(self, picture: Any) -> Frame:
        """A decoded picture as it is to be shown, with its time.

        Of a live stream that is when its packet arrived: what it then waits in decoders is part of its delay.
        """
        try:
            image, opacity = self._look.layers(picture)
        except (ValueError, MemoryError) as e:
            raise SourceError(f"a picture of {self.name} can't be converted: {reason(e)}") from e
        arrival, lasts = self._arrived.pop(picture.pts, (monotonic(), 0.0))
        fitted = self._fitted(image)
        opacity = None if opacity is None else cover(opacity, self.width, self.height)
        frame = Frame(
            fitted, arrival if self.live else self._time(picture.time), self._index, opacity, lasts or seconds(picture)
        )
        self._index += 1
        return frame

    def _fitted(self, image: U8) -> U8:
        """Of the first frame's size: what comes after has been made ready for that."""
        if not self._index:
            self.height, self.width = image.shape[:2]
        if image.shape[:2] == (self.height, self.width):
            return image
        self._resized += 1
        return cover(image, self.width, self.height)

    @property
    def remark(self) -> str | None:
        """What the user should know once it has been read, or None."""
        told = [f"{self.name} is {self._look.remark}"] if self._look.remark else []
        if self.damaged:
            told.append(f"{self.damaged} damaged packets of {self.name} were left out")
        if self._timestamps.jumps:
            times = "once" if self._timestamps.jumps == 1 else f"{self._timestamps.jumps} times"
            told.append(f"the times in {self.name} jump back {times}; what follows was put right after")
        if self._resized:
            told.append(
                f"{self._resized} frames of {self.name} have another size than the first; "
                f"they were cropped and scaled to {self.width}x{self.height}"
            )
        if self._cut:
            told.append(f"{self.name} ended after {self._share()}: the file is cut short")
        return "; ".join([*told, *filter(None, [self.ending])]) or None

    def _share(self) -> str:
        if self.count and self.count > self._index:
            return f"{self._index} of {'' if self._length.exact else 'about '}{self.count} frames"
        return f"{self._timestamps.end - self.start:.1f} of {self._length.seconds:.1f} s"

    def _time(self, presentation: float | None) -> float:
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


def seconds(timed: Any) -> float:
    """How long a packet or a picture lasts; 0 where it does not say."""
    return float(timed.duration * timed.time_base) if timed.duration and timed.time_base else 0.0


def what_to_check(e: BaseException) -> str:
    """For an address that answered with something that is no video, or with nothing."""
    if not isinstance(e, av.error.InvalidDataError | av.error.EOFError) and getattr(e, "errno", 0) != errno.EIO:
        return ""
    return (
        ". Is it the address of the stream itself, not of a page that shows it? An MP4 with its index at the end "
        "can only be had from a server that answers range requests: download it"
    )


def reason(e: BaseException) -> str:
    """FFmpeg's or the system's own words, without the path again."""
    if isinstance(e, av.error.ExitError):  # what PyAV's own time-out gives
        return f"no data for {READ_TIMEOUT:g} s"
    return getattr(e, "strerror", None) or str(e)
