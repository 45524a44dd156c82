"""What happens to each composite: shown, written, recorded, sent on; and what the keys in the window change."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, TaskID

from rtseg.errors import BackgroundError, OutputError, RtsegError
from rtseg.frames import Source
from rtseg.live.controls import FEW_KEYS, Controls, Event
from rtseg.live.engine import Composite, Engine
from rtseg.live.journal import Journal
from rtseg.live.overlay import Shown, preview
from rtseg.live.reconnect import Reconnecting
from rtseg.live.recorder import Recorder
from rtseg.live.settings import Settings, outgoing
from rtseg.pipeline import Pipeline
from rtseg.pixels.cache import compiling
from rtseg.progress import progress_bar
from rtseg.sinks.snapshot import save_snapshot
from rtseg.sinks.video_file import VideoFile
from rtseg.sinks.virtual import VirtualCamera
from rtseg.sinks.window import Window

U8 = NDArray[np.uint8]
STALL = 1.0  # seconds without a new composite after which a live picture is replaced by the background
STALLS = {
    "start": "starting",
    "frame": "no new frame",
    "model": "the model does not answer",
}
COMPILING = "compiling the pixel loops for the first time, which takes some seconds"
PATIENCE, LATE = 10.0, "one moment"  # seconds before it is said that the model does not answer, and until then
TICK = 0.05  # seconds between two looks at the keys while no composite comes


class Loop:
    """Takes composites as they come, to the window and to every output, until the source ends or the user quits.

    Args:
        sink: the file or virtual camera of --out.
        window: None for none.
        controls: what the keys have set; the effect, mirroring and what is drawn follow it.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        engine: Engine,
        controls: Controls,
        sink: VideoFile | VirtualCamera | None,
        window: Window | None,
        console: Console,
    ) -> None:
        self.source, self.pipeline, self.engine, self.controls = source, pipeline, engine, controls
        self.sink, self.window, self.console = sink, window, console
        self._journal = Journal(source, pipeline, engine, console)
        self.quit = False  # by the user
        self.interrupted: KeyboardInterrupt | None = None  # by a signal
        self._recorder = Recorder((source.width, source.height), source.fps)
        self._first: float | None = None  # time of the first frame, shown at `_shown`
        self._shown = 0.0
        self._now_out: U8 | None = None  # what the outputs got last
        self._sent = 0.0  # monotonic seconds, when a file did
        self._composite: Composite | None = None

    def run(self) -> None:
        """Raises what the source, an output or the provider raised."""
        with ExitStack() as stack:
            stack.callback(self._stop_recording)
            progress = stack.enter_context(self._progress())
            task = progress.add_task("compositing", total=self.source.count)
            try:
                self._blank("starting")
                self._run(progress, task)
            except KeyboardInterrupt as e:
                self.quit, self.interrupted = True, e
                if self.frames:
                    self.console.print("stopped")

    def _progress(self) -> Progress:
        """Of what is written; without a terminal not of what goes on until somebody ends it."""
        endless = self.source.live and not self.console.is_interactive
        return progress_bar(self.console, disable=bool(self.window) or not self.sink or endless)

    def _run(self, progress: Progress, task: TaskID) -> None:
        last = time.monotonic()
        while not self.engine.ended:
            composite = self.engine.get(timeout=TICK)
            now = time.monotonic()
            self._journal.report()
            if composite is None:
                if not self._keys():
                    return
                if now - last > STALL:
                    self._stalled(now, now - last)
                continue
            last = now
            if not self._output(composite):
                return
            progress.update(task, completed=self.frames)
        if self.window and not self.source.live and self._composite:
            self._wait_for(self._composite.time + self._composite.lasts)  # a slide may be shown for long

    def _output(self, composite: Composite) -> bool:
        """Write and show one composite; False when the user quits."""
        if self._first is None:
            self._first, self._shown = composite.time, time.monotonic()
            if self.window:
                self.controls.say(FEW_KEYS, self._shown)
        self._composite = composite
        self._now_out = self._outgoing(composite)
        self._send(self._now_out, composite.time)
        if isinstance(self.sink, VideoFile) and composite.lasts:
            self.sink.until = composite.time + composite.lasts - self._first
        if self.window and not self.source.live and not self._wait_for(composite.time):
            return False
        self._journal.shown(composite)
        self._draw(self._journal.status(composite))
        return self._keys()

    def _send(self, picture: U8, moment: float) -> None:
        """Write a picture, of the source's time `moment`, to the file or virtual camera and to what is recorded."""
        if self.sink:
            self.sink.write(picture, moment - (self._first or 0.0))
        try:
            self._recorder.write(picture, moment)
        except OutputError as e:  # a full disk ends the recording, not the session
            self._recording_failed(e)
        self._sent = time.monotonic()

    def _outgoing(self, composite: Composite) -> U8:
        """What every output gets of it: the composite, the background, or the frame, as the keys say."""
        settings, background = self.controls.settings, composite.image
        if settings.paused:  # only then: a film that is asked for two moments in turn has to seek for each
            height, width = background.shape[:2]
            background = self.pipeline.hidden(width, height, None if self.source.live else composite.time)
        return outgoing(settings, composite.image, composite.frame_bgr, background)

    def _wait_for(self, moment: float) -> bool:
        """Until it is time to show a file's frame: files play at their own speed. False when the user quits."""
        wait = self._shown + moment - (self._first or 0.0) - time.monotonic()
        if wait < 0:
            self._shown -= wait
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            if not self._keys():
                return False
            time.sleep(min(left, 0.01))
        return True

    def _stalled(self, now: float, waited: float) -> None:
        """Nothing new for a while: of a live source the background is shown, and files get it as long as it lasts."""
        status = STALLS[self.engine.waits_for]
        late = self.engine.waits_for == "model" and waited < PATIENCE  # as on a machine that has much else to do
        if not self.source.live and self.engine.waits_for != "start":
            return
        if self.engine.waits_for == "start" and compiling():
            status = COMPILING
            self._journal.say(status)
        if self.engine.waits_for == "model" and not late:  # the notices of sources are printed as they come
            self._journal.say(status)
        self._blank(self._journal.notice or (LATE if late else status))
        if self._now_out is not None and self._first is not None and now - self._sent >= STALL:
            self._send(self._now_out, now)

    def _blank(self, status: str) -> None:
        """Nothing but the background, in the window and for who reads a virtual camera."""
        self._composite = None
        self._now_out = self.pipeline.hidden(self.source.width, self.source.height, None if self.source.live else 0.0)
        if isinstance(self.sink, VirtualCamera):
            self.sink.hide(self._now_out)
        self._draw(status)

    def _draw(self, status: str) -> None:
        if self.window is None or self._now_out is None:
            return
        shown = Shown(self._now_out, status=status, message=self.controls.message(time.monotonic()))
        if (made := self._composite) is not None:
            shown = replace(shown, frame_bgr=made.frame_bgr, alpha=made.alpha, timings=made.timings)
        self.window.draw(preview(shown, self.controls.settings))

    def _sleep_unless_wanted(self) -> None:
        """Release the camera while nobody reads the virtual one and there is nothing else to run it for."""
        idle = isinstance(self.sink, VirtualCamera) and self.window is None
        if idle and isinstance(self.source, Reconnecting) and isinstance(self.sink, VirtualCamera):
            self.source.wanted(self.sink.wanted())

    def _keys(self) -> bool:
        """Do what a key asks; False when the user quits."""
        if self.window is None:
            self._sleep_unless_wanted()
            return True
        before = self.controls.settings
        event = self.controls.press(self.window.key(), time.monotonic())
        actions: dict[Event, Callable[[], None]] = {
            Event.BACKGROUND: lambda: self._change_background(before),
            Event.MATTE: self._change_matte,
            Event.SNAPSHOT: self._snapshot,
            Event.RECORD: self._record,
        }
        if event in actions:
            actions[event]()
        settings = self.controls.settings
        self.engine.want_alpha = settings.view == "mask"
        if settings != before and self._composite:  # at once, not with the next frame: it may hide the room
            self._now_out = self._outgoing(self._composite)
            if isinstance(self.sink, VirtualCamera):
                self.sink.hide(self._now_out)
            self._draw(self._journal.status(self._composite))
        self.quit = event is Event.QUIT
        return not self.quit

    def _change_background(self, before: Settings) -> None:
        settings = self.controls.settings
        try:
            self.pipeline.change(settings.background, settings.blur)
        except BackgroundError as e:
            self.controls.refuse_background(before, str(e), time.monotonic())

    def _change_matte(self) -> None:
        settings, pipe = self.controls.settings, self.pipeline
        pipe.smoothing, pipe.edge, pipe.feather = settings.smoothing, settings.edge, settings.feather

    def _snapshot(self) -> None:
        """The picture that goes out now, under a name that is not taken."""
        if self._now_out is None:
            return
        try:
            path = save_snapshot(self._now_out, Path(), datetime.now())
            self.console.print(f"saved {path.resolve()}")
            self.controls.say(f"saved {path}", time.monotonic())
        except OutputError as e:
            self.controls.say(str(e), time.monotonic())

    def _record(self) -> None:
        """Start or stop a recording, as the key has set; a refused or failed one ends in the window's message."""
        try:
            if self.controls.settings.recording:
                start = time.monotonic() if self.source.live else 0.0  # where there is no frame yet
                moment = self._composite.time if self._composite else start
                self.console.print(f"recording {self._recorder.start(moment)}")
                if self._composite is None and self._first is not None and self._now_out is not None:  # a stall
                    self._recorder.write(self._now_out, moment)
            else:
                self._stop_recording()
        except RtsegError as e:
            self._recording_failed(e)

    def _recording_failed(self, e: RtsegError) -> None:
        self.console.print(str(e))
        self.controls.stop_recording(str(e), time.monotonic())

    def _stop_recording(self) -> None:
        was_on, path = self._recorder.on, self._recorder.stop()
        if was_on:
            self.console.print(f"wrote {path.resolve()}" if path else "recorded nothing: there was no frame")

    def summary(self, out: Path | None) -> str:
        """The last lines, see `Journal.summary`. Raises OutputError when there was no frame at all."""
        if not self.frames and not self.quit:
            raise OutputError(f"{self.source.name} gave no frame that could be shown; nothing was written")
        return self._journal.summary(out, cut_short=self.quit)

    @property
    def frames(self) -> int:
        """How many were shown or written."""
        return self._journal.frames
