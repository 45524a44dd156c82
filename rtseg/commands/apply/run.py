"""`rtseg apply photos/ --out cut/ --emit alpha`: pictures, videos or raw frames, composited or cut out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import IntEnum
from pathlib import Path

import cv2
from rich.console import Console

from rtseg.commands.apply.plan import PIXELS, Job, left_out, plan, share_of
from rtseg.commands.apply.side_by_side import Outcome, outcomes
from rtseg.emitted import BLACK, render
from rtseg.errors import SourceError
from rtseg.files import STDIO, write_json
from rtseg.frames import Sink
from rtseg.inputs import refuse_inputs, refuse_own_room
from rtseg.messages import amount
from rtseg.pipeline import Pipeline
from rtseg.pixels.edge import is_somebody
from rtseg.progress import progress_bar
from rtseg.sinks.raw import RawOutput
from rtseg.sinks.sequence import PictureSequence, write_picture
from rtseg.sinks.video_file import VideoFile, together
from rtseg.sources.pictures import read_layers
from rtseg.sources.plain_name import plain_name
from rtseg.sources.raw import RawFrames
from rtseg.sources.video import Video
from rtseg.still import check_picture, render_still
from rtseg.stopping import finishing

RAW_FPS = 30.0  # frames a second of raw frames where nobody says it, as FFmpeg has 25
Progressed = Callable[[int, int | None], None]  # done, total


def run(
    sources: Path | Sequence[Path],
    out: str | Path,
    pipeline: Pipeline,
    emit: str,
    console: Console,
    *,
    raw: tuple[int, int] | None = None,
    fps: float | None = None,
    share: tuple[int, int] = (1, 1),
    more: Sequence[Pipeline] = (),
    json_file: Path | None = None,
) -> None:
    """Process a picture, a video, raw frames, all of a folder, or several. See `plan.plan` for what `out` can be.

    For cut-outs the pipelines' background becomes black.

    Args:
        raw: (width, height) of raw BGR frames in the source, which may be STDIO.
        fps: of raw frames; 30 without it.
        share: (2, 8) for the second of eight shares of the files, see `plan.share_of`.
        more: pipelines like the first, to do as many more pictures at the same time.
        json_file: where to write which file became what, and which failed.

    Raises RtsegError; for a folder only after all that can be done is done, naming what failed.
    """
    if fps and not raw:
        raise SourceError("--fps is for raw frames (--raw); a video keeps its own times")
    planned = plan(sources, out, emit, raw=raw is not None, reads=pipeline.reads)
    refuse_inputs([json_file], [*(("a source", job.source) for job in planned), *pipeline.reads])
    jobs = share_of(planned, *share)
    pipelines = [pipeline, *more]
    if emit == "cutout":
        for one in pipelines:
            one.change(BLACK)
    results: list[Outcome] = []
    for source in [sources] if isinstance(sources, Path) else sources:
        if share[0] == 1 and source.is_dir() and (others := left_out(source)):
            console.print(f"note: neither pictures nor videos, left out: {', '.join(others)}")
    with progress_bar(console) as progress:
        whole = progress.add_task("files", total=len(jobs), visible=len(jobs) > 1)
        part = progress.add_task("frames", total=None, visible=False)

        def progressed(done: int, total: int | None) -> None:
            progress.update(part, completed=done, total=total, visible=True)

        for result in outcomes(jobs, lambda j, p: process(j, p, emit, progressed, raw, fps or RAW_FPS), pipelines):
            results.append(result)
            if result[1]:
                console.print(f"note: {result[1]}")
            progress.advance(whole)
    for remark in dict.fromkeys(r for p in pipelines for r in (p.remark, p.background.remark) if r):
        console.print(f"note: {remark}")
    for one in pipelines:
        one.close()
    conclude(results, planned, out, console, json_file)


def conclude(
    results: Sequence[Outcome], planned: Sequence[Job], out: str | Path, console: Console, json_file: Path | None
) -> None:
    """Say what was written, and raise what went wrong. planned: all files, of which this run may have had a share."""
    rows = [
        {"source": str(job.source), "target": str(job.target), "remark": remark, "error": e and str(e)}
        for job, remark, e in results
    ]
    if json_file:
        write_json(json_file, {"files": rows, "failed": sum(row["error"] is not None for row in rows)})
    failed = [(job, e) for job, _, e in results if e]
    if len(planned) == 1 and failed:
        raise failed[0][1]
    done = len(results) - len(failed)
    files = f"{amount(done, 'file') if len(results) == len(planned) else f'{done} of {len(planned)} files'} to {out}"
    console.print(f"wrote {files if len(planned) > 1 or not results else results[0][0].title}")
    if failed:
        lines = (str(e) if job.source.name in str(e) else f"{job.source}: {e}" for job, e in failed)
        raise SourceError(f"{len(failed)} of {len(results)} files failed:\n  " + "\n  ".join(lines))


def process(
    job: Job, pipeline: Pipeline, emit: str, progressed: Progressed, raw: tuple[int, int] | None, fps: float
) -> str | None:
    """Do one job; a remark on its source or None. Raises RtsegError and leaves nothing half-written."""
    refuse_own_room(pipeline.reads, job.source)
    if not job.video:
        frame_bgr, opacity = read_layers(job.source, SourceError)
        check_picture(job.source.name, frame_bgr)
        write_picture(job.target, render_still(pipeline, frame_bgr, emit, opacity))
        found = found_in(pipeline)
        return together(first_only(job.source), nobody_in(job.source.name, found, pipeline.specks))
    pipeline.reset()
    pipeline.area = pipeline.model.info.area
    source = RawFrames(job.source, size=raw, fps=fps) if raw else open_video(job.source)
    with source:
        return process_video(job, source, pipeline, emit, progressed)


class Found(IntEnum):
    """What of a person is in what was made of a frame; the most of all frames counts."""

    NOBODY = 0
    SPECKS = 1  # only pieces that are left out
    SOMEBODY = 2


def found_in(pipeline: Pipeline) -> Found:
    """Of the last frame. Pieces that are each smaller than `specks` may together be larger: people far away."""
    if not is_somebody(pipeline.share, pipeline.specks):
        return Found.NOBODY
    if is_somebody(float(pipeline.alpha.mean()), 0):
        return Found.SOMEBODY
    return Found.SPECKS if pipeline.specks else Found.NOBODY


def nobody_in(name: str, found: Found, specks: float) -> str | None:
    """A remark on a source in which no person was found, or None: its output is the background, or empty."""
    if found is Found.SPECKS:
        return f"in {name} only pieces smaller than {specks:g} % of the picture were found; --specks 0 keeps them"
    if found is Found.NOBODY:
        return f"nobody was found in {name}; is it dark, or on its side? People must be upright"
    return None


def first_only(path: Path) -> str | None:
    """A remark on a picture file that holds several, as animated ones do, or None."""
    with plain_name(path) as name:
        count = cv2.imcount(name)
    if count < 2:
        return None
    return f"{path.name} holds {count} pictures, of which the first was taken; save it as GIF or video to get them all"


def process_video(
    job: Job, source: Video | RawFrames, pipeline: Pipeline, emit: str, progressed: Progressed
) -> str | None:
    """Every frame, with its own time, and the sound. What came through a pipe is kept when it breaks off."""
    broken: SourceError | KeyboardInterrupt | None = None
    closed, found = None, Found.NOBODY
    with ExitStack() as stack:
        if isinstance(source, RawFrames) or job.sequence:  # what else is half-written is removed on the spot
            stack.enter_context(finishing())
        sink = stack.enter_context(open_sink(job, source, emit))
        if isinstance(sink, VideoFile) and isinstance(source, Video):
            source.forward_others(sink.copy)
        try:
            for frame in source:
                sink.write(render(pipeline, frame.image, emit, frame.time, frame.opacity), frame.time)
                found = found if found is Found.SOMEBODY else max(found, found_in(pipeline))
                if isinstance(sink, VideoFile) and frame.lasts:
                    sink.until = frame.time + frame.lasts
                progressed(sink.frames, source.count)
        except BrokenPipeError:
            closed = f"the reader closed standard output after {amount(sink.frames, 'frame')}"
        except (SourceError, KeyboardInterrupt) as e:
            if not isinstance(source, RawFrames):
                raise
            broken = e
            if sink.frames:
                e.add_note(f"{job.title} has what came until then: {amount(sink.frames, 'frame')}")
    if broken:
        raise broken
    return together(source.remark, closed, sink.remark, nobody_in(source.name, found, pipeline.specks))


def open_video(path: Path) -> Video:
    """A video file, or a named pipe once somebody writes to it. Raises SourceError."""
    return Video(str(path), name=path.name, pipe=path.is_fifo())


def open_sink(job: Job, source: Video | RawFrames, emit: str) -> Sink:
    """Where the frames of a video go. Raises OutputError."""
    if job.target == STDIO:
        return RawOutput()
    raw = isinstance(source, RawFrames)
    if job.sequence:
        return PictureSequence(job.target, fps=source.fps, live=raw)
    size, sound = (source.width, source.height), None if isinstance(source, RawFrames) else source
    return VideoFile(job.target, size=size, fps=source.fps, sound=sound, pixels=PIXELS[emit], live=raw)
