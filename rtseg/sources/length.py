"""How long a container says that its video is, before it is read, and whether all of that came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from rtseg.sources.cut_off import is_whole

USUAL_FPS, MOST_FPS = 30.0, 480.0  # a rate above that is of the file's clock
KNOW_THEIR_LENGTH = ("matroska", "mov", "avi", "flv")  # FFmpeg guesses it for other formats
# Seconds, and a share of the whole, that may be missing where a file doesn't show that all of its bytes are there:
# the last picture may be shown for long.
MARGIN, MARGIN_SHARE = 1.0, 0.05


class Length:
    """Rate, length and number of frames of a stream in an open container.

    Attributes:
        fps: frames a second, on the average.
        start: seconds at which the container's time begins.
        seconds: how long it is, sound included, or 0 where nobody knows.
        count: frames in all, or None.
        exact: whether that was written down rather than computed.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        rates = [float(r) for r in (stream.average_rate, stream.guessed_rate) if r]
        self.fps = next((r for r in rates if r <= MOST_FPS), USUAL_FPS)
        self.start = (container.start_time or 0) / av.time_base
        self._packets, self._kind = int(stream.frames), str(container.format.name)
        self.seconds = self._seconds(container, stream)
        own = float(stream.duration * stream.time_base) if stream.duration else self.seconds  # without the sound's
        guess = round(own * self.fps)
        self.exact = guess / 2 < self._packets < 2 * guess  # some files count their first part only, or clock ticks
        self.count: int | None = (self._packets if self.exact or not guess else guess) or None

    def _seconds(self, container: Any, stream: Any) -> float:
        seconds = float(container.duration or 0) / av.time_base
        if self._kind == "avi" and self._packets:  # FFmpeg has shortened it to what the file has bytes for
            return self._packets / float(stream.average_rate or self.fps)
        return max(0.0, seconds - max(0.0, self.start)) if self._kind.startswith("matroska") else seconds

    def is_broken(self, path: Path | None, packets: int, seconds: float) -> bool:
        """Whether less came than it says, and not because somebody has edited it.

        path: where it lies, None for a pipe or a stream. packets: with video that came; seconds: of all streams.
        """
        if not self._kind.startswith(KNOW_THEIR_LENGTH) or (self._packets and packets >= self._packets):
            return False
        try:
            whole = is_whole(path) if path else None
        except OSError:
            whole = None
        margin = max(0.1, 1.5 / self.fps) + (MARGIN + MARGIN_SHARE * self.seconds if whole is None else 0.0)
        return not whole and self.seconds - seconds > margin


def shown_until(stream: Any, packets: int) -> float | None:
    """Seconds at which the last picture of an MP4 or MOV is over, in the container's time, once all packets have come.

    What it says of a picture is when the next one stored begins, which may not be the next one shown. None for others.
    """
    told = stream.container.format.name.startswith("mov") and stream.duration and 0 < stream.frames <= packets
    return float(((stream.start_time or 0) + stream.duration) * stream.time_base) if told else None
