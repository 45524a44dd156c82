"""How steady mattes are over time: dtSSD, edge flicker, IoU and boundary IoU on clips with masks, beside MediaPipe.

python benchmarks/flicker.py --clip my/clip --people my/val.csv --backgrounds my/rooms --peer-python mp/bin/python

Clips are given (--clip: a folder with frames/ or images/, and masks/) or made from stills (see keyed_clips.py). Four
contenders: our model with the alpha before, the same on each frame by itself, MediaPipe's selfie segmenter general
and landscape. MediaPipe wants an environment of its own: `python -m venv mp; mp/bin/pip install mediapipe==0.10.21`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from keyed_clips import key_clips
from rich import box
from rich.console import Console
from rich.table import Table

from rtseg.commands.bench import PACKAGES, surroundings
from rtseg.errors import DataError, RtsegError
from rtseg.files import write_json
from rtseg.formats import VIDEOS
from rtseg.models.model import Model, find_model
from rtseg.options.values import parse_size
from rtseg_train.clips import Clip, find_clips, score_clip
from rtseg_train.evaluate import Predictor, load_predictor
from rtseg_train.metrics import summary

OURS, SINGLE = "rtseg", "rtseg single-frame"
PEERS = {"general": "MediaPipe general", "landscape": "MediaPipe landscape"}
FIGURES = {"iou": "IoU", "boundary_iou": "bIoU", "dtssd": "dtSSD", "flicker": "flicker %"}
LESS_IS_BETTER = ("dtssd", "flicker")
Figures = dict[str, float]


def figures_of(predict: Predictor, clip: Clip) -> Figures:
    """The clip's means; raises DataError when nothing of the clip could be scored."""
    row = summary(score_clip(predict, clip)).get(clip.name, {})
    if not row.keys() >= FIGURES.keys():
        raise DataError(f"{clip.name} has no two labelled frames in a row with somebody in them")
    return {name: row[name] for name in ("pictures", *FIGURES)}


def from_files(paths: Iterable[Path]) -> Predictor:
    """A predictor that gives saved alphas, one for each frame in order."""
    alphas = iter(sorted(paths))
    return lambda frame_bgr: np.load(next(alphas)).astype(np.float32)


def run_peer(python: Path, clips: list[Clip], out: Path) -> dict[str, str]:
    """Let MediaPipe write its alphas of all clips to `out`; returns its versions. Raises DataError."""
    script = Path(__file__).with_name("mediapipe_alphas.py")
    command = [str(python), str(script), str(out), *(str(clip.frames[0].parent.resolve()) for clip in clips)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except OSError as e:
        raise DataError(f"--peer-python {python} can't be started: {e}") from e
    except subprocess.CalledProcessError as e:
        last = (e.stderr.strip() or "no message").splitlines()[-1]
        raise DataError(f"--peer-python {python}: {last}; it needs mediapipe==0.10.21") from e
    versions: dict[str, str] = json.loads((out / "versions.json").read_text())
    return versions


def measure(model: Path, clips: list[Clip], peer: Path | None) -> dict[str, dict[str, Figures]]:
    """Figures by clip and contender; `peer` holds what `run_peer` wrote."""
    results: dict[str, dict[str, Figures]] = {}
    for number, clip in enumerate(clips):
        contenders: dict[str, Callable[[], Predictor]] = {
            OURS: lambda: load_predictor(model, None, "cpu", keep_state=True),
            SINGLE: lambda: load_predictor(model, None, "cpu"),
        }
        rows = {name: figures_of(make(), clip) for name, make in contenders.items()}
        if peer:
            for folder, name in PEERS.items():
                rows[name] = figures_of(from_files((peer / str(number) / folder).iterdir()), clip)
        results[clip.name] = rows
    return results


def ratio(rows: dict[str, Figures]) -> Figures:
    """Ours against the best of all others, figure by figure."""
    others = [row for name, row in rows.items() if name != OURS]
    best = {f: (min if f in LESS_IS_BETTER else max)(row[f] for row in others) for f in FIGURES}
    return {f: rows[OURS][f] / best[f] if best[f] else float("nan") for f in FIGURES}


def show(results: dict[str, dict[str, Figures]], console: Console) -> None:
    """A table, and below each clip ours as a multiple of the best other: below 1 is better for the last two."""
    table = Table("clip", "contender", "frames", *FIGURES.values(), box=box.SIMPLE_HEAD, padding=0)
    for column in table.columns:
        column.justify, column.no_wrap = ("right" if column.header in ("frames", *FIGURES.values()) else "left"), True
    for clip, rows in results.items():
        for number, (name, row) in enumerate(rows.items()):
            cells = [f"{row['pictures']:.0f}", *(f"{row[f]:.2f}" for f in FIGURES)]
            table.add_row("" if number else clip, name, *cells)
        table.add_row("", "ours / best other", "", *(f"{v:.3f}" for v in ratio(rows).values()), style="bold")
        table.add_section()
    console.print(table)


def report(options: argparse.Namespace, results: dict[str, dict[str, Figures]], peer: dict[str, str]) -> dict[str, Any]:
    """For --json: figures, ratios, model, machine and versions."""
    info = Model(options.model, provider="cpu").info
    return {
        "model": {"name": info.name, "version": info.version, "precision": info.precision, "area": info.area},
        **surroundings(PACKAGES),
        "peer": peer,
        "keyed": {"clips": options.keyed, "frames": options.frames, "size": options.size, "seed": options.seed},
        "results": [{"clip": clip, "contenders": rows, "ratio": finite(ratio(rows))} for clip, rows in results.items()],
    }


def finite(row: Figures) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: value if np.isfinite(value) else None for name, value in row.items()}


def gather(options: argparse.Namespace, folder: Path) -> list[Clip]:
    """The given clips, and the keyed ones, made in `folder`."""
    clips = [clip for path in options.clip for clip in find_clips(path)]
    if videos := [clip.name for clip in clips if clip.frames[0].suffix.lower() in VIDEOS]:
        raise DataError(f"{', '.join(videos)}: a video file; MediaPipe reads pictures, give a folder with frames/")
    if options.people and options.backgrounds:
        args = (options.people, options.backgrounds, options.keyed, options.frames, parse_size(options.size), folder)
        clips += [clip for path in key_clips(*args, seed=options.seed) for clip in find_clips(path)]
    if len({clip.name for clip in clips}) < len(clips):
        raise DataError(f"two clips have one name: {', '.join(clip.name for clip in clips)}")
    if not clips:
        raise DataError("there is no clip; give --clip, or --people and --backgrounds to make some")
    return clips


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clip", type=Path, action="append", default=[], help="folder of frames and masks; repeatable")
    parser.add_argument("--people", type=Path, help="CSV list of labelled pictures whose people are keyed")
    parser.add_argument("--backgrounds", type=Path, help="folder of rooms they are put in")
    parser.add_argument("--keyed", type=int, default=3, help="clips to key: still, slow, fast, still, ...")
    parser.add_argument("--frames", type=int, default=40, help="frames of a keyed clip")
    parser.add_argument("--size", default="640x360", help="of a keyed clip")
    parser.add_argument("--seed", type=int, default=0, help="chooses people and rooms")
    parser.add_argument("--keep", type=Path, help="leave the keyed clips in this folder")
    parser.add_argument("--model", default="balanced", help="a model that ships or an .onnx file")
    parser.add_argument("--peer-python", type=Path, help="interpreter with mediapipe 0.10.21")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        clips = gather(options, options.keep or Path(scratch, "keyed"))
        peer, versions = None, {}
        if options.peer_python:
            peer = Path(scratch, "peer")
            versions = run_peer(options.peer_python, clips, peer)
        else:
            console.print("no --peer-python: MediaPipe's rows are left out")
        results = measure(find_model(options.model), clips, peer)
    show(results, console)
    if options.json:
        write_json(options.json, report(options, results, versions))


if __name__ == "__main__":
    try:
        main()
    except RtsegError as e:
        sys.exit(str(e))
