"""A film's pictures in order, as often as wanted, and scaled to a frame's size while they are converted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import av
import av.error
import numpy as np

from rtseg.arrays import U8
from rtseg.errors import BackgroundError
from rtseg.pixels.geometry import cover
from rtseg.pixels.opacity import over
from rtseg.sources.containers import Decoder, open_container, picture_track
from rtseg.sources.fields import Deinterlacer
from rtseg.sources.kinds import why_not_played
from rtseg.sources.length import shown_until
from rtseg.sources.look import Look
from rtseg.sources.video import reason

FILM_PIXELS = 2**26  # of a film's pictures: twice 8K
DECODER_THREADS = 2  # the network needs the other cores


@dataclass(frozen=True)
class FilmPicture:
    """One decoded picture, when it begins and how long it lasts, in seconds from the film's start."""

    time: float
    duration: float
    frame: av.VideoFrame
    look: Look  # how it is to be shown


class FilmFile:
    """A video file, open until `close`. `remark` says what was wrong on the way, or is None.

    Raises BackgroundError when it can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.remark: str | None = None
        self._container: av.container.InputContainer | None = None
        self._begun = False
        self._first: int | None = None  # the first picture's own time, to see whether seeking back to it works
        self._open()

    def _open(self) -> None:
        self.close()
        with self._errors():
            self._container = open_container(f"file:{self.path}", remote=False)
            self._stream = picture_track(self._container)
            if self._stream is None:
                raise BackgroundError(f"background {self.path.name} has no video in it")
            self._decoder, self._look = Decoder(self._stream, count=DECODER_THREADS), Look(self._stream, exact=False)
            check_size(self.path, self._stream.codec_context.width, self._stream.codec_context.height)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as e:
            why = why_not_played(self.path) or reason(e)
            raise BackgroundError(f"background {self.path.name} can't be played as a video: {why}") from e

    def pictures(self) -> Iterator[FilmPicture]:
        """From the first picture to the last, of which there is at least one; each call starts anew.

        Raises BackgroundError when the file breaks off or is gone. Times start at 0 and never run back, as
        damaged and cut files' own do.
        """
        with self._errors():
            usual = 1 / float(self._stream.average_rate or self._stream.guessed_rate or 30)
            start, time, lasts = None, 0.0, 0.0
            for picture, following in pairwise(chain(self._from_start(), [None])):
                assert picture is not None  # only the last one is followed by nothing
                if picture.time is None:
                    time += lasts
                else:
                    start = picture.time if start is None else start
                    time = max(time, picture.time - start)
                lasts = float(picture.duration * picture.time_base) if picture.duration and picture.time_base else usual
                if following is None and picture.time is not None:
                    lasts = max(0.0, (shown_until(self._stream, self._packets) or 0.0) - picture.time) or lasts
                yield FilmPicture(time, lasts, picture, self._look)

    def _from_start(self) -> Iterator[av.VideoFrame]:
        """All pictures: after seeking back, which is quick, or after opening the file again where that fails."""
        first, pictures = None, self._decode()
        if self._container and self._begun:
            with contextlib.suppress(av.error.FFmpegError):
                self._container.seek(self._container.start_time or 0)
                first = next(pictures, None)
            if first is None or first.pts is None or first.pts != self._first:
                self._open()
                first, pictures = None, self._decode()
        first = first or next(pictures, None)
        if first is None:
            raise BackgroundError(f"background {self.path.name} is a video without a single readable picture")
        self._begun, self._first = True, first.pts
        yield first
        yield from pictures

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Every picture that can be decoded; packets that can't are counted and left out."""
        damaged, self._packets, fields = 0, 0, Deinterlacer()
        for packet in self._container.demux(self._stream) if self._container else ():
            self._packets += packet.size > 0
            try:
                pictures = self._decoder.decode(packet)
            except av.error.InvalidDataError:
                damaged += 1
                self.remark = f"{damaged} damaged packets of {self.path.name} were left out"
                continue
            for picture in fields.take(pictures):
                check_size(self.path, picture.width, picture.height)
                yield picture
        yield from fields.flush()

    def close(self) -> None:
        """Let go of the file."""
        if self._container:
            self._container.close()
            self._container = None


def at_size(picture: FilmPicture, width: int, height: int) -> U8:
    """uint8 HxWx3 BGR: upright, cropped around its middle, never stretched; transparent parts are black.

    Raises BackgroundError when FFmpeg can't convert it.
    """
    try:
        image = covering(picture, width, height)
    except (av.error.FFmpegError, ValueError, MemoryError) as e:
        raise BackgroundError(f"a picture of the background can't be converted: {reason(e)}") from e
    return image if image.shape[:2] == (height, width) else cover(image, width, height)


def covering(picture: FilmPicture, width: int, height: int) -> U8:
    """uint8 of that size; or, of a shape so long that scaling it first would fill the memory, all of it."""
    wide, high = picture.look.size(picture.frame)
    scale = max(width / wide, height / high)
    w, h = max(width, round(wide * scale)), max(height, round(high * scale))
    # FFmpeg scales while it converts: a third of the time of doing one after the other.
    fits = w * h <= FILM_PIXELS
    bgr, opacity = picture.look.layers(picture.frame, (w, h) if fits else None)
    image = bgr if opacity is None else over(bgr, None, opacity)
    y, x = ((h - height) // 2, (w - width) // 2) if fits else (0, 0)
    return np.ascontiguousarray(image[y : y + height, x : x + width] if fits else image, dtype=np.uint8)


def check_size(path: Path, width: int, height: int) -> None:
    """Raise BackgroundError for a film that would fill the memory."""
    if width * height > FILM_PIXELS:
        raise BackgroundError(
            f"background {path.name} is {width}x{height}; {FILM_PIXELS // 10**6} million pixels at most"
        )
