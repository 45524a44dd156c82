"""Checkpoints: safetensors for every tensor, JSON for the rest; written whole or not at all, never pickled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rtseg.errors import DataError
from rtseg.files import whole_file
from rtseg.sources.plain_name import plain_name
from rtseg.texts import read_json
from rtseg_train.nets import build_for


@dataclass
class TrainState:
    """What a run needs to go on as if it had never stopped."""

    net: nn.Module
    ema: nn.Module
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler  # of the loss, for fp16; else it does nothing
    step: int = 0  # optimiser steps done
    skipped: int = 0  # how many of the last steps fp16 left out, in a row
    forward: nn.Module | None = None  # net, or what joins it to other processes; made anew in each phase
    frozen: bool = False  # whether `forward` was made for the phase with a frozen encoder


def save_weights(net: nn.Module, path: Path, info: dict[str, object]) -> None:
    """Weights to `path` (safetensors) and `info` to the .json beside it."""
    tensors = {name: value.contiguous() for name, value in net.state_dict().items()}
    with whole_file(path) as weights, whole_file(path.with_suffix(".json")) as notes:
        save_file(tensors, weights)
        notes.write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")


def read_notes(path: Path) -> dict[str, object]:
    """The JSON beside the weights `path`; raises DataError when it is missing or not from save_weights."""
    notes = path.with_suffix(".json")
    try:
        return read_json(notes)
    except (OSError, ValueError) as e:
        raise DataError(f"cannot read {notes}, which `rtseg train` writes beside {path.name}: {e}") from e


def load_weights(path: Path) -> tuple[nn.Module, dict[str, object]]:
    """The net and the JSON that `save_weights` wrote; raises DataError for anything else."""
    info = read_notes(path)
    if not isinstance(info.get("arch"), str):
        raise DataError(f"{path.with_suffix('.json')} names no arch; it is not from `rtseg train`")
    tensors = read_tensors(path)
    net = build_for(str(info["arch"]), tensors)
    try:
        net.load_state_dict(tensors)
    except RuntimeError as e:
        raise DataError(f"{path} holds another net: {' '.join(str(e).split())[:200]}") from e
    return net.eval(), info


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file; raises DataError when it is not one."""
    try:
        with plain_name(path) as name:  # save_file takes any
            return load_file(name)
    except (OSError, SafetensorError) as e:
        raise DataError(f"cannot read the checkpoint {path}; it is cut off or not safetensors: {e}") from e


def save_state(state: TrainState, path: Path) -> None:
    """Everything needed to resume, in one safetensors file."""
    tensors: dict[str, Tensor] = {"step": torch.tensor(state.step), "skipped": torch.tensor(state.skipped)}
    # Python floats are doubles; so are these, or the scale would not come back as it was.
    tensors |= {f"scaler.{k}": torch.tensor(v, dtype=torch.float64) for k, v in state.scaler.state_dict().items()}
    for prefix, net in (("net", state.net), ("ema", state.ema)):
        tensors |= {f"{prefix}.{name}": value.contiguous() for name, value in net.state_dict().items()}
    for index, slots in state.optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{slot}": value.contiguous() for slot, value in slots.items()}
    with whole_file(path) as temporary:
        save_file(tensors, temporary)


def load_state(state: TrainState, path: Path) -> None:
    """Fill `state` from what save_state wrote; raises DataError when it does not fit."""
    try:
        with plain_name(path) as name:
            tensors = load_file(name)
        state.step = int(tensors.pop("step"))
        state.skipped = int(tensors.pop("skipped", 0))
        parts: dict[str, dict[str, Tensor]] = {"net": {}, "ema": {}, "adam": {}, "scaler": {}}
        for name, value in tensors.items():
            prefix, _, rest = name.partition(".")
            if prefix not in parts:
                continue
            parts[prefix][rest] = value
        state.net.load_state_dict(parts["net"])
        state.ema.load_state_dict(parts["ema"])
        if state.scaler.is_enabled():
            state.scaler.load_state_dict({k: type(v)(parts["scaler"][k]) for k, v in state.scaler.state_dict().items()})
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as e:
        raise DataError(f"cannot resume from {path}: {e}") from e
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in parts["adam"].items():
        index, slot = name.split(".")
        slots.setdefault(int(index), {})[slot] = value
    groups = state.optimiser.state_dict()["param_groups"]
    state.optimiser.load_state_dict({"state": slots, "param_groups": groups})
