"""Whole frames against peers: MediaPipe's Python API, and the usual OpenCV calls around our own network.

python benchmarks/peers.py --python mp/bin/python --json benchmarks/peers.json

MediaPipe wants an environment of its own (without --python its rows are left out):

    python3.11 -m venv mp
    mp/bin/pip install mediapipe==0.10.21

Each side is a process held open. They take turns at blocks of the same frames, on the same cores: one core for one
thread. OpenCV gets that many threads on both sides. MediaPipe decides by itself about its own, TFLite's among them; it
has no option for that. Decoding and display are not part of it, opening models and warming up neither.

Ratios are those of medians. Those of CPU time (of all threads of a process) hold on a busy machine as well.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.table import Table

from rtseg.backgrounds.background import load_background
from rtseg.commands.bench import PACKAGES, demo_frames, surroundings
from rtseg.errors import RtsegError
from rtseg.files import write_json
from rtseg.pixels.geometry import cover

SIZES = {"360p": (640, 360), "480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
EFFECTS = ("picture", "blur")
BACKGROUND = "beach.jpg"
CLIP_FRAMES = 12  # different frames of the demo clip, in order, used again and again
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Key = tuple[str, str]  # contender, effect


@dataclass
class Times:
    """Milliseconds of each frame: by the clock, and of CPU."""

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


class Side:
    """A process that runs contenders, a block of frames at a time.

    Raises RtsegError, with the last line of what it said on stderr, when it can't be started or dies.
    """

    def __init__(self, python: str | Path, script: str, threads: int, *arguments: str) -> None:
        self.python = str(python)
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        command = [self.python, str(Path(__file__).with_name(script)), str(threads), *arguments]
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, env=environment
            )
        except OSError as e:
            raise RtsegError(f"{python} can't be started: {e.strerror}") from e
        hello = self._read()
        self.contenders: list[str] = hello["contenders"]
        self.versions: dict[str, str] = hello["versions"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._said.seek(0)
            last = ["it said nothing", *filter(None, map(str.strip, self._said))][-1]
            raise RtsegError(f"{self.python} ended with code {self._process.returncode}: {last}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def block(self, contender: str, clip: Path, background: Path | None, frames: int, into: Times) -> None:
        """Time that many frames of the clip, after a short warm-up."""
        assert self._process.stdin
        request = {"contender": contender, "clip": str(clip), "frames": frames}
        with contextlib.suppress(BrokenPipeError):  # it has died: reading says what of
            self._process.stdin.write(json.dumps({**request, "background": background and str(background)}) + "\n")
            self._process.stdin.flush()
        answer = self._read()
        into.wall_ms += answer["wall_ms"]
        into.cpu_ms += answer["cpu_ms"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self._process.communicate()  # the end of its stdin ends it
        self._said.close()


def measure_size(sides: list[Side], clip: Path, picture: Path, rounds: int, frames: int) -> dict[Key, Times]:
    """Every contender, both effects, a block of `frames` each in each of `rounds`."""
    times: dict[Key, Times] = defaultdict(Times)
    turns = [(side, contender) for side in sides for contender in side.contenders]
    for number in range(rounds + 1):
        for effect in EFFECTS:
            for side, contender in turns:
                # The first round opens models and compiles: it does not count.
                into = times[contender, effect] if number else Times()
                side.block(contender, clip, picture if effect == "picture" else None, frames if number else 1, into)
    return times


def figures(times: dict[Key, Times], models: list[str]) -> list[dict[str, Any]]:
    """Medians, and how many times as long as ours each contender takes."""
    rows = []
    for (contender, effect), spent in times.items():
        row: dict[str, Any] = {"contender": contender, "effect": effect, "frames": len(spent.wall_ms)}
        low, middle, high = np.percentile(spent.wall_ms, (10, 50, 95))
        row |= {"median_ms": middle, "p10_ms": low, "p95_ms": high, "cpu_ms": float(np.median(spent.cpu_ms))}
        for model in models:
            ours = times[f"rtseg {model}", effect]
            row[f"times_{model}"] = middle / np.median(ours.wall_ms)
            row[f"times_{model}_cpu"] = row["cpu_ms"] / np.median(ours.cpu_ms)
        rows.append({k: round(float(v), 4) if isinstance(v, float) else v for k, v in row.items()})
    return rows


def prepare(folder: Path, size: str) -> tuple[Path, Path]:
    """Frames of the demo clip and a picture at that size as .npy files, which all processes map."""
    clip, picture = folder / f"{size}-clip.npy", folder / f"{size}-picture.npy"
    if not clip.exists():
        np.save(clip, np.stack(demo_frames(SIZES[size], CLIP_FRAMES)))
        np.save(picture, cover(load_background(BACKGROUND), *SIZES[size]))
    return clip, picture


def table(rows: list[dict[str, Any]], models: list[str], title: str) -> Table:
    """For the screen, in 80 columns: milliseconds, and multiples of ours by the clock / by CPU time."""
    shown = Table(title=title, box=None, padding=(0, 1, 0, 0))
    shown.add_column("", no_wrap=True)
    for column in ("median", "p95", "CPU", *(f"x {model}" for model in models)):
        shown.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        cells = [f"{row[name]:.1f}" for name in ("median_ms", "p95_ms", "cpu_ms")]
        cells += [f"{row[f'times_{model}']:.1f}/{row[f'times_{model}_cpu']:.1f}" for model in models]
        shown.add_row(row["contender"], *cells)
    return shown


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", type=Path, help="interpreter of an environment with mediapipe 0.10.21")
    parser.add_argument("--sizes", default="480p,720p,1080p,4K", help=f"comma-separated, of {', '.join(SIZES)}")
    parser.add_argument("--threads", default="1,2", help="comma-separated")
    parser.add_argument("--models", default="fast,balanced", help="ours, comma-separated")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contender")
    parser.add_argument("--frames", type=int, default=8, help="frames in a turn")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    if min(chosen.rounds, chosen.frames) < 1:
        parser.error(f"--rounds {chosen.rounds} --frames {chosen.frames}: give at least 1 of each")
    return chosen


def main() -> None:
    chosen = options()
    sizes, models = chosen.sizes.split(","), chosen.models.split(",")
    if unknown := [size for size in sizes if size not in SIZES]:
        raise RtsegError(f"unknown size {unknown[0]!r}; choose from {', '.join(SIZES)}")
    console, results = Console(), []
    versions: dict[str, dict[str, str]] = {}
    load = [os.getloadavg()[0]] if hasattr(os, "getloadavg") else []
    with tempfile.TemporaryDirectory() as folder:
        for threads in map(int, chosen.threads.split(",")):
            with Side(sys.executable, "rtseg_frames.py", threads, *models) as ours:
                if chosen.python:
                    with Side(chosen.python, "mediapipe_frames.py", threads) as peer:
                        results += contest([ours, peer], sizes, threads, chosen, Path(folder), console)
                        versions["peer"] = peer.versions
                else:
                    results += contest([ours], sizes, threads, chosen, Path(folder), console)
                versions["ours"] = ours.versions
    if not chosen.python:
        console.print("no --python: MediaPipe's rows are left out")
    load += [os.getloadavg()[0]] if load else []
    if chosen.json:
        about = {
            **surroundings(PACKAGES),
            "sides": versions,
            "load": load,
            "affinity": hasattr(os, "sched_setaffinity"),
        }
        write_json(chosen.json, {**about, "results": results})


def contest(
    sides: list[Side], sizes: list[str], threads: int, chosen: argparse.Namespace, folder: Path, console: Console
) -> list[dict[str, Any]]:
    """All sizes at one number of threads; prints tables and returns the rows."""
    models, results = chosen.models.split(","), []
    for size in sizes:
        times = measure_size(sides, *prepare(folder, size), chosen.rounds, chosen.frames)
        rows = [{"size": size, "threads": threads} | row for row in figures(times, models)]
        for effect in EFFECTS:
            title = f"{size} {effect}, threads: {threads}; ms per frame, and times ours (clock/CPU)"
            console.print(table([row for row in rows if row["effect"] == effect], models, title))
        results += rows
    return results


if __name__ == "__main__":
    try:
        main()
    except RtsegError as e:
        sys.exit(str(e))
