"""The training loop: `fit` runs two phases (decoder first, then everything), logs, evaluates, checkpoints."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from rich.progress import Progress
from torch import Tensor, nn

from rtseg.errors import DataError
from rtseg.models.model import TIERS
from rtseg.progress import progress_bar
from rtseg_train.checkpoint import TrainState, load_state, read_tensors, save_state, save_weights
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches, batches, open_data
from rtseg_train.dataset import Pair
from rtseg_train.distributed import World, check_shares, current_world
from rtseg_train.evaluate import evaluate, torch_predictor
from rtseg_train.memory import batch_bytes, check_memory, processes_here
from rtseg_train.metrics import summary
from rtseg_train.nets import build
from rtseg_train.report import Sheet, draw_curves
from rtseg_train.run_folder import inputs_of, refuse_to_overwrite, writing
from rtseg_train.step import choose_device, initial_state, learning_rates, train_step
from rtseg_train.tracking import Board, Meter, add_row, check_tensorboard, keep_rows
from rtseg_train.unet import CoarseStem, DetailUNet, UNet
from rtseg_train.workers import check_shared_memory

LOG_EVERY = 20  # steps
SHIPPED = Path(__file__).parent  # holds what the shipped models were exported from, ARCH.safetensors
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
    data, val = open_data(config)
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
    with progress_bar(disable=not world.leads) as progress:
        if world.leads:
            for line in (how_repeatable(config, device, world), *([tight] if tight else []), *too_short(config)):
                say(progress, line)
        reading = progress.add_task("reading pictures", total=len(val) + data.count)
        for _ in data.preload():
            progress.advance(reading)
        for line in data.inspection.report(folder, resume) if world.leads else []:
            say(progress, line)
        run_steps(config, folder, state, data, val, progress)
    return folder / "model.safetensors"


def make_folder(config: TrainConfig, folder: Path) -> None:
    """The run's folder, with its config; raises DataError when it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.save(folder / "config.json")
    except OSError as e:
        raise DataError(f"cannot write the run's folder {folder}: {e}") from e


def how_repeatable(config: TrainConfig, device: torch.device, world: World) -> str:
    """One line: where the run is computed, and what the seed decides."""
    where = f"{config.precision} on {device.type}" + (f" in {world.size} processes" if world.size > 1 else "")
    exact = "bit by bit with as many threads" if device.type == "cpu" else "up to rounding, as CUDA sums in any order"
    return f"{where}; seed {config.seed} decides weights, samples and their order: the run repeats {exact}"


def starting_net(config: TrainConfig) -> nn.Module:
    """What the config says to start from: another run, the shipped model, an ImageNet encoder, or nothing."""
    net = build(config.arch)
    if config.encoder:
        if not isinstance(net, (UNet, DetailUNet)):
            raise DataError(f"the {config.arch} net has no encoder to load; leave out --encoder")
        net.encoder.load_pretrained(Path(config.encoder))
        return net
    if config.init == "scratch" or (config.init is None and not isinstance(net, (UNet, DetailUNet))):
        return net
    warm_start(net, Path(config.init) if config.init else shipped_start(config.arch))
    return net


def shipped_start(arch: str) -> Path:
    """What a net starts from by itself: the shipped checkpoint of its name, or else the largest that ships."""
    paths = (SHIPPED / f"{name}.safetensors" for name in (arch, *TIERS))
    return next(path for path in paths if path.exists())


def warm_start(net: nn.Module, path: Path) -> None:
    """Copy every tensor of the checkpoint that has the name and shape of one of the net's.

    So that a smaller net starts from a larger relative; raises DataError when less than half would fit.
    """
    given, own = read_tensors(path), net.state_dict()
    if isinstance(net, DetailUNet):
        given = as_detail(given)
    fitting = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    if len(fitting) < len(own) / 2:
        raise DataError(f"{path} fits {len(fitting)} of the {len(own)} tensors of this net; start with --init scratch")
    net.load_state_dict(fitting, strict=False)


def as_detail(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A `UNet`'s tensors under the names that a `DetailUNet` has for them; its own are left as they are."""
    if "detail.conv.weight" in tensors or "encoder.stem.conv.weight" not in tensors:
        return tensors
    moved = {f"ups.{i}.": f"ups.{i - 1}." for i in range(1, 4)}  # it has no level at 1/32 of what its encoder sees
    found = {}
    for name, value in tensors.items():
        level = name[: len("ups.0.")]
        found[moved.get(level, level) + name[len(level) :]] = value
    found["encoder.stem.conv.weight"] = CoarseStem.widened(tensors["encoder.stem.conv.weight"])
    return found


def run_steps(
    config: TrainConfig, folder: Path, state: TrainState, data: TrainBatches, val: list[Pair], progress: Progress
) -> None:
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
                        row |= evaluation(config, folder, state, val)
                        say(progress, f"step {state.step}: {scores_in_words(row)}")
                    add_row(log, row)
                    board.add(row, folder / "sheet.png" if due and val else None)
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
        say(progress, session.sentence())
        if world.leads:
            say(progress, f"at the end: {scores_in_words(row)}")


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


def say(progress: Progress, line: str) -> None:
    """Print above the progress bar."""
    progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


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
