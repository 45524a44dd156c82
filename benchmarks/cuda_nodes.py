"""Which nodes of a fused frame run where, from onnxruntime's own profile of one frame of 1080p, sizes fixed as in use.

    python benchmarks/cuda_nodes.py --json benchmarks/cuda-nodes.json

Exits with 1 when a node fell to the CPU, or tensors are copied to and fro for one, and where CUDA can't be used.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from bus import card
from cuda_ways import files, plain_run

from rtseg.commands.bench import PACKAGES, demo_frames, surroundings
from rtseg.errors import RtsegError
from rtseg.files import write_json
from rtseg.models.fused import FusedModel
from rtseg.models.model import TIERS
from rtseg.models.networks import FUSED
from rtseg.models.providers import cuda_problem
from rtseg.models.session import Tuning, open_session

SIZE = (1920, 1080)
ON_CPU = "CPUExecutionProvider"


def nodes(file: Path, provider: str, size: tuple[int, int]) -> Counter[tuple[str, str]]:
    """(provider, operator) -> nodes that a frame executed. Raises ModelError and ProviderError."""
    frame = demo_frames(size, 1)[0]
    with tempfile.TemporaryDirectory() as folder:
        model = FusedModel(file, provider=provider)
        tuning = Tuning(model.dimensions(*size, model.info.area), profile=Path(folder) / "profile")
        model.session = session = open_session(file, provider, model.threads, tuning)
        plain_run(model, np.zeros_like(frame))(frame)
        events: list[dict[str, Any]] = json.loads(Path(session.ort.end_profiling()).read_text())
    seen = {(e["args"]["provider"], e["args"]["op_name"], e["name"]) for e in events if "provider" in e.get("args", {})}
    return Counter((where, operator) for where, operator, _ in seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiers", default=",".join(TIERS), help="comma-separated")
    parser.add_argument("--provider", default="cuda", choices=("cuda", "cpu"), help="cpu only shows that it runs")
    parser.add_argument("--json", type=Path, help="write it here")
    options = parser.parse_args()
    problem = cuda_problem() if options.provider == "cuda" else None
    if problem:
        sys.exit(f"nothing profiled: {problem}")
    report: dict[str, Any] = {
        "provider": options.provider,
        "card": card(),
        **surroundings(PACKAGES),
        "files": {},
        "missing": [],
    }
    wrong = []
    for effect in FUSED:
        there, missing = files(options.tiers.split(","), effect, None, "cuda")
        report["missing"] += missing
        for _, file in there:
            try:
                found = nodes(file, options.provider, SIZE)
            except RtsegError as e:
                wrong.append(f"{file.name}: {e}")
                continue
            fallen = {op: n for (where, op), n in found.items() if where == ON_CPU or op.startswith("Memcpy")}
            report["files"][file.name] = {"nodes": sum(found.values()), "on_cpu": fallen}
            print(f"{file.name}: {sum(found.values())} nodes, on the CPU or copied for it: {fallen or 'none'}")
            if fallen and options.provider == "cuda":
                wrong.append(f"{file.name}: nodes fell to the CPU: {fallen}")
            if options.json:
                write_json(options.json, report)
    if report["missing"]:
        print(f"not there: {', '.join(report['missing'])}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
