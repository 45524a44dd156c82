"""One optimiser step, in fp32, bf16 or fp16, in one process or in several."""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rtseg.errors import DataError
from rtseg_train.batch import Batch
from rtseg_train.checkpoint import TrainState
from rtseg_train.config import TrainConfig
from rtseg_train.distributed import averaging, current_world, share_batch_norm
from rtseg_train.losses import boundary_loss, pixel_weights, segmentation_loss, temporal_loss
from rtseg_train.unet import ConvBN

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MOST_SKIPPED = 50  # fp16 steps in a row


class Losses(NamedTuple):
    """What a step minimised and its parts before their weights, all means over the whole batch."""

    loss: float
    segmentation: float
    boundary: float
    temporal: float


def choose_device(config: TrainConfig) -> torch.device:
    """CUDA where there is one; raises DataError for fp16 without it."""
    if torch.cuda.is_available():
        # TF32 keeps fp32's range. cudnn.benchmark stays off: it would time every kernel anew for each of the
        # many shapes that batches take.
        torch.set_float32_matmul_precision("high")
        return torch.device("cuda")
    if config.precision == "fp16":
        raise DataError("fp16 training needs a CUDA GPU and none is to be had; use --precision fp32 or bf16")
    return torch.device("cpu")


def initial_state(net: nn.Module, config: TrainConfig, device: torch.device) -> TrainState:
    """The net, its average and its optimiser, on the device."""
    if current_world().size > 1:
        share_batch_norm(net)
    # Channels last is faster on a CPU. On CUDA cuDNN would then compile every convolution for each shape anew, 9 s a
    # shape in bf16 on an H200 (0.35 s otherwise), and batches have dozens of shapes; a step takes 60 ms, not 35.
    layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
    net = net.to(device).to(memory_format=layout)
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        groups.setdefault((name.startswith("encoder."), parameter.ndim > 1), []).append(parameter)
    optimiser = torch.optim.AdamW(
        {"params": params, "encoder": encoder, "weight_decay": config.weight_decay if decays else 0.0}
        for (encoder, decays), params in groups.items()
    )
    scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
    return TrainState(net, copy.deepcopy(net).eval(), optimiser, scaler)


def learning_rates(config: TrainConfig, step: int) -> tuple[float, float]:
    """(decoder, encoder) rates of a step: warm-up in each phase, then cosine to 1 % in the second."""
    if step < config.frozen_steps:
        return config.frozen_lr * min(1, (step + 1) / config.warmup), 0.0
    done = step - config.frozen_steps
    progress = done / max(1, config.steps - config.frozen_steps)
    factor = min(1, (done + 1) / config.warmup) * (0.505 + 0.495 * math.cos(math.pi * progress))
    return config.lr * factor, config.encoder_lr * factor


def enter_phase(config: TrainConfig, state: TrainState) -> nn.Module:
    """Set the step's learning rates, freeze or open the encoder; returns what to call for logits."""
    frozen = state.step < config.frozen_steps
    decoder_lr, encoder_lr = learning_rates(config, state.step)
    for group in state.optimiser.param_groups:
        group["lr"] = encoder_lr if group["encoder"] else decoder_lr
    if state.forward is None or state.frozen != frozen:
        for group in state.optimiser.param_groups:
            for parameter in group["params"]:
                parameter.requires_grad_(not (group["encoder"] and frozen))
        state.frozen = frozen
        state.forward = averaging(state.net) if current_world().size > 1 else state.net
    return state.forward.train()


def train_step(config: TrainConfig, state: TrainState, batch: Batch) -> Losses:
    """One optimiser step on this process's share of the batch; returns the losses of the whole batch.

    Raises DataError when loss or gradient is not finite, before anything in the optimiser has changed. In fp16 a step
    whose gradient overflows is left out, and only MOST_SKIPPED of them in a row are an error.
    """
    forward = enter_phase(config, state)
    for module in state.net.modules():
        if isinstance(module, ConvBN):
            module.rounds = state.step >= config.steps - config.rounded_steps
    device = next(state.net.parameters()).device
    *tensors, pairs = batch
    frame, previous, alpha, sure = (t.to(device, non_blocking=True) for t in tensors)
    if fed_back(config, state.step):
        previous = own_alpha(state.ema, frame, previous)
    with torch.autocast(device.type, TYPES[config.precision], enabled=config.precision != "fp32"):
        logits = forward(frame, previous)
    weights = pixel_weights(alpha, sure)
    segmentation = segmentation_loss(logits, alpha, sure, weights)
    boundary, temporal = boundary_loss(frame, logits, alpha, weights), temporal_loss(logits, alpha, pairs)
    loss = segmentation + config.boundary * boundary + config.temporal * temporal
    state.optimiser.zero_grad(set_to_none=True)
    state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    state.scaler.unscale_(state.optimiser)
    norm = torch.nn.utils.clip_grad_norm_(state.net.parameters(), config.clip)
    parts = current_world().mean(torch.stack((loss, segmentation, boundary, temporal)).detach())
    *values, gradient = torch.cat((parts, norm[None])).tolist()  # one wait for the GPU instead of five
    losses = Losses(*values)
    check_finite(state, losses, gradient)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    state.step += 1
    update_average(state, min(config.ema, (1 + state.step) / (10 + state.step)))
    return losses


def fed_back(config: TrainConfig, step: int) -> bool:
    """Whether this step's net is told its own opinion of the frame, as of a frame that is repeated."""
    return bool(np.random.default_rng((config.seed, step, 0, 1)).random() < config.fed_back)


@torch.no_grad()
def own_alpha(net: nn.Module, frame: Tensor, previous: Tensor) -> Tensor:
    """What the averaged net makes of the frames, Nx1xHxW: a false alarm in it must be unlearned, not held."""
    return torch.sigmoid(net(frame, previous)).float()


def check_finite(state: TrainState, losses: Losses, gradient: float) -> None:
    """Raise DataError for a loss or gradient norm that no further step could mend; count fp16's overflows."""
    cure = "the last checkpoint is kept; lower the learning rate or look at the data"
    if not math.isfinite(losses.loss):
        parts = ", ".join(f"{name} {value:.4g}" for name, value in losses._asdict().items() if name != "loss")
        raise DataError(f"the loss is {losses.loss} at step {state.step} ({parts}); {cure}")
    if math.isfinite(gradient):
        state.skipped = 0
        return
    if not state.scaler.is_enabled():
        raise DataError(f"the gradient's norm is {gradient} at step {state.step} (loss {losses.loss:.4g}); {cure}")
    state.skipped += 1
    if state.skipped >= MOST_SKIPPED:
        what = f"{state.skipped} steps in a row, up to step {state.step}, had gradients that overflow fp16"
        raise DataError(f"{what}; the last checkpoint is kept; start again with --precision bf16 or fp32")


@torch.no_grad()
def update_average(state: TrainState, decay: float) -> None:
    """Move the averaged weights towards the current ones; BatchNorm statistics are averaged too."""
    for average, current in zip(state.ema.state_dict().values(), state.net.state_dict().values(), strict=True):
        if average.dtype.is_floating_point:
            average.lerp_(current, 1 - decay)
        else:
            average.copy_(current)
