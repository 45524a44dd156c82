"""What happens to each composite: shown, written, recorded, sent on; and what is asked for meanwhile."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

from rtseg.arrays import U8
from rtseg.errors import OutputError, RtsegError
from rtseg.live.actions import Actions, Present
from rtseg.live.engine import Composite
from rtseg.live.events import Event
from rtseg.live.outlets import Outlets
from rtseg.live.overlay import Shown
from rtseg.live.parts import Parts
from rtseg.live.reconnect import Reconnecting
from rtseg.live.settings import Settings, outgoing
from rtseg.live.status import Status
from rtseg.live.surface import Order, Outcome, Surface
from rtseg.live.switching import Switching
from rtseg.pixels.cache import compiling
from rtseg.progress import progress_bar
from rtseg.sinks.video_file import VideoFile
from rtseg.sinks.virtual import VirtualCamera

STALL = 1.0  # seconds without a new composite after which a live picture is replaced by the background
STALLS = {
    "start": "starting",
    "frame": "no new frame",
    "model": "the model does not answer",
}
COMPILING = "compiling the pixel loops for the first time, which takes some seconds"
PATIENCE, LATE = 10.0, "one moment"  # seconds before it is said that the model does not answer, and until then
TICK = 0.05  # seconds between two looks at what is asked for while no composite comes


class Loop:
    """Takes composites as they come, to the surface and to every output, until the source ends or the user quits.

    Args:
        sink: the file or virtual camera of --out.
        surface: the window or the page; None for neither.
    """

    def __init__(
        self,
        parts: Parts,
        sink: VideoFile | VirtualCamera | None,
        surface: Surface | None,
        console: Console,
    ) -> None:
        self.source, self.pipeline, self.engine = parts.source, parts.pipeline, parts.engine
        self.controls, self.surface, self.console = parts.controls, surface, console
        self._status = Status(parts, self._say)
        size, fps = (self.source.width, self.source.height), self.source.fps
        self._outlets = Outlets(sink, size, fps, console.print, self._lost)
        self._actions = Actions(parts, self._outlets, self._say, self._blank)
        self.quit = False  # by the user
        self.interrupted: KeyboardInterrupt | None = None  # by a signal
        self._first: float | None = None  # time of the first frame, shown at `_shown`
        self._shown = 0.0
        self._now_out: U8 | None = None  # what the outputs got last
        self._composite: Composite | None = None

    def run(self) -> None:
        """Raises what the source, an output or the provider raised."""
        with ExitStack() as stack:
            stack.callback(self._outlets.close)
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
        return progress_bar(self.console, disable=bool(self.surface) or not self._outlets.sink or endless)

    def _run(self, progress: Progress, task: TaskID) -> None:
        last = time.monotonic()
        while not self.engine.ended:
            composite = self.engine.get(timeout=TICK)
            now = time.monotonic()
            self._status.report()
            self._actions.settle_source()
            if composite is None:
                if not self._orders():
                    return
                if now - last > STALL:
                    self._stalled(now, now - last)
                continue
            last = now
            if not self._output(composite):
                return
            progress.update(task, completed=self.frames)
        if self.surface and not self.source.live and self._composite:
            self._wait_for(self._composite.time + self._composite.lasts)  # a slide may be shown for long

    def _output(self, composite: Composite) -> bool:
        """Write and show one composite; False when the user quits."""
        if self._first is None:
            self._first, self._shown = composite.time, time.monotonic()
            if self.surface and self.surface.hint:
                self.controls.say(self.surface.hint, self._shown)
        self._composite = composite
        self._now_out = self._outgoing(composite)
        self._outlets.send(self._now_out, composite.time, self._first)
        if composite.lasts:
            self._outlets.lasts(composite.time + composite.lasts - self._first)
        if self.surface and not self.source.live and not self._wait_for(composite.time):
            return False
        self._status.shown(composite)
        self._draw(self._status.line(composite))
        return self._orders()

    def _outgoing(self, composite: Composite) -> U8:
        """What every output gets of it: the composite, the background, or the frame, as the settings say."""
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
            if not self._orders():
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
            self._status.say(status)
        if self.engine.waits_for == "model" and not late:  # the notices of sources are printed as they come
            self._status.say(status)
        self._blank(self._status.notice or (LATE if late else status))
        if self._now_out is not None and self._first is not None and now - self._outlets.sent >= STALL:
            self._outlets.send(self._now_out, now, self._first)

    def _blank(self, status: str) -> None:
        """Nothing but the background, on the surface and for who reads a virtual camera."""
        self._composite = None
        self._now_out = self.pipeline.hidden(self.source.width, self.source.height, None if self.source.live else 0.0)
        self._outlets.hide(self._now_out)
        self._draw(status)

    def _draw(self, status: str) -> None:
        if self.surface is None or self._now_out is None:
            return
        shown = Shown(self._now_out, status=status, message=self.controls.message(time.monotonic()))
        if (made := self._composite) is not None:
            shown = replace(shown, frame_bgr=made.frame_bgr, alpha=made.alpha, timings=made.timings)
        self.surface.show(shown, self.controls.settings, self._status.news(shown, made, self._outlets))

    def _sleep_unless_wanted(self) -> None:
        """Release the camera while nobody reads the virtual one and there is nothing else to run it for."""
        if not isinstance(self.source, Reconnecting | Switching):
            return
        camera = self._outlets.virtual
        others = isinstance(self._outlets.sink, VideoFile) or self._outlets.recorded
        watched = (self.surface is not None and self.surface.watched) or others
        self.source.wanted(bool(watched) or camera is None or camera.wanted())

    def _orders(self) -> bool:
        """Do what is asked for; False when the user quits."""
        self._sleep_unless_wanted()
        for order in self.surface.orders() if self.surface else ():
            self._obey(order)
        return not self.quit

    def _obey(self, order: Order) -> None:
        """Change what an order changes, and tell it what came of that."""
        before, now = self.controls.settings, time.monotonic()
        said, errors = list[str | None](), list[str]()
        try:
            for event in order.act(self.controls, now):
                try:
                    said.append(self._do(event, before))
                except RtsegError as e:
                    errors.append(str(e))
        except RtsegError as e:
            errors.append(str(e))
        if errors:
            self.controls.say(errors[0], now)
        outcome = Outcome("; ".join(errors) or None, "; ".join(filter(None, said)) or None)
        settings = self.controls.settings
        self.engine.want_alpha = settings.view == "mask"
        if settings != before and self._composite:  # at once, not with the next frame: it may hide the room
            self._now_out = self._outgoing(self._composite)
            self._outlets.hide(self._now_out)
            self._draw(self._status.line(self._composite))
        order.answer(outcome)

    def _do(self, event: Event, before: Settings) -> str | None:
        self.quit = self.quit or event is Event.QUIT
        moment = self._composite.time if self._composite else None
        return self._actions.do(event, before, Present(self._now_out, moment, self._first is not None))

    def _lost(self, what: str, why: str) -> None:
        self._actions.lost(what, why)

    def _say(self, text: str) -> None:
        self.console.print(text)
        if self.surface:
            self.surface.tell(text)

    def summary(self, out: Path | None) -> str:
        """The last lines, see `Status.summary`. Raises OutputError when there was no frame at all."""
        if not self.frames and not self.quit:
            raise OutputError(f"{self.source.name} gave no frame that could be shown; nothing was written")
        return self._status.summary(out, cut_short=self.quit)

    @property
    def frames(self) -> int:
        """How many were shown or written."""
        return self._status.frames
