"""`rtseg bench`: whole-frame speed of the same Pipeline that `cam` runs, on real frames, stage by stage."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from rtseg.arrays import U8
from rtseg.backgrounds.background import DEFAULT_BLUR
from rtseg.errors import RtsegError
from rtseg.live.choice import Choice, budget_for, choose
from rtseg.models.model import AUTO, TIERS
from rtseg.options.values import BENCH_SIZES
from rtseg.pipeline import Pipeline
from rtseg.pixels.geometry import cover
from rtseg.sources.opening import open_source

SIZES = BENCH_SIZES
EFFECTS: dict[str, dict[str, Any]] = {"picture": {"background": "beach.jpg"}, "blur": {"blur": DEFAULT_BLUR}}
AUTO_FPS = 30.0  # of the camera that auto is asked about
ROUNDS = 5  # every configuration has its turn in each round, so that a noisy moment hits all alike
CLIP_FRAMES = 24  # different frames of the clip, in order, used again and again
PACKAGES = ("rtseg", "numpy", "opencv-python", "onnxruntime-gpu", "onnxruntime", "numba")


@dataclass(frozen=True)
class Measured:
    """One configuration: milliseconds per frame, whole and by stage."""

    size: str
    effect: str
    threads: int
    total: list[float]
    stages: dict[str, list[float]]
    auto: str | None = None  # what it took, where it was asked for


def demo_frames(size: tuple[int, int], count: int = CLIP_FRAMES) -> list[U8]:
    """Consecutive frames of the demo clip, cover-cropped to size; uint8 HxWx3 BGR."""
    frames = []
    with open_source("demo") as source:
        for frame in source:
            frames.append(cover(frame.image, *size))
            if len(frames) == count:
                break
    return frames


def measure(
    sizes: Iterable[str], frames: int, threads: Iterable[int | None], **options: Any
) -> tuple[list[Measured], Pipeline]:
    """Time `frames` frames of every size x effect x threads, after warm-up; also gives one of the pipelines.

    options: of Pipeline; with the model `auto` each of them has what auto takes for it.

    Decoding and display are not part of it. OpenCV is held to the same number of threads as the network.
    """
    pipelines: dict[tuple[str, str, int | None], Pipeline] = {}
    taken: dict[tuple[str, str, int | None], str] = {}
    auto = options.get("model") == AUTO
    options |= {"model": TIERS[0]} if auto else {}
    for size in sizes:
        if size not in SIZES:
            raise RtsegError(f"unknown size {size!r}; choose from {', '.join(SIZES)}")
        for effect, behind in EFFECTS.items():
            for count in threads:
                pipelines[size, effect, count] = pipeline = Pipeline(**behind, threads=count, **options)
                if auto:
                    choice = chosen(pipeline, size)
                    taken[size, effect, count] = choice.point.label if choice else TIERS[0]
    clips = {size: demo_frames(SIZES[size]) for size in {key[0] for key in pipelines}}
    results = {key: Measured(key[0], key[1], p.model.threads, [], {}, taken.get(key)) for key, p in pipelines.items()}
    opencv_threads = cv2.getNumThreads()
    try:
        for _ in range(ROUNDS):
            for key, pipeline in pipelines.items():
                cv2.setNumThreads(pipeline.model.threads)
                run_once(pipeline, clips[key[0]], max(1, frames // ROUNDS), results[key])
    finally:
        cv2.setNumThreads(opencv_threads)
    return list(results.values()), pipeline


def chosen(pipeline: Pipeline, size: str) -> Choice | None:
    """What auto takes for frames of this size, with the pipeline left at it; None on CUDA, where it is the best."""
    if pipeline.model.provider == "cuda":
        return None
    return choose(pipeline, *SIZES[size], budget_for(AUTO_FPS))


def auto_choices(sizes: Iterable[str], threads: int | None, provider: str) -> dict[str, Choice | None]:
    """By size, what plain `rtseg cam` would take of a camera with AUTO_FPS."""
    pipelines = {size: Pipeline(model=TIERS[0], threads=threads, provider=provider) for size in sizes}
    return {size: chosen(pipeline, size) for size, pipeline in pipelines.items()}


def run_once(pipeline: Pipeline, clip: list[U8], frames: int, into: Measured) -> None:
    """Warm up, then time."""
    pipeline.warm_up(clip[0].shape[1], clip[0].shape[0])
    for index in range(frames):
        frame = clip[index % len(clip)]
        start = time.perf_counter()
        pipeline(frame)
        into.total.append(1e3 * (time.perf_counter() - start))
        for stage, spent in pipeline.timings.items():
            into.stages.setdefault(stage, []).append(spent)


def middle_and_p95(milliseconds: list[float]) -> tuple[float, float]:
    """(median, 95th percentile)."""
    return float(np.median(milliseconds)), float(np.percentile(milliseconds, 95))


def table(results: list[Measured], threads: int) -> Table:
    """For the screen: the results of one number of threads, milliseconds as median/p95, in 80 columns."""

    def cell(milliseconds: list[float]) -> str:
        return "/".join(f"{v:.2f}" if v < 10 else f"{v:.1f}" for v in middle_and_p95(milliseconds))

    chosen = [r for r in results if r.threads == threads]
    shown = Table(title=f"ms per frame, median/p95, CPU threads: {threads}", box=None, padding=(0, 1, 0, 0))
    shown.add_column("", no_wrap=True)
    for column in ("whole", "fps", *chosen[0].stages):
        shown.add_column(column, justify="right", no_wrap=True)
    for r in chosen:
        fps = f"{1e3 / middle_and_p95(r.total)[0]:.0f}"
        shown.add_row(f"{r.size} {r.effect}", cell(r.total), fps, *(cell(v) for v in r.stages.values()))
    return shown


def show(
    results: list[Measured], pipeline: Pipeline, console: Console, auto: Mapping[str, Choice | None] | None = None
) -> None:
    """All tables, what they were measured with, and what auto would take."""
    for threads in dict.fromkeys(r.threads for r in results):
        console.print(table(results, threads))
    info, provider = pipeline.model.info, pipeline.model.provider.upper()
    what = f"{info.name} {info.precision} at {pipeline.area} pixels"
    if taken := [f"{r.size} {r.effect} {r.auto}" for r in results if r.auto]:
        what = f"{AUTO}: {', '.join(taken)}"
    console.print(f"model {what}, on {provider}")
    console.print("decoding and display are not included")
    for size, choice in (auto or {}).items():
        console.print(f"{size}, {choice or f'{AUTO}: {TIERS[0]}, on CUDA'}")


def report(
    results: list[Measured], pipeline: Pipeline, auto: Mapping[str, Choice | None] | None = None
) -> dict[str, Any]:
    """For --json: figures, model, machine, versions, and what auto would take."""

    def figures(values: list[float]) -> dict[str, float]:
        middle, high = middle_and_p95(values)
        return {"median_ms": round(middle, 4), "p95_ms": round(high, 4)}

    info = pipeline.model.info
    return {
        "model": {"name": info.name, "version": info.version, "precision": info.precision, "area": pipeline.area},
        "provider": pipeline.model.provider,
        **surroundings(PACKAGES),
        "results": [
            {"size": r.size, "effect": r.effect, "threads": r.threads, "frames": len(r.total), **figures(r.total)}
            | {"stages": {stage: figures(values) for stage, values in r.stages.items()}}
            | ({"auto": r.auto} if r.auto else {})
            for r in results
        ],
        "auto": {size: choice.report() if choice else {"model": TIERS[0]} for size, choice in (auto or {}).items()},
    }


def surroundings(packages: Iterable[str]) -> dict[str, Any]:
    """The machine and the versions of what is installed of `packages`, for a benchmark's JSON."""
    return {
        "machine": {
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "versions": {name: found for name in packages if (found := installed(name))},
    }


def installed(package: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu_name() -> str:
    """As the system calls it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.machine()
