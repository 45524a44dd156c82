"""A film's pictures in order, as often as wanted, and scaled to a frame's size while they are converted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np

from rtseg.backgrounds.background import U8
from rtseg.errors import BackgroundError
from rtseg.pixels.geometry import cover
from rtseg.sources.pictures import on_black
from rtseg.sources.video import reason, upright  # importing it also keeps FFmpeg's logger from hanging decoders

MAX_PIXELS = 2**26  # of a film's pictures: twice 8K
DECODER_THREADS = 2  # the network needs the other cores


@dataclass(frozen=True)
class Shot:
    """One decoded picture, when it begins and how long it lasts, in seconds from the film's start."""

    time: float
    duration: float
    picture: av.VideoFrame
    aspect: float  # a pixel's width by its height


class Reel:
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
            self._container = av.open(str(self.path))
            if not self._container.streams.video:
                raise BackgroundError(f"background {self.path.name} has no video in it")
            self._stream = self._container.streams.video[0]
            self._stream.thread_type = "AUTO"
            self._stream.codec_context.thread_count = DECODER_THREADS
            check_size(self.path, self._stream.codec_context.width, self._stream.codec_context.height)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as e:
            raise BackgroundError(f"background {self.path.name} can't be played as a video: {reason(e)}") from e

    def shots(self) -> Iterator[Shot]:
        """From the first picture to the last, of which there is at least one; each call starts anew.

        Raises BackgroundError when the file breaks off or is gone. Times start at 0 and never run back, as
        damaged and cut files' own do.
        """
        with self._errors():
            usual = 1 / float(self._stream.average_rate or self._stream.guessed_rate or 30)
            aspect = float(self._stream.sample_aspect_ratio or 1)
            start, time, lasts = None, 0.0, 0.0
            for picture in self._from_start():
                if picture.time is None:
                    time += lasts
                else:
                    start = picture.time if start is None else start
                    time = max(time, picture.time - start)
                lasts = float(picture.duration * picture.time_base) if picture.duration and picture.time_base else usual
                yield Shot(time, lasts, picture, aspect)

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
        damaged = 0
        for packet in self._container.demux(self._stream) if self._container else ():
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                damaged += 1
                self.remark = f"{damaged} damaged packets of {self.path.name} were left out"
                continue
            for picture in pictures:
                check_size(self.path, picture.width, picture.height)
                yield picture

    def close(self) -> None:
        """Let go of the file."""
        if self._container:
            self._container.close()
            self._container = None


def fitted(shot: Shot, width: int, height: int) -> U8:
    """uint8 HxWx3 BGR: upright, cropped around its middle, never stretched; transparent parts are black.

    Raises BackgroundError when FFmpeg can't convert it.
    """
    picture = shot.picture
    turned = picture.rotation % 180 != 0
    transparent = any(c.is_alpha for c in picture.format.components)
    try:
        size = (height, width) if turned else (width, height)
        image = covering(shot, *size, "bgra" if transparent else "bgr24")
    except (av.error.FFmpegError, ValueError, MemoryError) as e:
        raise BackgroundError(f"a picture of the background can't be converted: {reason(e)}") from e
    upright_bgr = upright(on_black(image) if transparent else image, picture.rotation)
    return upright_bgr if upright_bgr.shape[:2] == (height, width) else cover(upright_bgr, width, height)


def covering(shot: Shot, width: int, height: int, form: str) -> U8:
    """uint8 of that size; or, of a shape so long that scaling it first would fill the memory, all of it."""
    picture, wide = shot.picture, shot.picture.width * shot.aspect
    scale = max(width / wide, height / picture.height)
    w, h = max(width, round(wide * scale)), max(height, round(picture.height * scale))
    if w * h > MAX_PIXELS:
        return picture.to_ndarray(format=form).astype(np.uint8, copy=False)
    # FFmpeg scales while it converts: a third of the time of doing one after the other.
    how = "AREA" if scale < 1 else "BICUBIC"
    scaled = picture.to_ndarray(format=form, width=w, height=h, interpolation=how)
    y, x = (h - height) // 2, (w - width) // 2
    return np.ascontiguousarray(scaled[y : y + height, x : x + width], dtype=np.uint8)


def check_size(path: Path, width: int, height: int) -> None:
    """Raise BackgroundError for a film that would fill the memory."""
    if width * height > MAX_PIXELS:
        raise BackgroundError(
            f"background {path.name} is {width}x{height}; {MAX_PIXELS // 10**6} million pixels at most"
        )
