"""Where a session's pictures go: the file or camera of --out, a virtual camera switched on later, what is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from rtseg.arrays import U8
from rtseg.errors import OutputError
from rtseg.live.recorder import Recorder
from rtseg.pixels.geometry import cover
from rtseg.sinks.snapshot import save_snapshot
from rtseg.sinks.video_file import VideoFile
from rtseg.sinks.virtual import VirtualCamera


class Outlets:
    """Gives each picture (uint8 HxWx3 BGR) to every output.

    Args:
        sink: the file or virtual camera of --out, which who opened it closes.
        size: (width, height) of the pictures to come, at about `fps`.
        say: prints a line.
        lost: is told what has ended by itself, `recording` or `virtual`, and why.
    """

    def __init__(
        self,
        sink: VideoFile | VirtualCamera | None,
        size: tuple[int, int],
        fps: float,
        say: Callable[[str], None],
        lost: Callable[[str, str], None],
    ) -> None:
        self.sink, self._size, self._fps, self._say, self._lost = sink, size, fps, say, lost
        self._recorder = Recorder(size, fps)
        self._switched: VirtualCamera | None = None
        self.recorded: str | None = None  # the file's name, while there is one
        self.sent = 0.0  # monotonic seconds, when a file got the last one

    @property
    def virtual(self) -> VirtualCamera | None:
        """The virtual camera that is on."""
        return self.sink if isinstance(self.sink, VirtualCamera) else self._switched

    def send(self, picture: U8, moment: float, first: float) -> None:
        """A picture of the source's time `moment`, `first` being that of the first one; raises what --out raises.

        One of another size, from a source that changes on the way, is cropped and scaled to the session's.
        """
        picture = self._fitted(picture)
        if self.sink:
            self.sink.write(picture, moment - first)
        if self._switched:
            try:
                self._switched.write(picture, moment)
            except OutputError as e:  # ends itself, not the session
                self.switch_virtual(False)
                self._lost("virtual", str(e))
        try:
            self._recorder.write(picture, moment)
        except OutputError as e:  # so does a full disk
            self.recorded = None
            self._lost("recording", str(e))
        self.sent = time.monotonic()

    def _fitted(self, picture: U8) -> U8:
        return picture if picture.shape[1::-1] == self._size else cover(picture, *self._size)

    def lasts(self, until: float) -> None:
        """How long the picture is shown, in seconds from the first."""
        if isinstance(self.sink, VideoFile):
            self.sink.until = until

    def hide(self, picture: U8) -> None:
        """Show a picture at once to who reads a virtual camera; files wait for the next one."""
        if self.virtual:
            self.virtual.hide(picture)

    def switch_virtual(self, on: bool) -> str:
        """Open a virtual camera or close it; what there is to say. Raises OutputError."""
        camera = self.virtual
        if on:
            if camera is None:
                camera = self._switched = VirtualCamera(size=self._size, fps=self._fps)
            return "; ".join(filter(None, (camera.report, camera.remark)))
        if camera is None:
            return "the virtual camera is off"
        camera.close()
        if camera is self.sink:
            self.sink = None
        self._switched = None
        return f"virtual camera {camera.device} is off"

    def snapshot(self, picture: U8) -> Path:
        """Save a picture under a name that is not taken. Raises OutputError."""
        path = save_snapshot(picture, Path(), datetime.now())
        self._say(f"saved {path.resolve()}")
        return path

    def start_recording(self, moment: float, picture: U8 | None) -> Path:
        """Begin a file, with a picture where none may come soon. Raises OutputError."""
        path = self._recorder.start(moment)
        self.recorded = path.name
        self._say(f"recording {path}")
        if picture is not None:
            self._recorder.write(self._fitted(picture), moment)
        return path

    def stop_recording(self) -> Path | None:
        """Complete the file, if there is one; its path, None without a picture. Raises OutputError."""
        was_on, self.recorded = self._recorder.on, None
        path = self._recorder.stop()
        if was_on:
            self._say(f"wrote {path.resolve()}" if path else "recorded nothing: there was no frame")
        return path

    def close(self) -> None:
        """Complete what is recorded, switch off what was switched on. Raises OutputError."""
        try:
            self.stop_recording()
        finally:
            if self._switched:
                self.switch_virtual(False)
