"""Capture to output in the real loop, and the share of a core that it takes.

python benchmarks/latency.py --json benchmarks/latency.json

A made-up camera gives frames of the demo clip at a steady rate; the Engine that `rtseg cam` runs makes composites of
them; latency is from the moment a frame was there until its composite was got, window and encoder excluded. With load,
as many other processes as there are cores want all of them. CPU time is that of all threads of this process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.table import Table

from rtseg import Pipeline
from rtseg.arrays import U8
from rtseg.commands.bench import EFFECTS, PACKAGES, SIZES, demo_frames, surroundings
from rtseg.errors import RtsegError
from rtseg.files import write_json
from rtseg.frames import Frame
from rtseg.live.engine import Engine

SETTLE = 0.5  # seconds at the start that do not count
QUANTILES = range(0, 101, 5)  # percent, of latency


class SteadyCamera:
    """A live source: the clip's frames, in order, again and again, `fps` times a second for `seconds`."""

    live, name, remark = True, "steady camera", None
    count: int | None = None

    def __init__(self, clip: list[U8], fps: float, seconds: float) -> None:
        self.height, self.width = clip[0].shape[:2]
        self.fps, self.given = fps, 0
        self._clip, self._total = clip, round(fps * seconds)

    def __iter__(self) -> Iterator[Frame]:
        due = time.monotonic()
        for index in range(self._total):
            due = max(due + 1 / self.fps, time.monotonic() - 1 / self.fps)  # a late frame makes no burst
            time.sleep(max(0.0, due - time.monotonic()))
            self.given += 1
            yield Frame(self._clip[index % len(self._clip)], time.monotonic(), index)

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        pass


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that never rest."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(pipeline: Pipeline, camera: SteadyCamera) -> dict[str, Any]:
    """Run the camera to its end. Raises RtsegError when nothing came out."""
    engine = Engine(camera, pipeline)
    latencies: list[float] = []
    start = busy = end = done = 0.0
    first = given = 0.0
    while not engine.ended:
        composite = engine.get(timeout=0.05)
        now = time.monotonic()
        if composite is None:
            continue
        if composite.hidden:
            raise RtsegError(f"no alpha: {engine.model_error}")
        first = first or now
        if now - first < SETTLE:
            start, busy, given = now, time.process_time(), camera.given
            continue
        latencies.append(1e3 * (now - composite.captured))
        end, done = now, time.process_time()
    engine.stop()
    if not latencies:
        raise RtsegError(f"no frame in {camera.given} was measured; give more --seconds than {SETTLE}")
    middle, high = np.percentile(latencies, (50, 95))
    return {
        "frames": len(latencies),
        "frames_lost": max(0, camera.given - int(given) - len(latencies)),
        "median_ms": round(float(middle), 3),
        "p95_ms": round(float(high), 3),
        "cpu_share": round((done - busy) / (end - start), 4),
        "quantiles_ms": [round(float(v), 2) for v in np.percentile(latencies, QUANTILES)],
    }


def table(rows: list[dict[str, Any]], size: str) -> Table:
    """For the screen."""
    shown = Table(title=f"{size}, capture to output, and CPU time as a share of one core", box=None)
    for column in ("model", "effect", "fps", "load", "frames", "lost", "median ms", "p95 ms", "CPU"):
        shown.add_column(column, justify="left" if column in ("model", "effect", "load") else "right")
    for r in rows:
        cells = (r["model"], r["effect"], f"{r['fps']:g}", "busy" if r["load"] else "", str(r["frames"]))
        figures = (f"{r['median_ms']:.1f}", f"{r['p95_ms']:.1f}", f"{r['cpu_share']:.1%}")
        shown.add_row(*cells, str(r["frames_lost"]), *figures)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="720p", choices=SIZES)
    parser.add_argument("--fps", default="30,60", help="of the camera, comma-separated")
    parser.add_argument("--models", default="fast,balanced", help="comma-separated")
    parser.add_argument("--threads", type=int, default=1, help="of the network")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run")
    parser.add_argument("--no-load", action="store_true", help="leave out the runs beside busy processes")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    cores, clip = os.cpu_count() or 1, demo_frames(SIZES[chosen.size])
    rows = []
    for model in chosen.models.split(","):
        for effect, choice in EFFECTS.items():
            pipeline = Pipeline(model=model, provider="cpu", threads=chosen.threads, **choice)
            for fps in map(float, chosen.fps.split(",")):
                for processes in (0,) if chosen.no_load else (0, cores):
                    with load(processes):
                        row = measure(pipeline, SteadyCamera(clip, fps, chosen.seconds))
                    rows.append({"model": model, "effect": effect, "fps": fps, "load": processes} | row)
    Console().print(table(rows, chosen.size))
    if chosen.json:
        about = {"size": chosen.size, "threads": chosen.threads, "quantiles": list(QUANTILES)}
        write_json(chosen.json, {**surroundings(PACKAGES), **about, "results": rows})


if __name__ == "__main__":
    try:
        main()
    except RtsegError as e:
        sys.exit(str(e))
