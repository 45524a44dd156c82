"""What a run says of itself, in words."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from rtseg_train.config import TrainConfig
from rtseg_train.distributed import World


def how_repeatable(config: TrainConfig, device: torch.device, world: World) -> str:
    """One line: where the run is computed, and what the seed decides."""
    where = f"{config.precision} on {device.type}" + (f" in {world.size} processes" if world.size > 1 else "")
    exact = "bit by bit with as many threads" if device.type == "cpu" else "up to rounding, as CUDA sums in any order"
    return f"{where}; seed {config.seed} decides weights, samples and their order: the run repeats {exact}"


def scores_in_words(row: Mapping[str, float]) -> str:
    """The validation scores of a row of the log, in percent."""
    names = {"all_iou": "IoU", "all_boundary_iou": "boundary IoU", "portrait_iou": "IoU of portraits"}
    parts = [f"{name} {row[column]:.1f}" for column, name in names.items() if column in row]
    parts += [f"false alarm {row['false_alarm']:.2f} % of empty pictures"] if "false_alarm" in row else []
    return f"validation {', '.join(parts)}" if parts else "no validation pictures, so no scores"


def too_short(config: TrainConfig) -> list[str]:
    """A warning for a run that ends before it has come to train everything at the full rate."""
    warm = config.frozen_steps + config.warmup
    if config.steps > warm:
        return []
    phase, cure = f"the warm-up after that ({config.warmup} steps, --warmup)", f"more than {warm} --steps"
    if config.steps <= config.frozen_steps:
        phase, cure = "it: the encoder is never trained", f"{cure}, or --frozen-steps and --warmup to match"
    return [
        f"WARNING: the decoder is trained alone for {config.frozen_steps} steps (--frozen-steps), and {config.steps} "
        f"steps end inside {phase}; give {cure}"
    ]
