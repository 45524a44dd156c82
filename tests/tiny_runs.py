"""Runs small enough for tests: four bright ellipses on dark noise, pictures of 64x32, a few steps."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from rtseg.arrays import U8
from rtseg_train import loop
from rtseg_train.cli import app
from rtseg_train.config import TrainConfig
from rtseg_train.data import Batch
from rtseg_train.step import Losses

ROOT = Path(__file__).parents[1]


def bust(size: int = 64) -> U8:
    """A mask of a bust: the upper corners free, cut by the bottom."""
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, (size // 2, size), (size // 4, size * 3 // 4), 0, 0, 360, 255, -1)
    return mask


def write_pictures(folder: Path) -> Path:
    """The pictures and their masks; returns their list."""
    rng = np.random.default_rng(0)
    rows = ["image,mask"]
    for i in range(4):
        image = rng.integers(0, 80, (80, 80, 3), np.uint8)
        mask = np.zeros((80, 80), np.uint8)
        cv2.ellipse(mask, (40, 70), (20 + 3 * i, 50), 0, 0, 360, 255, -1)
        image[mask > 0] = 230
        cv2.imwrite(str(folder / f"{i}.jpg"), image)
        cv2.imwrite(str(folder / f"{i}.png"), mask)
        rows.append(f"{i}.jpg,{i}.png")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder / "list.csv"


def tiny(pictures: Path, **settings: object) -> TrainConfig:
    """Two phases of three steps, a checkpoint after each; `settings` win."""
    values: dict[str, object] = {
        "arch": "fast",
        "batch": 2,
        "area": 2048,
        "max_area": 2048,
        "workers": 0,
        "threads": 1,
        "warmup": 2,
        "steps": 6,
        "frozen_steps": 3,
        "eval_every": 6,
        "checkpoint_every": 3,
        "val": str(pictures),
        "init": None if "encoder" in settings else "scratch",
        **settings,
    }
    return TrainConfig(train=str(pictures), **values)  # type: ignore[arg-type]


def options(config: TrainConfig) -> list[str]:
    """The command line that gives this config."""
    defaults, arguments = TrainConfig(train=config.train), [config.train]
    for name in TrainConfig.option_types():
        value = getattr(config, name)
        if value != getattr(defaults, name):
            arguments += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return arguments


def environment() -> dict[str, str]:
    """For child processes: they find the packages without an installation, and use one thread each."""
    roots = os.pathsep.join(str(ROOT / part) for part in (".", "train", "export"))
    return {**os.environ, "PYTHONPATH": roots, "OMP_NUM_THREADS": "1"}


def read_log(folder: Path) -> list[dict[str, str]]:
    """The rows of a run's log."""
    with (folder / "log.csv").open(newline="") as f:
        return list(csv.DictReader(f))


def without_times(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows without what differs between two equal runs."""
    return [{k: v for k, v in row.items() if k not in ("pictures_per_second", "waited")} for row in rows]


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Make the run end as by Ctrl-C once it has done so many steps."""
    real = loop.train_step

    def step(config: TrainConfig, state: loop.TrainState, batch: Batch) -> Losses:
        if state.step == steps:
            raise KeyboardInterrupt
        return real(config, state, batch)

    monkeypatch.setattr(loop, "train_step", step)


def call(*args: object) -> object:
    """`rtseg train ...` or another of the trainer's commands, in this process; errors come out."""
    return typer.main.get_command(app).main(args=list(map(str, args)), prog_name="rtseg", standalone_mode=False)
