"""Where video goes: an H.264 file with true timestamps and, where the source has it, its sound."""

from __future__ import annotations

import contextlib
import json
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import OutputError
from rtseg.files import complete, partial_path, whole_file
from rtseg.sources import Video, reason

TIME_BASE = Fraction(1, 90_000)  # seconds; fine enough for any camera
FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
CRF = "20"  # x264's quality: 18 is about transparent, 23 its default


def check_target(path: Path, source: str | Path | None = None) -> None:
    """Raise OutputError unless a file can be made at `path` that is not the source itself."""
    if path.is_dir():
        raise OutputError(f"output {path} is a folder; give a file name")
    if not path.parent.is_dir():
        raise OutputError(f"output {path}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"output {path}: no permission to write in {path.parent.resolve()}; give another --out")
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise OutputError(f"output {path} is the source itself; give another name")


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all. Raises OutputError."""
    try:
        with whole_file(path) as partial:
            partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    except OSError as e:
        raise OutputError(f"output {path} can't be written: {e.strerror or e}") from e


class VideoFile:
    """Writes frames with their times; the file gets its name only when it is complete.

    Args:
        path: .mp4, .mov or .mkv.
        size: (width, height) of the frames to come; odd sides grow by one pixel.
        fps: what players are told; the real times are those of the frames.
        sound: a source whose sound is copied, by packets given to `copy`.

    Raises:
        OutputError: at once for a name, folder or sound that won't do; later when the disk is full.
    """

    def __init__(self, path: Path, *, size: tuple[int, int], fps: float, sound: Video | None = None) -> None:
        check_target(path)
        if path.suffix.lower() not in FORMATS:
            raise OutputError(f"output {path}: {path.suffix or 'no suffix'} can't be written; use {', '.join(FORMATS)}")
        self.path, self.frames = path, 0
        self._partial = partial_path(path)
        self._last = -1
        try:
            self._container = av.open(str(self._partial), "w", format=FORMATS[path.suffix.lower()])
        except (av.error.FFmpegError, OSError) as e:
            raise OutputError(f"output {path} can't be created: {reason(e)}") from e
        self._video = self._container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        self._odd = (size[1] % 2, size[0] % 2)  # H.264 with 4:2:0 colour needs even sides
        self._video.width, self._video.height = size[0] + self._odd[1], size[1] + self._odd[0]
        self._video.pix_fmt = "yuv420p"
        self._video.options = {"crf": CRF, "preset": "veryfast"}
        self._video.codec_context.time_base = TIME_BASE
        self._sound: dict[int, Any] = {}
        self._start = sound.start if sound else 0.0
        try:
            for stream in sound.container.streams.audio if sound else []:
                self._sound[stream.index] = self._container.add_stream_from_template(stream)
        except (av.error.FFmpegError, ValueError) as e:
            self.discard()
            raise OutputError(
                f"output {path}: its format can't hold the source's sound ({e}); use a name that ends in .mkv"
            ) from e

    def write(self, frame_bgr: NDArray[np.uint8], time: float) -> None:
        """Add a frame (uint8 HxWx3 BGR) shown at `time` seconds. Frames out of order are put right after the last."""
        if any(self._odd):
            frame_bgr = cv2.copyMakeBorder(frame_bgr, 0, self._odd[0], 0, self._odd[1], cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        picture = av.VideoFrame.from_ndarray(frame_bgr, format="bgr24")
        picture.time_base = TIME_BASE
        picture.pts = self._last = max(round(time / TIME_BASE), self._last + 1)
        self.frames += 1
        self._mux(self._video.encode, picture)

    def copy(self, packet: Any) -> None:
        """Pass on a packet of the source's sound, untouched; packets of other streams are left out."""
        stream = self._sound.get(packet.stream.index)
        if stream is None or packet.dts is None or packet.pts is None:
            return
        late = round(self._start / packet.time_base)  # frames' times start at 0, so must the sound's
        packet.pts, packet.dts = packet.pts - late, packet.dts - late
        packet.stream = stream
        self._mux(lambda p: [p], packet)

    def _mux(self, encode: Any, item: Any) -> None:
        try:
            for packet in encode(item):
                self._container.mux(packet)
        except (av.error.FFmpegError, OSError, ValueError) as e:
            self.discard()
            raise OutputError(f"output {self.path} can't be written: {reason(e)}") from e

    def finish(self) -> None:
        """Complete the file and give it its name; without a frame there is no file."""
        if not self.frames:
            self.discard()
            return
        self._mux(self._video.encode, None)
        try:
            self._container.close()
            complete(self._partial, self.path)
        except (av.error.FFmpegError, OSError) as e:
            self.discard()
            raise OutputError(f"output {self.path} can't be completed: {reason(e)}") from e

    def discard(self) -> None:
        """Drop what has been written."""
        with contextlib.suppress(av.error.FFmpegError, OSError):  # closing flushes, which fails on a full disk
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.discard()
