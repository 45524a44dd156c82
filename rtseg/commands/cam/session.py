"""`rtseg cam --bg beach.jpg`: camera, file or stream in; window, file or both out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import fields
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, whose libxcb Qt would take for its own and wait for ever
from rich.console import Console

from rtseg.backgrounds.background import HIDING_BLUR
from rtseg.commands.cam.options import CamOptions
from rtseg.commands.cam.sources import choose_source
from rtseg.errors import OutputError, SourceError
from rtseg.files import check_target, free_names
from rtseg.frames import Source
from rtseg.inputs import Input, refuse_inputs, refuse_own_room, source_inputs
from rtseg.live.controls import Controls
from rtseg.live.engine import Engine
from rtseg.live.keys import FEW_KEYS, KEYS
from rtseg.live.loop import Loop
from rtseg.live.parts import Parts
from rtseg.live.settings import Settings
from rtseg.live.steps import choices
from rtseg.live.surface import InWindow, Surface
from rtseg.models.model import AUTO
from rtseg.models.providers import has_gpu
from rtseg.options.call import Call
from rtseg.pipeline import Pipeline
from rtseg.sinks.encoders import container_format
from rtseg.sinks.video_file import VideoFile
from rtseg.sinks.virtual import VirtualCamera, parse_virtual
from rtseg.sinks.window import Window, display_problem
from rtseg.stopping import finishing

Page = Callable[[Controls, Pipeline], AbstractContextManager[Surface]]  # opens the control page


def run(options: CamOptions, call: Call, console: Console, page: Page | None = None) -> Call:
    """Run until the source ends or the user quits; the call with what has been changed on the way. Raises RtsegError.

    page: opens what is in the window's place.
    """
    if options.out is not None and not options.out.strip():
        raise OutputError("--out is empty; give a file name, or virtual for a camera")
    pipeline = options.pipeline()
    pipeline.smoothing, pipeline.save_power = options.smoothing, options.save_power
    controls = Controls(settings_of(options), choices(options.background), call)
    problem = None if page else display_problem() if options.window else "--no-window"
    with ExitStack() as stack:
        stack.callback(pipeline.close)
        refuse_own_room(pipeline.reads, options.source)
        source = stack.enter_context(
            choose_source(
                options,
                console,
                watched=not problem or is_virtual(options.out),
                again=not problem and options.out is None,
                page=page is not None,
            )
        )
        out = options.out or (str(next(free_names(Path(f"rtseg-{stem(source)}.mp4")))) if problem else None)
        path = Path(out) if out and not is_virtual(out) else None
        if path:
            check_file(path, [*source_inputs(options.source), *pipeline.reads])
        # What is written of a file should not depend on how busy the machine was: then it is the best.
        auto = options.model == AUTO and (source.live or not out)
        describe(source, pipeline, path, problem, options, console, auto=auto)
        if not problem and not page:
            console.print(KEYS)
        stack.enter_context(finishing())
        sink = open_sink(out, source, options, console) if out else None
        if sink:
            stack.enter_context(sink)
        surface: Surface | None = stack.enter_context(page(controls, pipeline)) if page else None
        if not problem and not page:
            surface = InWindow(stack.enter_context(Window(source.width, source.height)), FEW_KEYS)
        sent = is_virtual(out) or page is not None  # where a virtual camera can be switched on
        engine = Engine(source, pipeline, fps=options.fps, target_fps=options.target_fps, auto=auto, sent=sent)
        stack.callback(engine.stop)
        loop = Loop(Parts(source, pipeline, engine, controls), sink, surface, console)
        broken = play(loop, source)
        if isinstance(sink, VideoFile) and (broken or (loop.quit and not source.live)):
            sink.cut_short()
    conclude(source, loop, sink if isinstance(sink, VideoFile) else None, console, broken)
    if controls.call() != call:
        console.print(f"the same again: {controls.command_line()}")
    if broken:
        raise broken
    return controls.call()


def play(loop: Loop, source: Source) -> SourceError | None:
    """Until it ends. What a live source broke off with is returned: what was recorded can't be recorded again."""
    try:
        loop.run()
    except SourceError as e:
        if not source.live:
            raise
        return e
    return None


def settings_of(options: CamOptions) -> Settings:
    """Where a session starts: what can be changed in it has the name of its option."""
    names = [f.name for f in fields(Settings) if hasattr(options, f.name)]
    return Settings(**{name: getattr(options, name) for name in names})


def check_file(path: Path, reads: Iterable[Input]) -> None:
    """Raise OutputError for what can't be written, or is read: before it is said to be written."""
    check_target(path)
    container_format(path)
    refuse_inputs([path], reads)


def conclude(source: Source, loop: Loop, file: VideoFile | None, console: Console, broken: SourceError | None) -> None:
    """The last lines. Raises what ended it, where there was no frame."""
    for remark in (source.remark, file.remark if file else None):
        if remark:
            console.print(f"note: {remark}")
    if (ended := broken or loop.interrupted) and not loop.frames:
        raise ended
    console.print(loop.summary(file.path if file else None))


def open_sink(out: str, source: Source, options: CamOptions, console: Console) -> VideoFile | VirtualCamera:
    """The file or the virtual camera that --out names; raises OutputError."""
    size = (source.width, source.height)
    fps = min(source.fps, options.fps or source.fps) if source.live else source.fps
    device = parse_virtual(out)
    if device is None:
        return VideoFile(Path(out), size=size, fps=fps, live=source.live, new=options.out is None)
    camera = VirtualCamera(device, size=size, fps=fps)
    console.print(camera.report)
    if camera.remark:
        console.print(f"note: {camera.remark}")
    return camera


def is_virtual(out: str | None) -> bool:
    """Whether --out is a virtual camera rather than a file."""
    return out is not None and parse_virtual(out) is not None


def stem(source: Source) -> str:
    """A short word for file names: demo, camera, or the file's own."""
    if source.live:
        return "live"
    return re.sub(r"[^\w-]+", "-", Path(source.name).stem).strip("-") or "video"


def describe(
    source: Source,
    pipeline: Pipeline,
    out: Path | None,
    problem: str | None,
    options: CamOptions,
    console: Console,
    *,
    auto: bool,
) -> None:
    """One line each: what comes in, what computes, where it goes."""
    report = getattr(source, "report", None)
    console.print(report or f"source: {source.name}, {source.width}x{source.height} at {source.fps:.4g} fps")
    model = pipeline.model
    named = (
        AUTO if auto and model.provider == "cpu" else f"{model.info.name} {model.info.version} {model.info.precision}"
    )
    line = f"model: {named}, on {model.provider.upper()}"
    if model.provider == "cpu":
        line += f", {model.threads} thread{'s' * (model.threads > 1)}"
        if model.fallback_reason and has_gpu():
            line += f" (no CUDA: {model.fallback_reason})"
    console.print(line)
    if pipeline.blur is not None and pipeline.blur < HIDING_BLUR:
        console.print(f"note: blur {pipeline.blur:g} leaves your room recognisable; {HIDING_BLUR:g} and more hides it")
    if problem and options.window:
        console.print(f"no window: {problem}")
    if out:
        until = ", until you press Ctrl-C" if source.live and problem else ""
        console.print(f"writing {out}{until}")
