"""The training loop: `fit` runs two phases (decoder first, then everything), logs, evaluates, checkpoints."""

from __future__ import annotations

import copy
import csv
import math
import time
from itertools import chain
from pathlib import Path

import torch
from rich.progress import Progress
from torch import nn

from rtseg.errors import DataError
from rtseg.progress import progress_bar
from rtseg_train.checkpoint import TrainState, load_state, read_tensors, save_state, save_weights
from rtseg_train.config import TrainConfig
from rtseg_train.data import Batch, Pair, TrainBatches, batches, check_pairs, read_list
from rtseg_train.evaluate import evaluate, torch_predictor
from rtseg_train.losses import boundary_loss, segmentation_loss, temporal_loss
from rtseg_train.metrics import summary
from rtseg_train.nets import build
from rtseg_train.report import draw_curves, draw_sheet
from rtseg_train.unet import UNet

LOG_COLUMNS = [
    *("step", "loss", "lr", "pictures_per_second", "waited"),
    *("portrait_iou", "portrait_boundary_iou", "all_iou", "all_boundary_iou", "false_alarm"),
]
LOG_EVERY = 20  # steps
SHIPPED = Path(__file__).parent  # holds what the shipped models were exported from, ARCH.safetensors
SHEET_PICTURES = 24


def fit(config: TrainConfig, folder: Path, resume: bool = False) -> Path:
    """Train into `folder` and return the checkpoint of the averaged weights, `model.safetensors`.

    Raises DataError for bad data, for a folder that holds another run, and when the loss is not finite.
    """
    state_file, config_file = folder / "state.safetensors", folder / "config.json"
    if state_file.exists() and not resume:
        raise DataError(f"{folder} holds a run already; continue it with --resume or give another --out")
    if resume and not state_file.exists():
        raise DataError(f"nothing to resume in {folder}: no {state_file.name}")
    data, val = TrainBatches(config), read_list(Path(config.val)) if config.val else []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.save(config_file)
    except OSError as e:
        raise DataError(f"cannot write the run's folder {folder}: {e}") from e
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    state = initial_state(build(config.arch) if resume else starting_net(config), config, device)
    if resume:
        load_state(state, state_file)
    with progress_bar() as progress:
        reading = progress.add_task("reading pictures", total=len(val) + len(data.pairs) + len(data.rooms))
        for _ in chain(check_pairs(val), data.preload()):
            progress.advance(reading)
        run_steps(config, folder, state, data, val, progress)
    return folder / "model.safetensors"


def initial_state(net: nn.Module, config: TrainConfig, device: torch.device) -> TrainState:
    """The net, its average and its optimiser, on the device."""
    net = net.to(device).to(memory_format=torch.channels_last)
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        groups.setdefault((name.startswith("encoder."), parameter.ndim > 1), []).append(parameter)
    optimiser = torch.optim.AdamW(
        {"params": params, "encoder": encoder, "weight_decay": config.weight_decay if decays else 0.0}
        for (encoder, decays), params in groups.items()
    )
    return TrainState(net, copy.deepcopy(net).eval(), optimiser)


def starting_net(config: TrainConfig) -> nn.Module:
    """What the config says to start from: another run, the shipped model, an ImageNet encoder, or nothing."""
    net = build(config.arch)
    if config.encoder:
        if not isinstance(net, UNet):
            raise DataError(f"the {config.arch} net has no encoder to load; leave out --encoder")
        net.encoder.load_pretrained(Path(config.encoder))
        return net
    shipped = SHIPPED / f"{config.arch}.safetensors"
    if config.init == "scratch" or (config.init is None and not shipped.exists()):
        return net
    warm_start(net, Path(config.init) if config.init else shipped)
    return net


def warm_start(net: nn.Module, path: Path) -> None:
    """Copy every tensor of the checkpoint that has the name and shape of one of the net's.

    So that a smaller net starts from a larger relative; raises DataError when less than half would fit.
    """
    given, own = read_tensors(path), net.state_dict()
    fitting = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    if len(fitting) < len(own) / 2:
        raise DataError(f"{path} fits {len(fitting)} of the {len(own)} tensors of this net; start with --init scratch")
    net.load_state_dict(fitting, strict=False)


def learning_rates(config: TrainConfig, step: int) -> tuple[float, float]:
    """(decoder, encoder) rates of a step: warm-up in each phase, then cosine to 1 % in the second."""
    if step < config.frozen_steps:
        return config.frozen_lr * min(1, (step + 1) / config.warmup), 0.0
    done = step - config.frozen_steps
    progress = done / max(1, config.steps - config.frozen_steps)
    factor = min(1, (done + 1) / config.warmup) * (0.505 + 0.495 * math.cos(math.pi * progress))
    return config.lr * factor, config.encoder_lr * factor


def train_step(config: TrainConfig, state: TrainState, batch: Batch) -> float:
    """One optimiser step; returns the loss."""
    net, optimiser = state.net, state.optimiser
    device = next(net.parameters()).device
    *tensors, pairs = batch
    frame, previous, alpha = (t.to(device, non_blocking=True) for t in tensors)
    decoder_lr, encoder_lr = learning_rates(config, state.step)
    for group in optimiser.param_groups:
        group["lr"] = encoder_lr if group["encoder"] else decoder_lr
        for parameter in group["params"]:
            parameter.requires_grad_(not group["encoder"] or state.step >= config.frozen_steps)
    net.train()
    with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
        logits = net(frame, previous)
    loss = segmentation_loss(logits, alpha) + config.boundary * boundary_loss(frame, logits, alpha)
    loss = loss + config.temporal * temporal_loss(logits, alpha, pairs)
    if not torch.isfinite(loss):
        raise DataError(f"the loss is {loss.item()} at step {state.step}; lower the learning rate or look at the data")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), config.clip)
    optimiser.step()
    state.step += 1
    update_average(state, min(config.ema, (1 + state.step) / (10 + state.step)))
    return loss.item()


@torch.no_grad()
def update_average(state: TrainState, decay: float) -> None:
    """Move the averaged weights towards the current ones; BatchNorm statistics are averaged too."""
    for average, current in zip(state.ema.state_dict().values(), state.net.state_dict().values(), strict=True):
        if average.dtype.is_floating_point:
            average.lerp_(current, 1 - decay)
        else:
            average.copy_(current)


def run_steps(
    config: TrainConfig, folder: Path, state: TrainState, data: TrainBatches, val: list[Pair], progress: Progress
) -> None:
    """All remaining steps, with their log, evaluations, pictures and checkpoints."""
    task = progress.add_task("training", total=config.steps, completed=state.step)
    log = folder / "log.csv"
    keep_rows(log, state.step)
    losses: list[float] = []
    waited, seen, clock = 0.0, 0, time.perf_counter()
    start = time.perf_counter()
    for batch in batches(data, state.step):
        waited += time.perf_counter() - clock
        losses.append(train_step(config, state, batch))
        seen += len(batch[0])
        last = state.step == config.steps
        due = state.step % config.eval_every == 0 or last
        row = evaluation(config, folder, state, val) if due else {}
        if state.step % LOG_EVERY == 0 or due:
            spent = time.perf_counter() - start
            row |= {
                "step": state.step,
                "loss": round(sum(losses) / len(losses), 5),
                "lr": round(learning_rates(config, state.step - 1)[0], 7),
                "pictures_per_second": round(seen / spent, 2),
                "waited": round(waited / spent, 3),
            }
            with log.open("a", newline="", encoding="utf-8") as f:
                csv.DictWriter(f, LOG_COLUMNS).writerow(row)
            progress.update(task, description=f"loss {row['loss']:.4f}  {row['pictures_per_second']} pictures/s")
            losses, waited, seen, start = [], 0.0, 0, time.perf_counter()
        if due:
            draw_curves(log, folder / "curves.png")
        if state.step % config.checkpoint_every == 0 or last:
            save_state(state, folder / "state.safetensors")
        progress.update(task, completed=state.step)
        clock = time.perf_counter()


def keep_rows(log: Path, step: int) -> None:
    """Start the log, or on resume drop the rows after the checkpoint, which will be written again."""
    rows: list[dict[str, str]] = []
    if log.exists() and step:
        with log.open(newline="", encoding="utf-8") as f:
            rows = [r for r in csv.DictReader(f) if int(r["step"]) <= step]
    with log.open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, LOG_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def evaluation(config: TrainConfig, folder: Path, state: TrainState, val: list[Pair]) -> dict[str, float]:
    """Save the averaged weights; with a validation list score them and draw the contact sheet."""
    row: dict[str, float] = {}
    scores: dict[str, dict[str, float]] = {}
    if val:
        predict = torch_predictor(copy.deepcopy(state.ema).cpu().float(), config.preferred_area)
        scores = summary(evaluate(predict, val))
        for group in ("PORTRAIT", "ALL"):
            if group in scores:
                row[f"{group.lower()}_iou"] = round(scores[group]["iou"], 3)
                row[f"{group.lower()}_boundary_iou"] = round(scores[group]["boundary_iou"], 3)
        if "EMPTY" in scores:
            row["false_alarm"] = round(scores["EMPTY"]["false_alarm"], 4)
        draw_sheet(predict, val[:: max(1, len(val) // SHEET_PICTURES)][:SHEET_PICTURES], folder / "sheet.png")
    info = {"name": config.model_name, "arch": config.arch, "area": config.preferred_area}
    save_weights(state.ema, folder / "model.safetensors", info | {"step": state.step, "scores": scores})
    return row
