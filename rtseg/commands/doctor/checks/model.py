"""What `rtseg doctor` looks at by running it: a session of the shipped model, and a second of the whole pipeline."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from rtseg.commands.doctor.checks.software import FROM_SOURCE, Check
from rtseg.errors import RtsegError

SIZE = "720p"
SECONDS = 1.0
SMOOTH = 30.0  # frames per second
REINSTALL = FROM_SOURCE.replace("pip install", "pip install --no-deps")
SEEN = (0.02, 0.98)  # share of the demo's frame that is the person, within wide limits


def check_session(model: str | Path = "balanced", *, usable: bool = False) -> Check:
    """Which provider a real session got under `auto`, and whether it finds the person of the demo clip.

    usable: whether a driver and a GPU are there, so that the CPU alone is a disappointment.
    """
    from rtseg.commands.bench import SIZES, demo_frames
    from rtseg.pipeline import Pipeline

    try:
        pipeline = Pipeline(background="#00ff00", model=model)
        pipeline(demo_frames(SIZES["480p"], 1)[0])
        share = float(pipeline.alpha.mean())
    except RtsegError as e:
        return Check("model", "problem", str(e), REINSTALL)
    got = pipeline.model
    found = f"{got.info.name} {got.info.version} {got.info.precision} runs on {got.provider.upper()}"
    if not SEEN[0] < share < SEEN[1]:
        return Check("model", "problem", f"{found}, but sees a person in {share:.0%} of the demo's picture", REINSTALL)
    if usable and got.provider == "cpu":
        return Check("model", "problem", found, got.fallback_reason)
    return Check("model", "ok", f"{found} under `--provider auto`")


def check_auto() -> Check:
    """What plain `rtseg cam` would take of a camera with AUTO_FPS."""
    from rtseg.commands.bench import AUTO_FPS, auto_choices
    from rtseg.models.model import TIERS

    choice = auto_choices([SIZE], None, "auto")[SIZE]
    if choice is None:
        return Check("--model auto", "ok", f"takes {TIERS[0]}, on CUDA")
    found = f"{str(choice).removeprefix('auto: ')}, at {SIZE}"
    if choice.point.seconds > choice.budget.allowed:
        return Check("--model auto", "note", found, f"for less work: --fps {AUTO_FPS / 2:.0f}, or --save-power")
    return Check("--model auto", "ok", found)


def check_speed(model: str | Path = "balanced", seconds: float = SECONDS) -> Check:
    """Whole frames of the demo clip, as `rtseg bench` times them."""
    import cv2

    from rtseg.commands.bench import SIZES, demo_frames
    from rtseg.pipeline import Pipeline

    pipeline, clip = Pipeline(background="beach.jpg", model=model), demo_frames(SIZES[SIZE])
    before, threads = cv2.getNumThreads(), pipeline.model.threads
    cv2.setNumThreads(threads)
    try:
        pipeline.warm_up(*SIZES[SIZE])
        spent: list[float] = []
        while sum(spent) < seconds:
            start = time.perf_counter()
            pipeline(clip[len(spent) % len(clip)])
            spent.append(time.perf_counter() - start)
    finally:
        cv2.setNumThreads(before)
    middle = median(spent)
    used = f"{threads} CPU thread{'s' * (threads > 1)}" + (" and CUDA" if pipeline.model.provider == "cuda" else "")
    found = f"{1e3 * middle:.1f} ms a frame at {SIZE}, {1 / middle:.0f} fps, with {used}"
    if 1 / middle < SMOOTH:
        return Check("speed", "note", found, "try --model fast, or --threads with more of your cores")
    return Check("speed", "ok", found)
