"""Everything that decides a training run, one line per knob; saved beside the checkpoint."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtseg.errors import DataError
from rtseg.files import whole_file
from rtseg.schema import Mistake, checked, plain
from rtseg.texts import read_json

# Pixels at network size that each net of nets.py is made for.
AREAS = {"quality": 480 * 288, "balanced": 320 * 192, "fast": 160 * 128, "classic": 256 * 256}
PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class TrainConfig:
    """A run's settings. Paths are kept as they were given."""

    train: str  # CSV with the columns image,mask[,source], paths relative to the CSV; or a folder (see dataset.py)
    val: str | None = None  # validation pictures, as DATA; or none; else DATA's own part, or every 20th of it
    person: str | None = None  # which numbers or colours of the masks are the person: 15, 24,25, 1-19 or #c08080
    strict: bool = False  # refuse pictures that can't be used or lack their mask, instead of skipping them
    arch: str = "balanced"  # the net; classic is the U-Net of the textbooks
    init: str | None = None  # a model.safetensors to start from, or scratch; else what ships
    encoder: str | None = None  # in place of --init: safetensors with ImageNet weights for the encoder alone
    backgrounds: str | None = None  # folder of pictures without people, to composite on
    cutouts: str | None = None  # people with exact alpha, put on --backgrounds: transparent PNGs, or a list fg,mask
    name: str | None = None  # goes into the model file; else the arch's
    steps: int = 6000  # optimiser steps in all
    frozen_steps: int = 500  # first phase: decoder only, encoder frozen
    batch: int = 16  # pictures per step
    area: int | None = None  # pixels at network size that the model prefers; else the arch's
    min_area: int | None = None  # pixels of the smallest batches; else 0.9 x area
    max_area: int | None = None  # pixels of the largest batches; else 2.2 x area
    lr: float = 1e-3  # learning rate of the decoder at its peak
    frozen_lr: float = 2e-3  # learning rate of the decoder in the first phase
    encoder_lr: float = 2e-4  # learning rate of the encoder at its peak; higher forgets ImageNet first
    warmup: int = 200  # steps, at the start of each phase
    weight_decay: float = 1e-2  # AdamW, convolution weights only
    clip: float = 5.0  # largest gradient norm
    ema: float = 0.999  # decay of the averaged weights, which are what is evaluated and exported
    composite: float = 0.6  # share of pictures whose background is replaced, in landscape batches; half in others
    empty: float = 0.08  # share of pictures that are a bare background
    cutout: float = 0.3  # share of pictures that are cut-outs on a background, where there are any
    paired: float = 0.25  # share of batches made of pairs of frames of one scene, for the temporal loss
    fed_back: float = 0.15  # share of batches in which the net is told its own alpha of the same frame
    boundary: float = 1.0  # weight of the boundary loss, which looks through the runtime's edge filter
    temporal: float = 5.0  # weight of the temporal loss
    rounded_steps: int = 0  # last steps, in which the net computes with its weights as an int8 file will have them
    precision: str = "fp32"  # autocast for bf16 and fp16 (CUDA only); bf16 was 15 % slower on an AVX512-BF16 CPU
    workers: int = 1  # data loading processes; 0 loads in the training process
    threads: int = 0  # torch threads on the CPU; 0: as many as torch likes
    cache_mib: int = 3000  # decoded pictures kept in memory
    eval_every: int = 500  # steps between two evaluations
    checkpoint_every: int = 100  # steps between two checkpoints
    tensorboard: bool = False  # also write the log and the contact sheet for TensorBoard (needs the tensorboard extra)
    seed: int = 2026  # of weights, samples and their order; on CUDA sums in another order still change last digits

    def __post_init__(self) -> None:
        lowest = {"steps": 1, "batch": 1, "warmup": 1, "eval_every": 1, "checkpoint_every": 1}
        lowest |= {"frozen_steps": 0, "workers": 0, "threads": 0, "cache_mib": 0, "composite": 0, "empty": 0, "ema": 0}
        lowest |= {"paired": 0, "fed_back": 0, "rounded_steps": 0, "cutout": 0, "boundary": 0, "temporal": 0}
        for field, least in lowest.items():
            if not getattr(self, field) >= least:
                raise DataError(f"{field} is {getattr(self, field)}; give at least {least}")
        for field in ("lr", "frozen_lr", "encoder_lr", "clip"):
            if not 0 < getattr(self, field) < float("inf"):
                raise DataError(f"{field} is {getattr(self, field)}; give a number above 0")
        if self.precision not in PRECISIONS:
            raise DataError(f"unknown precision {self.precision!r}; choose from {', '.join(PRECISIONS)}")
        if self.arch not in AREAS:
            raise DataError(f"unknown arch {self.arch!r}; choose from {', '.join(AREAS)}")
        if self.ema >= 1 or self.composite + self.empty + self.cutout > 1:
            shares = f"composite {self.composite} + empty {self.empty} + cutout {self.cutout}"
            raise DataError(f"ema {self.ema} must be below 1 and {shares} at most 1")
        if self.init and self.encoder:
            raise DataError("give --init or --encoder, not both")
        if not 1024 <= self.preferred_area <= self.largest_area:
            raise DataError(f"area {self.area}, max_area {self.max_area}: need 1024 <= area <= max_area")
        if not 900 <= self.smallest_area <= self.largest_area:
            raise DataError(f"min_area {self.min_area}, max_area {self.max_area}: need 900 <= min_area <= max_area")

    @property
    def preferred_area(self) -> int:
        """Pixels at network size that the model is made for."""
        return AREAS[self.arch] if self.area is None else self.area

    @property
    def smallest_area(self) -> int:
        """Pixels of the smallest batches."""
        return int(0.9 * self.preferred_area) if self.min_area is None else self.min_area

    @property
    def largest_area(self) -> int:
        """Pixels of the largest batches."""
        return int(2.2 * self.preferred_area) if self.max_area is None else self.max_area

    @property
    def model_name(self) -> str:
        """What the model file will be called."""
        return self.name or self.arch

    @classmethod
    def option_types(cls) -> dict[str, type]:
        """Every field but `train` with its plain type: what the command line offers."""
        types = {"str": str, "str | None": str, "int": int, "int | None": int, "float": float, "bool": bool}
        return {f.name: types[str(f.type)] for f in dataclasses.fields(cls) if f.name != "train"}

    def save(self, path: Path) -> None:
        """Write as JSON; `load` reads it."""
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        """Read a saved config; raises DataError when it is not one."""
        values = read_settings(path)
        if "train" not in values:
            raise DataError(f"{path} is not a training config: train, the pictures, is missing")
        return cls(**values)


# The panels in which `rtseg train --help` has them.
PANELS = {
    "Pictures": ("val", "person", "strict", "backgrounds", "cutouts"),
    "The net": ("arch", "init", "encoder", "name", "area", "min_area", "max_area"),
    "How long": ("steps", "frozen_steps", "batch", "warmup", "rounded_steps"),
    "Learning rates": ("lr", "frozen_lr", "encoder_lr", "weight_decay", "clip", "ema"),
    "What the pictures become": ("composite", "empty", "cutout", "paired", "fed_back"),
    "The loss": ("boundary", "temporal"),
    "The machine": ("precision", "workers", "threads", "cache_mib", "seed"),
    "What is kept on the way": ("eval_every", "checkpoint_every", "tensorboard"),
}


def read_settings(path: Path) -> dict[str, Any]:
    """Some or all fields of TrainConfig from a JSON file; raises DataError for anything else."""
    try:
        values = read_json(path)
    except (OSError, ValueError) as e:
        raise DataError(f"cannot read the settings {path}: {e}") from e
    kinds = {name: plain(kind) for name, kind in (TrainConfig.option_types() | {"train": str}).items()}
    try:
        return checked({k: v for k, v in values.items() if v is not None}, kinds, unknown="is not a training setting")
    except Mistake as e:
        raise DataError(f"{path}: {e}") from e


def field_help() -> dict[str, str]:
    """Each field's comment above as a sentence, with its default: the one place where a knob is explained."""
    notes = dict(re.findall(r"^    (\w+): .*?(?:  # (.*))?$", inspect.getsource(TrainConfig), re.MULTILINE))
    texts = {}
    for field in dataclasses.fields(TrainConfig):
        note, default = notes.get(field.name, ""), field.default
        sentence = f"{note[:1].upper()}{note[1:]}." if note else ""
        if isinstance(default, bool):
            sentence += f"  [default: {'' if default else 'no-'}{field.name.replace('_', '-')}]"
        elif isinstance(default, (int, float, str)):
            sentence += f"  [default: {default if isinstance(default, str) else f'{default:g}'}]"
        texts[field.name] = sentence
    return texts
