"""`rtseg cam --bg beach.jpg`: camera, file or stream in; window, file or both out."""

from __future__ import annotations

import re
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

from rtseg.engine import Composite, Engine
from rtseg.errors import OutputError, SourceError
from rtseg.frames import Source
from rtseg.pipeline import Pipeline
from rtseg.progress import progress_bar
from rtseg.sinks import VideoFile, check_target
from rtseg.sources import default_camera, open_source
from rtseg.window import Window, display_problem

STALL = 1.0  # seconds without a new composite after which a live picture is replaced by the background


@dataclass(frozen=True)
class CamOptions:
    """What `rtseg cam` was asked for."""

    background: str | None = None
    blur: float | None = None
    source: str | None = None
    out: Path | None = None
    window: bool = True
    model: str = "balanced"
    provider: str = "auto"
    threads: int | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None
    mirror: bool = False


def parse_size(text: str) -> tuple[int, int]:
    """`1280x720` as (1280, 720); raises SourceError for anything else."""
    match = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if not match:
        raise SourceError(f"size {text!r} is not WIDTHxHEIGHT, for example 1280x720")
    return int(match[1]), int(match[2])


def run(options: CamOptions, console: Console) -> None:
    """Run until the source ends or the user quits. Raises RtsegError."""
    pipeline = Pipeline(
        background=options.background,
        blur=options.blur,
        model=options.model,
        provider=options.provider,
        threads=options.threads,
    )
    problem = display_problem() if options.window else "--no-window"
    with ExitStack() as stack:
        source = stack.enter_context(choose_source(options, console))
        out = options.out
        if problem and out is None:
            out = Path(f"rtseg-{stem(source)}.mp4")
        if out:
            check_target(out, options.source)
        describe(source, pipeline, out, problem, options, console)
        fps = min(source.fps, options.fps or source.fps) if source.live else source.fps
        size = (source.width, source.height)
        sink = stack.enter_context(VideoFile(out, size=size, fps=fps)) if out else None
        window = None
        if not problem:
            window = stack.enter_context(Window(*size, mirror=options.mirror))
        engine = Engine(source, pipeline)
        stack.callback(engine.stop)
        loop = Loop(source, pipeline, engine, sink, window, options.fps if source.live else None)
        broken: SourceError | None = None
        try:
            loop.run(console)
        except SourceError as e:
            if not source.live:
                raise
            broken = e  # what was recorded of a camera can't be recorded again: keep it
    if source.remark:
        console.print(f"note: {source.remark}")
    if broken and not loop.frames:
        raise broken
    console.print(loop.summary(out))
    if broken:
        raise broken


def choose_source(options: CamOptions, console: Console) -> Source:
    """The source asked for; without one the first camera, and without any camera the demo clip."""
    if options.source is not None:
        source = open_source(options.source, size=options.size, fps=options.fps)
    elif (camera := default_camera()) is not None:
        source = open_source(camera, size=options.size, fps=options.fps)
    else:
        console.print("no camera found: playing the bundled demo clip (choose another with --source)")
        source = open_source("demo")
    if not source.live and (options.size or options.fps):
        console.print(f"note: --size and --fps are for cameras; {source.name} stays as it is")
    return source


def stem(source: Source) -> str:
    """A short word for file names: demo, camera, or the file's own."""
    if source.live:
        return "live"
    return re.sub(r"[^\w-]+", "-", Path(source.name).stem).strip("-") or "video"


def describe(
    source: Source, pipeline: Pipeline, out: Path | None, problem: str | None, options: CamOptions, console: Console
) -> None:
    """One line each: what comes in, what computes, where it goes."""
    report = getattr(source, "report", None)
    console.print(report or f"source: {source.name}, {source.width}x{source.height} at {source.fps:.4g} fps")
    model = pipeline.model
    line = f"model: {model.info.name} {model.info.version} {model.info.precision}, on {model.provider.upper()}"
    if model.provider == "cpu":
        line += f", {model.threads} thread{'s' * (model.threads > 1)}"
        if model.fallback_reason:
            line += f" (no CUDA: {model.fallback_reason})"
    console.print(line, highlight=False)
    if problem and options.window:
        console.print(f"no window: {problem}")
    if out:
        until = ", until you press Ctrl-C" if source.live and problem else ""
        console.print(f"writing {out}{until}")


class Loop:
    """Takes composites as they come and shows and writes them, at most `fps` a second."""

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        engine: Engine,
        sink: VideoFile | None,
        window: Window | None,
        fps: float | None,
    ) -> None:
        self.source, self.engine, self.sink, self.window = source, engine, sink, window
        self.hidden = pipeline.hidden(source.width, source.height)
        self.interval = 1 / fps if fps else 0.0
        self.frames = 0
        self.started = time.monotonic()
        self._first: float | None = None  # time of the first frame, shown at `_shown`
        self._shown = 0.0
        self._recent: deque[float] = deque(maxlen=30)
        self._latencies: deque[float] = deque(maxlen=3000)
        self._complained = False

    def run(self, console: Console) -> None:
        with progress_bar(console, disable=self.window is not None or not self.sink) as progress:
            task = progress.add_task("compositing", total=self.source.count)
            self._show(self.hidden, "starting")
            try:
                self._run(console, progress, task)
            except KeyboardInterrupt:
                console.print("stopped")

    def _run(self, console: Console, progress: Progress, task: TaskID) -> None:
        last = time.monotonic()
        while not self.engine.ended:
            composite = self.engine.get(timeout=0.05)
            now = time.monotonic()
            if composite is None:
                stalled = self.source.live and now - last > STALL
                if not (self._show(self.hidden, "no new frame") if stalled else self._poll()):
                    return
                continue
            if now - last < self.interval:
                time.sleep(self.interval - (now - last))
            last = time.monotonic()
            if self.engine.model_error and not self._complained:
                console.print(f"showing the background only: {self.engine.model_error}")
                self._complained = True
            if not self._output(composite):
                return
            progress.update(task, completed=self.frames)

    def _output(self, composite: Composite) -> bool:
        """Write and show one composite; False when the user quits."""
        if self._first is None:
            self._first, self._shown = composite.time, time.monotonic()
        if self.sink:
            self.sink.write(composite.image, composite.time - self._first)
        if self.window and not self.source.live:  # files play at their own speed
            wait = self._shown + composite.time - self._first - time.monotonic()
            if wait < 0:
                self._shown -= wait
            elif not self._wait(wait):
                return False
        self.frames += 1
        now = time.monotonic()
        self._recent.append(now)
        self._latencies.append(now - composite.captured)
        return self._show(composite.image, self._overlay(composite))

    def _overlay(self, composite: Composite) -> str:
        spent = self._recent[-1] - self._recent[0]
        fps = (len(self._recent) - 1) / spent if spent > 0 else 0.0
        text = f"{fps:.1f} fps"
        if self.source.live:
            text += f"  {self._latencies[-1] * 1e3:.0f} ms"
        return text + ("  background only" if composite.hidden else "") + "  q quits"

    def _wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self._poll():
                return False
            time.sleep(min(left, 0.01))
        return True

    def _show(self, image: object, overlay: str) -> bool:
        return self.window.show(image, overlay) if self.window else True  # type: ignore[arg-type]

    def _poll(self) -> bool:
        return self.window.poll() if self.window else True

    def summary(self, out: Path | None) -> str:
        """The last line: frames, speed, latency, and where the file is."""
        spent = max(1e-6, time.monotonic() - self.started)
        line = f"{self.frames} frames in {spent:.1f} s ({self.frames / spent:.1f} fps)"
        if self.source.live and self._latencies:
            ordered = sorted(self._latencies)
            middle, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
            line += f", latency {middle * 1e3:.0f} ms (p95 {high * 1e3:.0f} ms)"
        if out and self.frames:
            line += f"\nwrote {out.resolve()}"
        if not self.frames:
            raise OutputError(f"{self.source.name} gave no frame that could be shown; nothing was written")
        return line
