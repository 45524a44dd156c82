"""What the key `r` records: a video file of what goes out, started and stopped while the session runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rtseg.arrays import U8
from rtseg.sinks.snapshot import free_path
from rtseg.sinks.video_file import VideoFile


class Recorder:
    """Writes nothing until it is started.

    Args:
        size: (width, height) of the pictures to come.
        fps: what players are told; the real times are those given with the pictures.
    """

    def __init__(self, size: tuple[int, int], fps: float) -> None:
        self._size, self._fps = size, fps
        self._file: VideoFile | None = None
        self._start = 0.0

    def start(self, moment: float) -> Path:
        """Begin a file, named by the clock, in the working directory; its path. moment: the file's second 0.

        Raises OutputError.
        """
        path = free_path(Path(), ".mp4", datetime.now())
        self._file = VideoFile(path, size=self._size, fps=self._fps, new=True).__enter__()
        self._start = moment
        return path

    @property
    def on(self) -> bool:
        return self._file is not None

    def write(self, picture: U8, moment: float) -> None:
        """Add a picture, uint8 HxWx3 BGR, if there is a file. Raises OutputError, and the recording is over then."""
        if self._file is None:
            return
        try:
            self._file.write(picture, moment - self._start)
        except BaseException:
            self._file = None  # it has saved what it could
            raise

    def stop(self) -> Path | None:
        """Complete the file; its path, or None when there is none, as without a picture. Raises OutputError."""
        file, self._file = self._file, None
        if file is None:
            return None
        file.finish()
        return file.path if file.frames else None
