"""Whole frames on a GPU, by size, effect and tier: fused and recorded, with and without IO binding, fp16 and fp32.

Every call starts with a frame in host memory and returns with the composite there, so the host's clock is enough:
uploads, downloads and the work on the host are included, decoding and display are not. The shares of upload, compute
and download are of calls that wait for their end. `bus`: the least time that the pictures of a frame need on this
bus, as it was measured with onnxruntime's own copies of the same size, as a share of the frame's time. Exits with 1
where CUDA can't be used.

    python benchmarks/cuda.py --json benchmarks/cuda.json
    python benchmarks/cuda.py --folder exported --model rvm_mobilenetv3_fp32.onnx

The second measures what `benchmarks/gpu_day.sh export` writes beside the shipped files, and somebody else's model:
with the adapter beside it, or RobustVideoMatting with the one that docs/foreign-models.md shows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bus import bandwidth, card
from cuda_foreign import foreign_ways, is_ours
from cuda_ways import Way, files, ways
from rich.console import Console
from rich.table import Table

from rtseg.arrays import U8
from rtseg.commands.bench import PACKAGES, demo_frames, middle_and_p95, surroundings
from rtseg.errors import BackgroundError, RtsegError
from rtseg.files import BACKGROUNDS, write_json
from rtseg.models.model import TIERS
from rtseg.models.networks import FUSED
from rtseg.models.providers import cuda_problem
from rtseg.pixels.geometry import cover
from rtseg.sources.pictures import read_picture

SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
ROUNDS = 5  # each way has its turn in each round, so that a noisy moment hits all alike
WARM_UP = 5  # frames of each round that don't count, at most as many as those that do
HOST = ("upload", "download")  # stages that are no compute


def measure(found: Sequence[Way], clip: Sequence[U8], frames: int) -> list[tuple[list[float], dict[str, list[float]]]]:
    """Of each way, milliseconds per frame and of each of its stages; the ways take turns."""
    results: list[tuple[list[float], dict[str, list[float]]]] = [([], {}) for _ in found]
    timed = max(1, frames // ROUNDS)
    warm_up = min(WARM_UP, timed)
    for _ in range(ROUNDS):
        for way, (total, stages) in zip(found, results, strict=True):
            for index in range(warm_up + timed):
                start = time.perf_counter()
                way.run(clip[index % len(clip)])
                spent = 1e3 * (time.perf_counter() - start)
                if index >= warm_up:
                    total.append(spent)
                    for stage, part in way.stages().items():
                        stages.setdefault(stage, []).append(part)
    return results


def row(size: str, way: Way, times: list[float], stages: dict[str, list[float]], bus: dict[str, Any]) -> dict[str, Any]:
    """The figures of one way."""
    middle, high = middle_and_p95(times)
    found: dict[str, Any] = {"size": size, "effect": way.effect, "model": way.model, "tier": way.tier}
    found |= {"precision": way.precision, "how": way.how, "frames": len(times)}
    found |= {"median_ms": round(middle, 4), "p95_ms": round(high, 4), "fps": round(1e3 / middle, 1)}
    if set(HOST) <= stages.keys():
        whole = sum(map(sum, stages.values()))
        shares = {stage: round(sum(stages[stage]) / whole, 4) for stage in HOST}
        found["shares"] = {"upload": shares["upload"], "compute": round(1 - sum(shares.values()), 4)} | shares
    if way.up is not None and way.down is not None:
        least = 1e3 * (way.up / bus["up_gb_s"] + way.down / bus["down_gb_s"]) / 1e9
        found |= {"bus_bytes": way.up + way.down, "bus_share": round(least / middle, 4)}
    return found


def one_size(name: str, options: argparse.Namespace, report: dict[str, Any]) -> None:
    """Measure all ways of a size and add them to the report; what fails is said there and does not stop the others."""
    size = SIZES[name]
    picture = read_picture(BACKGROUNDS / "beach.jpg", BackgroundError)
    background, clip = cover(picture, *size), demo_frames(size)
    report["bus"][name] = bus = bandwidth(options.provider, background.nbytes)
    for effect in options.effects.split(","):
        found: list[Way] = []
        there, missing = files(options.tiers.split(","), effect, options.folder, options.provider)
        report["missing"] += [file for file in missing if file not in report["missing"]]
        for tier, file in [*there, *((None, file) for file in options.model)]:
            which = ways if tier or is_ours(file) else foreign_ways
            try:
                found += which(file, tier, effect, options.provider, background, report["remarks"])
            except RtsegError as e:
                report["remarks"].append(f"{file.name} at {name}, {effect}: {e}")
        for way, (times, stages) in zip(found, measure(found, clip, options.frames), strict=True):
            report["results"].append(row(name, way, times, stages, bus))
        if options.json:
            write_json(options.json, report)  # whoever is cut off keeps what there was before


def table(results: Sequence[dict[str, Any]], provider: str) -> Table:
    """For the screen."""
    shown = Table(title=f"ms per frame on {provider.upper()}, host to host", title_justify="left", box=None)
    for column in ("size", "effect", "model", "way"):
        shown.add_column(column)
    for column in ("median", "p95", "fps", "up/comp/down %", "MB", "bus %"):
        shown.add_column(column, justify="right")
    for r in results:
        shares = "/".join(f"{100 * share:.0f}" for share in r["shares"].values()) if "shares" in r else ""
        crossed = (f"{r['bus_bytes'] / 1e6:.1f}", f"{100 * r['bus_share']:.0f}") if "bus_bytes" in r else ("", "")
        cells = (f"{r['median_ms']:.2f}", f"{r['p95_ms']:.2f}", f"{r['fps']:.0f}", shares, *crossed)
        shown.add_row(r["size"], r["effect"], f"{r['model']} {r['precision']}", r["how"], *cells)
    return shown


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200, help="timed frames of each way")
    parser.add_argument("--sizes", default="1080p,720p,4K", help=f"comma-separated, of {', '.join(SIZES)}")
    parser.add_argument("--effects", default="picture,blur", help="comma-separated: picture, blur")
    parser.add_argument("--tiers", default=",".join(TIERS), help="comma-separated")
    parser.add_argument("--folder", type=Path, help="exported files: TIER-fused-fp32.onnx, TIER-fp16.onnx and so on")
    parser.add_argument("--model", action="append", default=[], type=Path, help="another .onnx file to measure beside")
    parser.add_argument("--provider", default="cuda", choices=("cuda", "cpu"), help="cpu only shows that it runs")
    parser.add_argument("--json", type=Path, help="write the figures here, after each size and effect")
    options = parser.parse_args()
    for what, known in (("sizes", SIZES), ("effects", FUSED), ("tiers", TIERS)):
        for name in getattr(options, what).split(","):
            if name not in known:
                parser.error(f"--{what}: unknown {name!r}; choose from {', '.join(known)}")
    for file in options.model:
        if not file.is_file():
            parser.error(f"--model {file}: no such file")
    if options.frames < 1:
        parser.error(f"--frames {options.frames}: give a number above 0")
    return options


def main() -> None:
    options = read_options()
    problem = cuda_problem() if options.provider == "cuda" else None
    if problem:
        sys.exit(f"nothing measured: {problem}")
    report: dict[str, Any] = {
        "provider": options.provider,
        "card": card(),
        **surroundings((*PACKAGES, "onnxruntime-gpu")),
        "bus": {},
    }
    report |= {"missing": [], "remarks": [], "results": []}
    for name in options.sizes.split(","):
        one_size(name, options, report)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table(report["results"], options.provider))
    console.print(f"card: {report['card']}")
    for size, bus in report["bus"].items():
        console.print(
            f"bus at {size}: {bus['up_gb_s']:.1f} GB/s up, {bus['down_gb_s']:.1f} down; pinned: {bus['pinned']}"
        )
    if report["missing"]:
        console.print(f"not there, so not measured: {', '.join(report['missing'])}")
    for remark in report["remarks"]:
        print(remark, file=sys.stderr)


if __name__ == "__main__":
    main()
