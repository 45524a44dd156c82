"""Resident memory over many frames, and what a frame allocates once all has settled. Linux: it reads /proc.

python benchmarks/memory.py --json benchmarks/memory.json

What is allocated is seen by tracemalloc: numpy's arrays, OpenCV's (they are numpy's) and Python's objects, but not
onnxruntime's arena nor what compiled code takes for itself; those two would show in the resident memory if they grew.
"""

from __future__ import annotations

import argparse
import sys
import tracemalloc
from pathlib import Path

import numpy as np
from rich.console import Console

from rtseg import Pipeline
from rtseg.arrays import U8
from rtseg.commands.bench import EFFECTS, PACKAGES, demo_frames, surroundings
from rtseg.errors import RtsegError
from rtseg.files import write_json
from rtseg.options.values import parse_size

STATUS = Path("/proc/self/status")
WARM = 200  # frames before the first look
SAMPLES = 200  # looks at the resident memory on the way
TRACED = 50  # frames whose allocations are looked at


def resident() -> float:
    """MiB of this process in memory. Raises RtsegError where the system does not say."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError as e:
        raise RtsegError(f"{STATUS} can't be read ({e.strerror}): resident memory is only known on Linux") from e
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def over_time(pipeline: Pipeline, clip: list[U8], frames: int) -> dict[str, float]:
    """Resident MiB first and last, highest, and the growth over the second half as a straight line through it."""
    for index in range(WARM):
        pipeline(clip[index % len(clip)])
    step = max(1, frames // SAMPLES)
    samples = [resident()]
    for index in range(frames):
        pipeline(clip[index % len(clip)])
        if (index + 1) % step == 0:
            samples.append(resident())
    half = samples[len(samples) // 2 :]
    slope = float(np.polyfit(range(len(half)), half, 1)[0]) if len(half) > 1 else 0.0
    found = {"first_mib": samples[0], "last_mib": samples[-1], "highest_mib": max(samples)}
    return {name: round(v, 2) for name, v in found.items()} | {"kib_per_1000_frames": round(slope / step * 1024e3, 2)}


def per_frame(pipeline: Pipeline, clip: list[U8]) -> dict[str, float]:
    """Bytes: the most that was held at once within a frame over what was held before it, and what stayed of all."""
    tracemalloc.start()
    try:
        for frame in clip:  # now the buffers that are used again are traced as well
            pipeline(frame)
        most, (start, _) = 0, tracemalloc.get_traced_memory()
        for index in range(TRACED):
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            pipeline(clip[index % len(clip)])
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
        end, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return {"frame_bytes": clip[0].nbytes, "most_at_once_bytes": most, "stayed_bytes": max(0, end - start)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=20_000, help="of each effect, after warm-up")
    parser.add_argument("--size", default="640x360", help="WIDTHxHEIGHT")
    parser.add_argument("--model", default="balanced", help="a model that ships or an .onnx file")
    parser.add_argument("--threads", type=int, default=1, help="of the network")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    clip, rows = demo_frames(parse_size(chosen.size)), []
    for effect, choice in EFFECTS.items():
        pipeline = Pipeline(model=chosen.model, provider="cpu", threads=chosen.threads, **choice)
        row = over_time(pipeline, clip, chosen.frames) | per_frame(pipeline, clip)
        rows.append({"effect": effect, "frames": chosen.frames} | row)
        Console().print(
            f"{effect}: resident {row['first_mib']:.1f} MiB after {WARM} frames, {row['last_mib']:.1f} after "
            f"{chosen.frames} more, highest {row['highest_mib']:.1f}, in the second half "
            f"{row['kib_per_1000_frames']:+.1f} KiB per 1000 frames; a frame of {row['frame_bytes'] / 1024:.0f} KiB "
            f"allocates {row['most_at_once_bytes'] / 1024:.0f} KiB at most at once, "
            f"{row['stayed_bytes'] / 1024:.1f} KiB stay after {TRACED}",
            highlight=False,
        )
    if chosen.json:
        about = {"model": chosen.model, "size": chosen.size, "threads": chosen.threads, "warm_up_frames": WARM}
        write_json(chosen.json, {**surroundings(PACKAGES), **about, "results": rows})


if __name__ == "__main__":
    try:
        main()
    except RtsegError as e:
        sys.exit(str(e))
