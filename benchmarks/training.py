"""Training throughput: `python benchmarks/training.py --arch balanced,fast --threads 1,2 --json training.json`.

Times the steps and the batches of a run of `rtseg train` with its default settings, on synthetic pictures of its
own, after warm-up. All configurations get the same batches: their sizes vary as in a run, by the seed. Reading and
decoding are not included, as a run keeps its pictures in memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from rtseg.commands.bench import middle_and_p95, surroundings
from rtseg.errors import RtsegError
from rtseg.files import write_json
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches, batches
from rtseg_train.nets import build
from rtseg_train.step import choose_device, initial_state, train_step

WARM_UP = 5  # steps before the clock counts; more than the batches that a worker makes ahead
PICTURES, ROOMS, SIZE = 24, 8, (480, 640)  # of the synthetic set; height, width in pixels
PACKAGES = ("rtseg", "numpy", "opencv-python", "torch", "torchvision")


@dataclass
class Measured:
    """One configuration: what happened in each timed step, in milliseconds."""

    arch: str
    threads: int | None  # of torch; None for the loader alone, one worker making batches that nobody trains on
    batch: int  # pictures
    total: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)  # of total, for the batch

    def pictures_per_second(self) -> float:
        """Over all timed steps."""
        return 1e3 * self.batch * len(self.total) / sum(self.total)

    def figures(self) -> dict[str, Any]:
        """For --json."""
        middle, high = middle_and_p95(self.total)
        return {
            "arch": self.arch,
            "what": "step" if self.threads else "loader",
            "threads": self.threads,
            "batch": self.batch,
            "steps": len(self.total),
            "pictures_per_second": round(self.pictures_per_second(), 2),
            "median_ms": round(middle, 3),
            "p95_ms": round(high, 3),
            "waited": round(sum(self.waited) / sum(self.total), 4) if self.waited else None,
        }


def make_pictures(folder: Path) -> Path:
    """Bright ellipses on noise, and noise alone, as JPEG with PNG masks; returns their list."""
    rng = np.random.default_rng(0)
    rows = ["image,mask"]
    for i in range(PICTURES + ROOMS):
        coarse = rng.integers(0, 160, (SIZE[0] // 16, SIZE[1] // 16, 3), np.uint8)
        image = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        mask = np.zeros(SIZE, np.uint8)
        if i < PICTURES:
            centre, axes = (int(rng.integers(200, 440)), 440), (int(rng.integers(80, 160)), int(rng.integers(180, 380)))
            cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
            image[mask > 0] = image[mask > 0] // 4 + 180
        cv2.imwrite(str(folder / f"{i}.jpg"), image)
        cv2.imwrite(str(folder / f"{i}.png"), mask)
        rows.append(f"{i}.jpg,{i}.png")
    (folder / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "list.csv"


def read_all(config: TrainConfig) -> TrainBatches:
    """The batches of a run, their pictures in memory."""
    data = TrainBatches(config)
    for _ in data.preload():
        pass
    return data


def time_loader(config: TrainConfig) -> Measured:
    """One worker process makes batches as fast as it can."""
    result = Measured(config.arch, None, config.batch)
    asked = time.perf_counter()
    for step, _ in enumerate(batches(read_all(replace(config, workers=1)), 0)):
        arrived = time.perf_counter()
        if step >= WARM_UP:
            result.total.append(1e3 * (arrived - asked))
        asked = time.perf_counter()
    return result


def time_steps(config: TrainConfig) -> Measured:
    """Whole steps of a run, everything trained: wait for the batch, forward, backward, optimiser, average."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = choose_device(config)
    state = initial_state(build(config.arch), config, device)
    result = Measured(config.arch, config.threads, config.batch)
    asked = time.perf_counter()
    for step, batch in enumerate(batches(read_all(config), 0)):
        arrived = time.perf_counter()
        train_step(config, state, batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        done = time.perf_counter()
        if step >= WARM_UP:
            result.total.append(1e3 * (done - asked))
            result.waited.append(1e3 * (arrived - asked))
        asked = time.perf_counter()
    return result


def table(results: list[Measured]) -> Table:
    """For the screen."""
    shown = Table(title="training throughput", title_justify="left", box=None)
    shown.add_column("", no_wrap=True)
    for column in ("threads", "batch", "pictures/s", "median", "p95", "waited"):
        shown.add_column(column, justify="right")
    for result in results:
        f = result.figures()
        name = f"{result.arch} {f['what']}"
        waited = f"{f['waited']:.1%}" if result.waited else ""
        cells = (str(f["batch"]), *(f"{f[key]:.1f}" for key in ("pictures_per_second", "median_ms", "p95_ms")), waited)
        shown.add_row(name, str(result.threads or ""), *cells)
    return shown


def report(results: list[Measured], precision: str, workers: int) -> dict[str, Any]:
    """For --json: figures, machine and versions."""
    return {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "precision": precision,
        "workers": workers,
        **surroundings(PACKAGES),
        "results": [result.figures() for result in results],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="balanced,fast", help="comma-separated; also quality and classic")
    parser.add_argument("--threads", default="1,2", help="of torch on the CPU, comma-separated")
    parser.add_argument("--steps", type=int, default=30, help="timed steps per configuration")
    parser.add_argument("--batch", type=int, default=16, help="pictures per step")
    parser.add_argument("--workers", type=int, default=1, help="processes that make batches while a net trains")
    parser.add_argument("--precision", default="fp32", help="fp32, bf16 or fp16")
    parser.add_argument("--device", default="auto", choices=("auto", "cuda"), help="cuda: fail where torch has none")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    threads, console = [int(n) if n.isdecimal() else 0 for n in options.threads.split(",")], Console()
    if options.steps < 1 or 0 in threads:
        parser.error(f"--steps {options.steps}, --threads {options.threads}: give whole numbers above 0")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.exit(1, f"nothing measured: --device cuda, and torch {torch.__version__} finds no GPU\n")
    try:
        settings = {"batch": options.batch, "workers": options.workers, "precision": options.precision}
        settings |= {"steps": WARM_UP + options.steps, "frozen_steps": 0, "val": "none"}
        with tempfile.TemporaryDirectory() as folder:
            train = str(make_pictures(Path(folder)))
            results = []
            for arch in options.arch.split(","):
                console.print(f"timing {arch}", style="dim")
                configs = [TrainConfig(train, arch=arch, threads=n, **settings) for n in threads]
                results += [time_loader(configs[0]), *map(time_steps, configs)]
        console.print(table(results))
        console.print("loader: one worker alone. median, p95: ms per step or batch. waited: share of it, for the batch")
        if options.json:
            write_json(options.json, report(results, options.precision, options.workers))
    except RtsegError as e:
        parser.exit(1, f"{e}\n")


if __name__ == "__main__":
    main()
