"""Whole frames on a GPU: the fused graph, with and without CUDA graph and IO binding, and OpenCV around the network.

Uploads, downloads and work on the host are included; decoding and display are not. Every call returns with the
composite in host memory, so the host's clock is enough. Exits with 1 where CUDA can't be used.

    python benchmarks/cuda.py --json benchmarks/cuda.json
    python benchmarks/cuda.py --model balanced-fp16.onnx --model balanced-fused-fp32.onnx --model rvm.onnx

The second has others beside the shipped ones; plain files, made by `rtseg export --precision fp16`, run with OpenCV
around the network.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from rtseg.bench import PACKAGES, demo_frames, middle_and_p95, surroundings
from rtseg.errors import BackgroundError
from rtseg.files import ASSETS, write_json
from rtseg.models.fused import NO_PICTURE, FusedModel, FusedPath
from rtseg.models.providers import cuda_problem
from rtseg.models.session import Tuning, open_session
from rtseg.pipeline import Pipeline
from rtseg.pixels.geometry import cover
from rtseg.sources.pictures import read_picture

U8 = NDArray[np.uint8]
Way = Callable[[U8], U8]  # frame -> composite
SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
ROUNDS = 5  # each way has its turn in each round, so that a noisy moment hits all alike


def plain_run(model: FusedModel, size: tuple[int, int], background: U8) -> Way:
    """The fused graph by session.run: everything, state and background included, crosses the bus each time."""
    width, height = model.size_for(*size, model.info.area)
    state = {
        "edge": np.zeros(3, np.float32),
        "previous_alpha": np.zeros((1, 1, height, width), np.float32),
        "previous_grey": np.full((1, 1, height, width), NO_PICTURE, np.float32),
    }
    second = {"background": background[None]} if model.effect == "picture" else {"blur": np.array(20, np.float32)}

    def run(frame_bgr: U8) -> U8:
        outputs = model.session.ort.run(
            ["composite", "alpha", "grey"], {"frame_bgr": frame_bgr[None], **second, **state}
        )
        state["previous_alpha"], state["previous_grey"] = outputs[1:]
        composite: U8 = outputs[0][0]
        return composite

    return run


def ways(files: Sequence[str], provider: str, size: tuple[int, int], background: U8) -> dict[str, Way]:
    """What is measured, by name."""
    found: dict[str, Way] = {}
    for file in files:
        pipeline = Pipeline(background=background, model=file, provider=provider)
        if not isinstance(pipeline.model, FusedModel):
            found[f"{Path(file).stem}, OpenCV around it"] = pipeline
            continue
        model, name = pipeline.model, pipeline.model.path.stem
        for captured in (True, False) if provider == "cuda" else (False,):
            path = FusedPath(model, *size, model.info.area, capture=captured)
            label = f"{name}, {'CUDA graph' if captured else 'IO binding'}"
            if captured and path.remark:
                print(f"{name} at {size[0]}x{size[1]}: {path.remark}", file=sys.stderr)
                continue
            found[label] = lambda frame, path=path: path.composite(frame, background, 0.0)  # type: ignore[misc]
        found[f"{name}, no IO binding"] = plain_run(model, size, background)
    return found


def bus_bytes(label: str, size: tuple[int, int]) -> int | None:
    """Bytes of pictures per frame that cross the bus, there and back; None where it is not the fused graph."""
    frame = size[0] * size[1] * 3
    if "no IO binding" in label:
        return 3 * frame
    return 2 * frame if "IO binding" in label or "CUDA graph" in label else None


def measure(ways: dict[str, Way], clip: list[U8], frames: int) -> dict[str, list[float]]:
    """Milliseconds per frame of each way, interleaved."""
    times: dict[str, list[float]] = {label: [] for label in ways}
    for _ in range(ROUNDS):
        for label, way in ways.items():
            for index in range(frames // ROUNDS + 5):
                start = time.perf_counter()
                way(clip[index % len(clip)])
                if index >= 5:  # the first of a round warm up
                    times[label].append(1e3 * (time.perf_counter() - start))
    return times


def nodes_by_provider(file: Path, provider: str, frame_bgr: U8, background: U8) -> Counter[tuple[str, str]]:
    """(provider, operator) -> nodes that a real run executed, from onnxruntime's own profile."""
    with tempfile.TemporaryDirectory() as folder:
        tuning = Tuning(profile=Path(folder) / "profile")
        model = FusedModel(file, provider=provider)
        session = open_session(file, provider, 1, tuning)
        model.session = session
        plain_run(model, (frame_bgr.shape[1], frame_bgr.shape[0]), background)(frame_bgr)
        events: list[dict[str, Any]] = json.loads(Path(session.ort.end_profiling()).read_text())
    nodes = {
        (e["args"]["provider"], e["args"]["op_name"], e["name"]) for e in events if "provider" in e.get("args", {})
    }
    return Counter((where, operator) for where, operator, _ in nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300, help="timed frames of each way and size")
    parser.add_argument("--sizes", default="720p,1080p,4K", help=f"comma-separated, of {', '.join(SIZES)}")
    parser.add_argument("--model", action="append", default=[], help="another .onnx file to measure beside")
    parser.add_argument("--provider", default="cuda", choices=("cuda", "cpu"), help="cpu only shows that it runs")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    problem = cuda_problem() if options.provider == "cuda" else None
    if problem:
        sys.exit(f"nothing measured: {problem}")
    files = sorted(map(str, ASSETS.glob("*-fused.onnx"))) + options.model
    picture = read_picture(ASSETS / "backgrounds" / "beach.jpg", BackgroundError)
    table = Table(title=f"ms per frame on {options.provider.upper()}, uploads and downloads included", box=None)
    for column in ("size", "way", "median", "p95", "fps", "MB over the bus"):
        table.add_column(column, justify="left" if column == "way" else "right")
    results = []
    for name in options.sizes.split(","):
        size = SIZES[name]
        background, clip = cover(picture, *size), demo_frames(size)
        for label, times in measure(ways(files, options.provider, size, background), clip, options.frames).items():
            middle, high = middle_and_p95(times)
            crossed = bus_bytes(label, size)
            cells = (f"{middle:.2f}", f"{high:.2f}", f"{1e3 / middle:.0f}", f"{crossed / 1e6:.1f}" if crossed else "")
            table.add_row(name, label, *cells)
            results.append({"size": name, "way": label, "median_ms": middle, "p95_ms": high, "bus_bytes": crossed})
    console = Console()
    console.print(table)
    fallen = {}
    for file in (f for f in files if "fused" in f):
        nodes = nodes_by_provider(Path(file), options.provider, clip[0], background)
        fallen[Path(file).name] = {op: n for (where, op), n in nodes.items() if where == "CPUExecutionProvider"}
        console.print(
            f"{Path(file).name}: {sum(nodes.values())} nodes, on the CPU: {fallen[Path(file).name] or 'none'}"
        )
    if options.json:
        report = {"provider": options.provider, **surroundings(PACKAGES), "results": results, "nodes_on_cpu": fallen}
        write_json(options.json, report)


if __name__ == "__main__":
    main()
