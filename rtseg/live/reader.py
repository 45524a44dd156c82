"""Reading a source in a thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition, Thread

from rtseg.frames import Frame, Source

AHEAD = 4  # frames of a file that may wait for inference


class Reader:
    """Frames of a source, read in a thread of its own, so that decoding does not wait for inference.

    Of a live source only the newest is kept and reading never waits for us; of a file or pipe every frame comes out,
    and reading waits while AHEAD of them lie here.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._change = Condition()
        self._frames: deque[Frame] = deque(maxlen=1 if source.live else None)
        self._error: BaseException | None = None
        self._ended = self._stopped = False
        Thread(target=self._read, name="capture", daemon=True).start()

    def _read(self) -> None:
        try:
            for frame in self._source:
                with self._change:
                    self._change.wait_for(lambda: self._source.live or len(self._frames) < AHEAD or self._stopped)
                    if self._stopped:
                        return
                    self._frames.append(frame)
                    self._change.notify_all()
        except Exception as e:
            self._error = e
        with self._change:
            self._ended = True
            self._change.notify_all()

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._frames or self._ended or self._stopped)
                if self._stopped:
                    return
                frame = self._frames.popleft() if self._frames else None
                self._change.notify_all()
            if frame is not None:
                yield frame
            elif self._error:
                raise self._error
            else:
                return

    def stop(self) -> None:
        """Let go of the reader after the frame it is waiting for."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
