"""Interlaced video: two moments in one picture, every other line each, become one without combs (FFmpeg's bwdif)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import av.error
import av.filter

ONE_PICTURE = "mode=send_frame:parity=auto:deint=interlaced"  # as many as before; those that say no are left alone
USUAL_BASE = Fraction(1, 90_000)  # of pictures that don't say in what their times are


class Deinterlacer:
    """Passes pictures through until the first that says it is interlaced; from there on they go through the filter.

    That one needs the picture after: what is held back comes out of `flush`. Both raise FFmpegError.
    """

    def __init__(self) -> None:
        self._graph: av.filter.Graph | None = None
        self._form: tuple[int, int, str] | None = None

    def take(self, pictures: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """What becomes of these, in order."""
        for picture in pictures:
            if self._graph is None and not picture.interlaced_frame:
                yield picture
                continue
            form = picture.width, picture.height, picture.format.name
            if form != self._form:
                yield from self.flush()
                self._graph, self._form = graph(picture), form
            if self._graph is not None:
                self._graph.vpush(picture)
                yield from pulled(self._graph)

    def flush(self) -> Iterator[av.VideoFrame]:
        """What was held back."""
        old, self._graph, self._form = self._graph, None, None
        if old is not None:
            old.vpush(None)
            yield from pulled(old)


def graph(like: av.VideoFrame) -> av.filter.Graph:
    """The filter for pictures of that size and format."""
    made = av.filter.Graph()
    source = made.add_buffer(
        width=like.width, height=like.height, format=like.format, time_base=like.time_base or USUAL_BASE
    )
    made.link_nodes(source, made.add("bwdif", ONE_PICTURE), made.add("buffersink")).configure()
    return made


def pulled(of: av.filter.Graph) -> Iterator[av.VideoFrame]:
    """All that it has ready."""
    while True:
        try:
            yield of.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
