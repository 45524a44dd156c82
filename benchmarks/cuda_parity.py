"""Every CUDA file against its checkpoint in torch, by `rtseg export`: those that ship, and freshly exported ones.

    python benchmarks/cuda_parity.py --folder exported --json benchmarks/cuda-parity.json

Where CUDA works the files run on it. The fresh files stay in the folder for `cuda.py --folder`: fused in fp16 and
fp32, and the plain net in fp16; those that are there already are checked, not made again. Exits with 1 when one
differs or can't be made.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtseg.files import ASSETS, write_json
from rtseg.models.model import TIERS
from rtseg.models.networks import FUSED
from rtseg.models.providers import cuda_problem

WEIGHTS = Path(__file__).parents[1] / "train" / "rtseg_train"


@dataclass(frozen=True)
class Job:
    """One call of `rtseg export`."""

    name: str
    arguments: tuple[str, ...]


def jobs(tiers: list[str], folder: Path, kinds: list[str]) -> tuple[list[Job], list[str]]:
    """What there is to do, in order of worth, and the names of shipped files that are missing."""
    wanted = [(tier, f"{tier}-{ending}.onnx") for tier in tiers for ending in FUSED.values()]
    missing = [name for _, name in wanted if not (ASSETS / name).is_file()]
    found = []
    if "shipped" in kinds:
        shipped = [(tier, name) for tier, name in wanted if name not in missing]
        found += [Job(name, (weights(tier), "--compare", str(ASSETS / name))) for tier, name in shipped]
    if "fresh" in kinds:
        found += fresh(tiers, folder)
    return found, missing


def weights(tier: str) -> str:
    """The checkpoint of a tier."""
    return str(WEIGHTS / f"{tier}.safetensors")


def fresh(tiers: list[str], folder: Path) -> Iterator[Job]:
    """Exports, what is compared with last; a file that is in the folder already is checked instead."""
    kinds: list[tuple[str, tuple[str, ...]]] = []
    for precision in ("fp16", "fp32"):
        for effect, ending in FUSED.items():
            kinds.append((f"{ending}-{precision}", ("--fused", *("--blur",) * (effect == "blur"))))
        kinds += [("fp16", ())] if precision == "fp16" else []
    for ending, options in kinds:
        for tier in tiers:
            file = folder / f"{tier}-{ending}.onnx"
            made = (*options, "--precision", ending[-4:], "--out", str(file))
            yield Job(file.name, (weights(tier), *(("--compare", str(file)) if file.is_file() else made)))


def run(job: Job, folder: Path, seconds: float) -> dict[str, Any]:
    """What became of a job: its report, or what went wrong."""
    report = folder / f"{job.name}.json"
    command = [sys.executable, "-m", "rtseg", "export", *job.arguments, "--json", str(report)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"ok": False, "error": f"took more than {seconds:.0f} s"}
    if done.returncode:
        return {"ok": False, "error": (done.stderr or done.stdout).strip()}
    return {"ok": True, "report": json.loads(report.read_text(encoding="utf-8"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiers", default=",".join(TIERS), help="comma-separated")
    parser.add_argument("--kinds", default="shipped,fresh", help="comma-separated: shipped, fresh")
    parser.add_argument("--folder", type=Path, required=True, help="for the fresh files")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 3), help="at a time")
    parser.add_argument("--seconds", type=float, default=150, help="for each file")
    parser.add_argument("--json", type=Path, help="write it here, after each file")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    todo, missing = jobs(options.tiers.split(","), options.folder, options.kinds.split(","))
    report: dict[str, Any] = {"cuda": cuda_problem() or "works", "missing": missing, "files": {}}
    print(f"CUDA: {report['cuda']}")
    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(run, job, options.folder, options.seconds): job for job in todo}
        for done in as_completed(running):
            name, found = running[done].name, done.result()
            report["files"][name] = found
            print(f"{name}: {'agrees' if found['ok'] else found['error']}", flush=True)
            if options.json:
                write_json(options.json, report)
    if missing:
        print(f"not there: {', '.join(missing)}")
    if not all(found["ok"] for found in report["files"].values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
