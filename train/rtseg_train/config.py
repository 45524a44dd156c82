"""Everything that decides a training run, one line per knob; saved beside the checkpoint."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtseg.errors import DataError


@dataclass(frozen=True)
class TrainConfig:
    """A run's settings. Paths are kept as they were given."""

    train: str  # CSV with the columns image,mask[,source]; paths relative to the CSV
    val: str | None = None  # the same for validation; never trained on
    encoder: str | None = None  # safetensors with ImageNet weights; None: from scratch
    backgrounds: str | None = None  # folder of pictures without people, to composite on
    name: str = "balanced"  # goes into the model file
    steps: int = 6000  # optimiser steps in all
    frozen_steps: int = 500  # first phase: decoder only, encoder frozen
    batch: int = 16  # pictures per step
    area: int = 40960  # pixels at network size that the model prefers (256x160)
    max_area: int = 90112  # batches are drawn between 0.9 x area and this
    lr: float = 1e-3  # decoder, peak
    frozen_lr: float = 2e-3  # decoder, first phase
    encoder_lr: float = 2e-4  # encoder, peak; higher forgets ImageNet first
    warmup: int = 200  # steps, at the start of each phase
    weight_decay: float = 1e-2  # AdamW, convolution weights only
    clip: float = 5.0  # gradient norm
    ema: float = 0.999  # decay of the averaged weights, which are what is evaluated and exported
    composite: float = 0.6  # share of pictures whose background is replaced, in landscape batches; half in others
    empty: float = 0.08  # share of pictures that are a bare background
    bf16: bool = False  # autocast; for GPUs. On an AVX512-BF16 CPU depthwise convolutions made it 15 % slower
    workers: int = 1  # data loading processes; 0 loads in the training process
    threads: int = 0  # torch threads on the CPU; 0: as many as torch likes
    cache_mib: int = 3000  # decoded pictures kept in memory
    eval_every: int = 500  # steps
    checkpoint_every: int = 100  # steps
    seed: int = 2026

    def __post_init__(self) -> None:
        for field in ("steps", "batch", "area", "eval_every", "checkpoint_every"):
            if getattr(self, field) < 1:
                raise DataError(f"{field} is {getattr(self, field)}; give at least 1")
        if self.max_area < self.area:
            raise DataError(f"max_area {self.max_area} is below area {self.area}")

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        """Read a saved config; raises DataError when it is not one."""
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(**values)
        except (OSError, ValueError, TypeError) as e:
            raise DataError(f"{path} is not a training config: {e}") from e
