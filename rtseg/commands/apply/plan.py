"""What `rtseg apply` makes of what: one job for a file or raw frames, many for a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtseg.errors import OutputError, SourceError
from rtseg.files import STDIO, check_target
from rtseg.formats import JPEG, READ, WRITTEN_PICTURES, WRITTEN_VIDEOS
from rtseg.inputs import Input, refuse_inputs
from rtseg.messages import as_address, without_any
from rtseg.sinks.encoders import TRANSPARENT, Pixels
from rtseg.sinks.sequence import check_folder
from rtseg.sources.kinds import likely_kind
from rtseg.sources.usable import is_usable, pictures_and_videos

PIXELS: dict[str, Pixels] = {
    "composite": "bgr24",
    "alpha": "gray",
    "cutout": "bgra",
}  # what --emit means, in FFmpeg's words
FEW = 8  # names in one line


@dataclass(frozen=True)
class Job:
    """One file in, one file out. The target can be a folder for a picture of each frame, either can be STDIO."""

    source: Path
    target: Path
    video: bool  # frames that belong together, from a video or raw
    sequence: bool = False

    @property
    def title(self) -> str:
        """The target in words."""
        if self.target == STDIO:
            return "raw frames to standard output"
        return f"{self.target}{os.sep if self.sequence else ''}"


def plan(
    sources: Path | Sequence[Path], out: str | Path, emit: str, *, raw: bool = False, reads: Iterable[Input] = ()
) -> list[Job]:
    """Raises SourceError or OutputError before anything is written.

    Args:
        sources: a picture, a video, a folder of them, or several; for `raw` a file or STDIO.
        out: a file, a folder for a folder or for several, STDIO; a folder with a slash at its end for a picture of
            each frame of a video; one that is there, or for a picture has the slash, to put the file in under the
            source's name.
        emit: a key of PIXELS.
        raw: whether the source holds raw frames.
        reads: what is read besides, as the background; nothing is written over that, nor over a source.
    """
    if not str(out).strip():
        raise OutputError("--out is empty; give a file or folder name")
    folder = str(out).endswith(("/", os.sep))
    out = Path(out)
    if emit not in PIXELS:
        raise OutputError(f"unknown --emit {emit!r}; choose from {', '.join(PIXELS)}")
    sources = [sources] if isinstance(sources, Path) else list(sources)
    if not sources:
        raise SourceError("nothing to process; give a picture, a video or a folder of them")
    for source in sources:
        check_names(source, out)
        check_source(source, raw=raw)
    if len(sources) > 1 and (raw or STDIO in sources or out == STDIO):
        raise SourceError(f"raw frames are those of one video, and {len(sources)} sources were given")
    source = sources[0]
    if len(sources) > 1 or source.is_dir():
        if out == STDIO:
            raise OutputError("--out - takes the frames of one video, not of a folder")
        return plan_several(sources, out, emit, reads, folder=folder)
    video = raw or is_video(source)
    if out == STDIO:
        if not video:
            raise OutputError(f"--out - takes the frames of a video; {source} is a picture")
        return [Job(source, out, video)]
    if video and folder:
        check_folder(out)
        return [Job(source, out, video, sequence=True)]
    if out.is_dir() or folder:
        if raw:
            raise OutputError(f"output {out} is a folder; for a picture of each frame write {out}{os.sep}")
        out = out / target_name(source, emit)
    check_suffix(out, emit, video)
    refuse_inputs([out], [("the source", source), *reads])
    if folder:
        make_folder(out.parent)
    check_target(out)
    return [Job(source, out, video)]


def check_source(source: Path, *, raw: bool) -> None:
    """Raise SourceError for what is no file or folder here."""
    if source == STDIO:
        if not raw:
            raise SourceError("standard input holds raw frames, whose size it can't tell: add --raw WIDTHxHEIGHT")
    elif not source.exists():
        if address := as_address(source):
            raise SourceError(
                f"{address} is an address, and `rtseg apply` takes files: save it first; for a stream "
                "there is `rtseg cam --source URL --out FILE.mp4 --no-window`"
            )
        raise SourceError(
            f"{without_any(str(source))}: no such file or folder; give a picture, a video or a folder of them"
        )


def files_of(source: Path) -> list[Path]:
    """The pictures and videos of a folder; a file is itself. Raises SourceError for a folder that has none."""
    if not source.is_dir():
        return [source]
    files = pictures_and_videos(source)
    if not files:
        raise SourceError(f"{source} has no picture or video in it (looked for {READ})")
    return files


def plan_several(
    sources: Sequence[Path], out: Path, emit: str, reads: Iterable[Input] = (), *, folder: bool = False
) -> list[Job]:
    """A job for each picture and video, of folders and by name; stems are kept, and the target folder is made.

    folder: whether `out` was written with a slash at its end.
    """
    one = len(sources) == 1
    what = f"{sources[0]} is a folder, so --out must be one too" if one else "of several files --out must be a folder"
    files = list(dict.fromkeys(path for source in sources for path in files_of(source)))
    if out.exists() and not out.is_dir():
        raise OutputError(f"{what}; {out} is a file")
    if not out.exists() and not folder and out.suffix.lower() in (*WRITTEN_PICTURES, *WRITTEN_VIDEOS):
        raise OutputError(f"{what}; {out} looks like a file: write --out {out.stem}{os.sep}")
    for source in sources:
        if out.exists() and source.is_dir() and out.samefile(source):
            raise OutputError(
                f"--out {out} is the folder that is read; give another, or its files would be overwritten"
            )
    jobs = [Job(p, out / target_name(p, emit), is_video(p)) for p in files]
    owners: dict[Path, Path] = {}
    for job in jobs:
        if job.target in owners:
            raise OutputError(
                f"{named(owners[job.target], job.source)} would both become {job.target.name}; rename one"
            )
        owners[job.target] = job.source
    refuse_inputs([job.target for job in jobs], [*(("a source", job.source) for job in jobs), *reads])
    make_folder(out)
    return jobs


def make_folder(out: Path) -> None:
    """Make what is not there. Raises OutputError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"--out {out} can't be created: {e.strerror}") from e


def share_of(jobs: Sequence[Job], number: int, shares: int) -> list[Job]:
    """The number-th (from 1) of so many shares of the jobs, in the order of their names.

    Whoever shares the same files gets the same order, so that each is done once, and no share is more than one larger.
    """
    in_order = sorted(jobs, key=lambda job: (job.target.name, str(job.source)))
    return in_order[number - 1 :: shares] if shares > 1 else list(jobs)


def left_out(folder: Path) -> list[str]:
    """Names of what in a folder is neither picture nor video, a few of them; not of hidden files."""
    names = sorted(f"{p.name}{os.sep if p.is_dir() else ''}" for p in folder.iterdir() if p.name[0] != ".")
    others = [name for name in names if not ((folder / name).is_file() and is_usable(folder / name))]
    more = len(others) - FEW
    return [*others[:FEW], *([f"and {more} more"] if more > 0 else [])]


def named(one: Path, other: Path) -> str:
    """Two files: by their names, or with their folders where those differ."""
    return f"{one.name} and {other.name}" if one.parent == other.parent else f"{one} and {other}"


def check_names(source: Path, out: Path) -> None:
    """Raise SourceError or OutputError for a name that no file can have, as one that is too long."""
    for path, kind in ((source, SourceError), (out, OutputError)):
        try:
            path.exists()
        except OSError as e:
            raise kind(f"{path}: {e.strerror or e}; give another name") from e


def is_video(path: Path) -> bool:
    """By its content, or else its name; what is neither a picture's nor a video's is tried as a picture."""
    return likely_kind(path) == "video"


def target_name(source: Path, emit: str) -> str:
    """The stem of the source with the suffix that fits what is made of it."""
    suffix = source.suffix.lower()
    if is_video(source):
        fitting, other = (TRANSPARENT, ".mov") if emit == "cutout" else (WRITTEN_VIDEOS, ".mkv")
        return source.stem + (suffix if suffix in fitting else other)
    return source.stem + (source.suffix if emit == "composite" and suffix in JPEG else ".png")


def check_suffix(out: Path, emit: str, video: bool) -> None:
    """Raise OutputError when the target's name can't hold the result."""
    suffix = out.suffix.lower()
    if video and emit == "cutout" and suffix not in TRANSPARENT:
        kinds = " or ".join(f"{ending} ({codec})" for ending, codec in TRANSPARENT.items())
        raise OutputError(
            f"output {out}: {suffix or 'no suffix'} has no transparency for --emit cutout; "
            f"use {kinds}, or a folder with a {os.sep} at its end for PNG pictures"
        )
    if video and suffix not in WRITTEN_VIDEOS:
        kinds = f"{', '.join(WRITTEN_VIDEOS)}, or in {os.sep} for a folder of PNG pictures"
        raise OutputError(f"output {out}: a video needs a name that ends in {kinds}")
    if not video and suffix not in WRITTEN_PICTURES:
        raise OutputError(f"output {out}: a picture needs a name that ends in {', '.join(WRITTEN_PICTURES)}")
    if not video and emit == "cutout" and suffix not in (".png", ".webp", ".tif", ".tiff"):
        raise OutputError(f"output {out}: {suffix} has no transparency; use .png")
