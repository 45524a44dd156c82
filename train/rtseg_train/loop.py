"""The training loop: two phases, decoder first, then everything; logs, scores, checkpoints.

From a pair of files to the loss a sample goes through five others: data.py draws the pictures of a batch, augment.py
makes a sample of each, unet.py logits of the batch, losses.py says how far off they are; step.py has all that in one
function, `train_step`, and moves the weights.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

import torch
from rich.progress import Progress

from rtseg.errors import DataError
from rtseg.progress import progress_bar
from rtseg_train.checkpoint import TrainState, load_state, save_state, save_weights
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches, batches
from rtseg_train.dataset import Pair
from rtseg_train.distributed import check_shares, current_world
from rtseg_train.evaluate import evaluate, torch_predictor
from rtseg_train.memory import batch_bytes, check_memory, processes_here
from rtseg_train.metrics import summary
from rtseg_train.nets import build
from rtseg_train.report import Sheet, draw_curves
from rtseg_train.run_folder import inputs_of, refuse_to_overwrite, writing
from rtseg_train.said import how_repeatable, scores_in_words, too_short
from rtseg_train.starting import starting_net
from rtseg_train.step import choose_device, initial_state, learning_rates, train_step
from rtseg_train.tracking import Board, Meter, add_row, check_tensorboard, keep_rows
from rtseg_train.workers import check_shared_memory, losing_none

LOG_EVERY = 20  # steps
SHEET_PICTURES = 24


def fit(config: TrainConfig, folder: Path, resume: bool = False) -> Path:
    """Train into `folder` and return the checkpoint of the averaged weights, `model.safetensors`.

    In several processes (see distributed.py) they must all see the same folder to resume. Raises DataError for bad
    data, for a folder that holds another run, for a loss that is not finite, and for what this machine can't do.
    """
    state_file, world = folder / "state.safetensors", current_world()
    if state_file.exists() and not resume:
        raise DataError(f"{folder} holds a run already; continue it with --resume or give another --out")
    if resume and not state_file.exists():
        raise DataError(f"nothing to resume in {folder}: no {state_file.name}")
    check_shares(config, world)
    device = choose_device(config)
    check_shared_memory(batch_bytes(config, world.size) * processes_here(), config.workers)
    tight = check_memory(config, device, world.size)
    if config.tensorboard:
        check_tensorboard()
    data = TrainBatches(config)
    data.shard = world.rank, world.size
    if world.leads:
        refuse_to_overwrite(folder, inputs_of(config, data.inspection.sets, data.rooms, data.cutouts))
        make_folder(config, folder)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    state = initial_state(build(config.arch) if resume else starting_net(config), config, device)
    if resume:
        load_state(state, state_file)
    with losing_none(), progress_bar(disable=not world.leads) as progress:
        if world.leads:
            for line in (how_repeatable(config, device, world), *([tight] if tight else []), *too_short(config)):
                progress.console.print(line)
        reading = progress.add_task("reading pictures", total=len(data.val) + data.count)
        for _ in data.preload():
            progress.advance(reading)
        for line in data.inspection.report(folder, resume) if world.leads else []:
            progress.console.print(line)
        run_steps(config, folder, state, data, progress)
    return folder / "model.safetensors"


def run_steps(config: TrainConfig, folder: Path, state: TrainState, data: TrainBatches, progress: Progress) -> None:
    """All remaining steps; the first process logs, evaluates, draws and saves while the others wait."""
    world, log = current_world(), folder / "log.csv"
    task = progress.add_task("training", total=config.steps, completed=state.step)
    if world.leads:
        with writing(folder):
            keep_rows(log, state.step)
    meter, session = Meter(), Meter()
    with Board(folder / "tensorboard", state.step, config.tensorboard and world.leads) as board:
        asked = time.perf_counter()
        for batch in batches(data, state.step):
            arrived = time.perf_counter()
            losses = train_step(config, state, batch)
            for m in (meter, session):
                m.add(losses, len(batch[0]) * world.size, asked, arrived)
            last = state.step == config.steps
            due = state.step % config.eval_every == 0 or last
            save = state.step % config.checkpoint_every == 0 or last
            # A row at every checkpoint: rows of a resumed run are then means over the same steps.
            if world.leads and (due or save or state.step % LOG_EVERY == 0):
                row = {"step": state.step, "lr": round(learning_rates(config, state.step - 1)[0], 7), **meter.means()}
                progress.update(task, description=f"loss {row['loss']:.4f}  {row['pictures_per_second']} pictures/s")
                with writing(folder):
                    if due:
                        row |= evaluation(config, folder, state, data.val)
                        progress.console.print(f"step {state.step}: {scores_in_words(row)}")
                    add_row(log, row)
                    board.add(row, folder / "sheet.png" if due and data.val else None)
                    if due:
                        draw_curves(log, folder / "curves.png")
                    if save:
                        save_state(state, folder / "state.safetensors")
                meter = Meter()
            if due or save:
                world.barrier()
            progress.update(task, completed=state.step)
            asked = time.perf_counter()
    if session.losses:
        progress.console.print(session.sentence())
        if world.leads:
            progress.console.print(f"at the end: {scores_in_words(row)}")


def evaluation(config: TrainConfig, folder: Path, state: TrainState, val: list[Pair]) -> dict[str, float]:
    """Save the averaged weights; with a validation list score them and draw the contact sheet."""
    row: dict[str, float] = {}
    scores: dict[str, dict[str, float]] = {}
    if val:
        predict = torch_predictor(copy.deepcopy(state.ema).cpu().float(), config.preferred_area)
        sheet = Sheet(range(0, len(val), max(1, len(val) // SHEET_PICTURES))[:SHEET_PICTURES])
        scores = summary(evaluate(predict, val, [sheet.look]))
        for group in ("PORTRAIT", "ALL"):
            if group in scores:
                row[f"{group.lower()}_iou"] = round(scores[group]["iou"], 3)
                row[f"{group.lower()}_boundary_iou"] = round(scores[group]["boundary_iou"], 3)
        if "EMPTY" in scores:
            row["false_alarm"] = round(scores["EMPTY"]["false_alarm"], 4)
        sheet.write(folder / "sheet.png")
    info = {"name": config.model_name, "arch": config.arch, "area": config.preferred_area}
    save_weights(state.ema, folder / "model.safetensors", info | {"step": state.step, "scores": scores})
    return row


def make_folder(config: TrainConfig, folder: Path) -> None:
    """The run's folder, with its config; raises DataError when it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.save(folder / "config.json")
    except OSError as e:
        raise DataError(f"cannot write the run's folder {folder}: {e}") from e
