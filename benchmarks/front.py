"""Milliseconds against quality: which nets, at which areas, are worth having. Tiers are chosen from its picture.

python benchmarks/front.py balanced fast my.onnx@114688 --baseline old.onnx@40960 --val DATA/val.csv \
    --exact DATA/val_exact.csv --keyed DATA/video_keyed/grid_a --backgrounds DATA/backgrounds --json front.json

Models as for quality.py, which scores them. Times: the network alone on one thread for a 16:9 frame, all candidates in
turn in every round, as a ratio to the baseline's in the same round; the median and the 95th percentile of the ratios.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from quality import add_options, measure, show, split

from rtseg.commands.bench import PACKAGES, surroundings
from rtseg.errors import RtsegError
from rtseg.files import write_json
from rtseg.models.model import Model

FRAME = (1280, 720)  # its shape decides the network's
RUNS = 3  # of each in a round
AXES = {"ALL": "val, all people", "exact": "exact alpha, stills", "keyed": "keyed clips"}


def loaded(text: str) -> tuple[Model, tuple[np.ndarray, np.ndarray]]:
    """The model and what it is fed."""
    name, area = split(text)
    model = Model(name, provider="cpu", threads=1)
    width, height = model.size_for(*FRAME, area or model.info.area)
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return model, (frame, np.zeros((height, width), np.float32))


def times(models: list[str], rounds: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of each, and ratios to the first."""
    ready = {name: loaded(name) for name in models}
    taken: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 1):
        for name, (model, inputs) in ready.items():
            model.run(*inputs)
            start = time.perf_counter()
            for _ in range(RUNS):
                model.run(*inputs)
            if number:  # the first round warms up
                taken[name].append(1e3 * (time.perf_counter() - start) / RUNS)
    base = np.array(taken[models[0]])
    return {
        name: {
            "size": "{}x{}".format(*ready[name][1][1].shape[::-1]),
            "ms": median(values),
            "least_ms": min(values),
            "ratio": float(np.median(values / base)),
            "ratio_p95": float(np.percentile(values / base, 95)),
        }
        for name, values in ((name, np.array(taken[name])) for name in models)
    }


def draw(results: dict[str, dict[str, Any]], path: Path) -> None:
    """One plot for each set of pictures: ratio of time against boundary IoU."""
    shown = {group: title for group, title in AXES.items() if any(group in found for found in results.values())}
    figure, axes = plt.subplots(1, len(shown), figsize=(5 * len(shown), 4.2), squeeze=False)
    for axis, (group, title) in zip(axes[0], shown.items(), strict=True):
        for name, found in results.items():
            if group in found:
                x, y = found["time"]["ratio"], found[group]["boundary_iou"]
                axis.plot(x, y, "o")
                axis.annotate(Path(name).name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8)
        axis.set(title=title, xlabel="network's time, of the baseline's", ylabel="boundary IoU, %")
        axis.grid(alpha=0.3)
        axis.margins(0.2)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--baseline", default="balanced", help="what times are compared with")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    models = list(dict.fromkeys([given.baseline, *given.models]))
    try:
        taken = times(models, given.rounds)
        for name, found in taken.items():
            print(f"{name}: {found['size']}, {found['ms']:.2f} ms, {found['ratio']:.2f} of the baseline")
        results = {name: {"time": taken[name]} | measure(name, given) for name in models}
        show(results)
        if given.json:
            write_json(given.json, {"surroundings": surroundings(PACKAGES), "models": results})
        if given.plot:
            draw(results, given.plot)
    except RtsegError as e:
        raise SystemExit(f"error: {e}") from e


if __name__ == "__main__":
    main()
