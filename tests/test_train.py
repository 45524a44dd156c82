"""Training on a tiny set: it learns, it stops and goes on exactly, and it says what is wrong."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import typer
from safetensors.torch import load_file, save_file

from rtseg.errors import DataError, RtsegError
from rtseg.files import whole_file
from rtseg_train import loop, tracking
from rtseg_train.checkpoint import load_state, load_weights, save_state, save_weights
from rtseg_train.cli import app
from rtseg_train.config import TrainConfig
from rtseg_train.data import Batch
from rtseg_train.dataset import read_list
from rtseg_train.evaluate import evaluate, load_predictor
from rtseg_train.loop import fit, learning_rates
from rtseg_train.losses import edge_band, pixel_weights, segmentation_loss, thin_parts
from rtseg_train.nets import build
from rtseg_train.report import draw_curves
from rtseg_train.step import MOST_SKIPPED, Losses
from rtseg_train.tracking import add_row, keep_rows
from rtseg_train.unet import UNet
from tiny_runs import environment, options, read_log, tiny, without_times, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(autouse=True)
def threads() -> object:
    """Give the threads back that a run's config takes."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def finished(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of six steps."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    fit(tiny(pictures), folder)
    return folder


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Make the run end as by Ctrl-C once it has done so many steps."""
    real = loop.train_step

    def step(config: TrainConfig, state: loop.TrainState, batch: Batch) -> Losses:
        if state.step == steps:
            raise KeyboardInterrupt
        return real(config, state, batch)

    monkeypatch.setattr(loop, "train_step", step)


def call(*args: str) -> object:
    return typer.main.get_command(app).main(args=list(args), prog_name="rtseg", standalone_mode=False)


def test_a_run_leaves_weights_config_log_and_pictures(finished: Path) -> None:
    names = {p.name for p in finished.iterdir()}
    pictures = {"curves.png", "sheet.png", "data.png"}
    notes = {"config.json", "data.json", "log.csv", "model.json"}
    assert names == {*notes, *pictures, "model.safetensors", "state.safetensors"}
    assert all(cv2.imread(str(finished / name)) is not None for name in pictures)
    _, info = load_weights(finished / "model.safetensors")
    assert (info["name"], info["area"], info["step"]) == ("fast", 2048, 6)


def test_curves_show_a_single_row_and_a_single_evaluation(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    keep_rows(log, 0)
    scores = {"all_iou": 90.0, "all_boundary_iou": 70.0, "portrait_iou": 95.0, "portrait_boundary_iou": 80.0}
    add_row(log, {"step": 6, "loss": 0.5, **scores})
    draw_curves(log, tmp_path / "curves.png")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture is not None
    height, width = picture.shape[:2]
    above = picture[: height * 73 // 100]  # the legend
    left, right = above[:, : width // 2], above[:, width // 2 :]
    coloured = [part.max(2).astype(int) - part.min(2) > 60 for part in (left, right)]
    assert [cv2.connectedComponents(part.astype(np.uint8))[0] - 1 for part in coloured] == [1, 4], "points, uncovered"


def test_loss_falls(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[Losses] = []
    real = loop.train_step
    monkeypatch.setattr(loop, "train_step", lambda *args: losses.append(real(*args)) or losses[-1])
    settings: dict[str, object] = {
        "steps": 30,
        "frozen_steps": 0,
        "lr": 4e-3,
        "encoder_lr": 1e-3,
        "empty": 0,
        "val": None,
    }
    fit(tiny(pictures, **settings), tmp_path / "run")
    totals = [step.loss for step in losses]
    assert np.mean(totals[-10:]) < 0.8 * np.mean(totals[:4])


def test_resume_is_exact(pictures: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            fit(tiny(pictures), folder)
    assert int(load_file(folder / "state.safetensors")["step"]) == 3
    steps = []
    real = loop.train_step
    monkeypatch.setattr(loop, "train_step", lambda *args: steps.append(args[1].step) or real(*args))
    fit(tiny(pictures), folder, resume=True)
    assert steps == [3, 4, 5]
    for name in ("state.safetensors", "model.safetensors"):
        whole, resumed = load_file(finished / name), load_file(folder / name)
        assert whole.keys() == resumed.keys()
        assert all(torch.equal(whole[key], resumed[key]) for key in whole), name
    last = [(run / "log.csv").read_text().splitlines()[-1].split(",") for run in (finished, folder)]
    assert last[0][0] == last[1][0] == "6" and last[0][5:] == last[1][5:]


def test_a_killed_run_resumes_exactly(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, steps=60, frozen_steps=10, checkpoint_every=15, eval_every=60)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-m", "rtseg", "train", *options(config), "--out", str(killed)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as run:
        while run.poll() is None and not (killed / "log.csv").exists():
            time.sleep(0.02)
        while run.poll() is None and "20" not in [row["step"] for row in read_log(killed)]:
            time.sleep(0.02)
        run.kill()
    assert run.returncode == -signal.SIGKILL and not (killed / "curves.png").exists()
    with (killed / "log.csv").open("a") as log:
        log.write("15,0.1")  # as a power cut may leave it
    fit(config, killed, resume=True)
    fit(config, whole)
    rows = read_log(whole)
    assert [int(row["step"]) for row in rows] == [15, 20, 30, 40, 45, 60]
    assert without_times(read_log(killed)) == without_times(rows)
    ends = [load_file(folder / "state.safetensors") for folder in (whole, killed)]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_two_phases(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start: dict[str, torch.Tensor] = {}
    changed = []
    real = loop.train_step

    def step(config: TrainConfig, state: loop.TrainState, batch: Batch) -> Losses:
        now = {name: p.detach().clone() for name, p in state.net.named_parameters()}
        start.update({name: p for name, p in now.items() if name not in start})
        loss = real(config, state, batch)
        moved = {name.split(".")[0] for name, p in state.net.named_parameters() if not torch.equal(p, start[name])}
        changed.append("encoder" in moved)
        assert "head" in moved
        # in the first phase nothing is even computed for the encoder
        assert (state.net.encoder.stem.conv.weight.grad is None) == (state.step <= config.frozen_steps)
        return loss

    monkeypatch.setattr(loop, "train_step", step)
    fit(tiny(pictures, steps=4, frozen_steps=2, val=None), tmp_path / "run")
    assert changed == [False, False, True, True]


def test_learning_rates_warm_up_in_both_phases_and_fall() -> None:
    config = TrainConfig(train="", steps=1000, frozen_steps=100, warmup=10)
    assert learning_rates(config, 0) == (pytest.approx(config.frozen_lr / 10), 0.0)
    assert learning_rates(config, 50) == (config.frozen_lr, 0.0)
    assert learning_rates(config, 100)[1] == pytest.approx(config.encoder_lr / 10)
    assert learning_rates(config, 999)[0] < 0.011 * config.lr


def test_loss_prefers_the_truth_and_counts_false_alarms() -> None:
    alpha = torch.zeros(2, 1, 16, 16)
    alpha[0, :, 4:12, 4:12] = 1
    good = (alpha * 2 - 1) * 8

    def loss(logits: torch.Tensor, sure: torch.Tensor) -> float:
        return float(segmentation_loss(logits, alpha, sure, pixel_weights(alpha, sure)))

    certain, unknown = torch.ones_like(alpha), torch.zeros_like(alpha)
    assert loss(good, certain) < 0.05 < loss(torch.zeros_like(good), certain) < loss(-good, certain)
    assert loss(-good, unknown) == pytest.approx(0, abs=1e-6), "where nothing is known nothing is learned"
    band = edge_band(alpha)
    assert band[0, 0, 8, 4] == 1 and band[0, 0, 0, 0] == 0 and band[1].max() == 0


def test_thin_parts_are_fingers_and_gaps() -> None:
    alpha = torch.zeros(1, 1, 48, 48)
    alpha[..., 8:40, 8:24] = 1
    alpha[..., 20:23, 24:44] = 1  # a finger
    alpha[..., 30:33, 8:24] = 0  # a gap
    thin = thin_parts(alpha)[0, 0]
    assert thin[21, 34] == 1 and thin[31, 16] == 1 and thin[15, 16] == 0 and thin[4, 4] == 0
    weights = pixel_weights(alpha, torch.ones_like(alpha))[0, 0]
    assert weights[4, 4] == 1 and weights[21, 34] > weights[8, 12] > weights[14, 14] == 1


def test_a_repeated_frame_tells_the_net_its_own_opinion(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(tiny(pictures), fed_back=1.0, frozen_steps=0)
    state = loop.initial_state(build("fast"), config, torch.device("cpu"))
    told: list[torch.Tensor] = []
    state.net.register_forward_pre_hook(lambda _, inputs: told.append(inputs[1].clone()))
    batch = make_batch()
    own = torch.sigmoid(state.ema(batch[0], batch[1]))
    loop.train_step(config, state, batch)
    assert torch.allclose(told[-1], own, atol=1e-5) and own.min() > 0
    loop.train_step(replace(config, fed_back=0.0), state, batch)
    assert not told[-1].any()


def make_batch(label: float = 0.0, size: int = 32) -> Batch:
    """Two grey frames; every pixel of alpha is `label`."""
    frame = torch.full((2, size, size, 3), 99, dtype=torch.uint8)
    planes = torch.zeros(2, 1, size, size), torch.full((2, 1, size, size), label), torch.ones(2, 1, size, size)
    return frame, *planes, 0


def test_a_loss_that_is_not_finite_ends_the_run(pictures: Path) -> None:
    state = loop.initial_state(build("fast"), tiny(pictures), torch.device("cpu"))
    with pytest.raises(DataError, match=r"loss is nan at step 0 \(segmentation nan, boundary nan, temporal 0\)"):
        loop.train_step(tiny(pictures), state, make_batch(float("nan")))


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_not_finite_leaves_the_last_checkpoint(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    real = loop.train_step

    def step(config: TrainConfig, state: loop.TrainState, batch: Batch) -> Losses:
        if state.step == 4:
            bias = state.net.head.bias
            if where == "loss":
                bias.data.fill_(float("nan"))
            else:
                bias.register_hook(lambda gradient: gradient * float("inf"))
        return real(config, state, batch)

    monkeypatch.setattr(loop, "train_step", step)
    said = "the loss is nan at step 4" if where == "loss" else r"gradient's norm is (nan|inf) at step 4"
    with pytest.raises(DataError, match=f"{said}.*last checkpoint is kept"):
        fit(tiny(pictures, val="none", checkpoint_every=1), tmp_path / "run")
    tensors = load_file(tmp_path / "run" / "state.safetensors")
    assert int(tensors["step"]) == 4 and all(t.isfinite().all() for t in tensors.values())


def test_fp16_leaves_out_steps_that_overflow_and_gives_up_at_last(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, precision="fp16", frozen_steps=0)
    state = loop.initial_state(build("fast"), config, torch.device("cpu"))
    while state.step == 0 or state.skipped:  # the scale starts too high and finds its place
        loop.train_step(config, state, make_batch())
    scale, step = state.scaler.get_scale(), state.step
    hook = state.net.head.bias.register_hook(lambda gradient: gradient * float("inf"))
    before = {name: p.detach().clone() for name, p in state.net.named_parameters()}
    loop.train_step(config, state, make_batch())
    assert all(torch.equal(p, before[name]) for name, p in state.net.named_parameters())
    assert (state.step, state.skipped, state.scaler.get_scale()) == (step + 1, 1, scale / 2)

    save_state(state, tmp_path / "state.safetensors")
    again = loop.initial_state(build("fast"), config, torch.device("cpu"))
    load_state(again, tmp_path / "state.safetensors")
    assert again.scaler.state_dict() == state.scaler.state_dict() and again.skipped == 1

    hook.remove()
    loop.train_step(config, state, make_batch())
    assert state.skipped == 0 and not torch.equal(state.net.head.bias, before["head.bias"])

    state.skipped = MOST_SKIPPED - 1
    state.net.head.bias.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(DataError, match=f"{MOST_SKIPPED} steps in a row.*--precision bf16 or fp32"):
        loop.train_step(config, state, make_batch())


def test_bf16_trains_about_as_fp32(pictures: Path) -> None:
    losses = []
    for precision in ("fp32", "bf16"):
        torch.manual_seed(3)
        config = tiny(pictures, precision=precision)
        losses.append(
            loop.train_step(config, loop.initial_state(build("fast"), config, torch.device("cpu")), make_batch())
        )
    assert losses[0] != losses[1] and losses[0].loss == pytest.approx(losses[1].loss, rel=0.05)


def test_precisions_that_are_not_to_be_had(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DataError, match=r"needs a CUDA GPU.*--precision fp32 or bf16"):
        fit(tiny(pictures, precision="fp16"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError, match="unknown precision 'fp8'; choose from fp32, bf16, fp16"):
        tiny(pictures, precision="fp8")


def test_tensorboard_shows_the_log_and_the_sheet(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config, folder = tiny(pictures, tensorboard=True, checkpoint_every=3, eval_every=2), tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            fit(config, folder)
    fit(config, folder, resume=True)
    shown = accumulator.EventAccumulator(str(folder / "tensorboard"))
    shown.Reload()
    rows = read_log(folder)
    assert [int(row["step"]) for row in rows] == [2, 3, 4, 6]
    for name in ("loss", "segmentation", "boundary", "temporal", "lr", "pictures_per_second", "waited", "all_iou"):
        logged = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        points = shown.Scalars(name)
        assert [p.step for p in points] == [step for step, _ in logged], name
        assert [p.value for p in points] == pytest.approx([value for _, value in logged], rel=1e-6), name
    assert [p.step for p in shown.Images("sheet")] == [2, 4, 6]


def test_tensorboard_that_is_missing_is_said_before_training(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'rtseg\[tensorboard\]'"):
        fit(tiny(pictures, tensorboard=True), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_log_has_the_parts_of_the_loss(pictures: Path, finished: Path) -> None:
    for row in read_log(finished):
        total = float(row["segmentation"]) + float(row["boundary"]) + 5 * float(row["temporal"])
        assert float(row["loss"]) == pytest.approx(total, abs=1e-4) and math.isfinite(total)


def test_a_run_says_its_scores_speed_and_waiting(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(tiny(pictures, steps=2, eval_every=1), tmp_path / "run")
    said = capsys.readouterr().out
    first, second, last = re.findall(r"^(.*): validation IoU [\d.]+, boundary IoU [\d.]+", said, re.MULTILINE)
    assert (first, second, last) == ("step 1", "step 2", "at the end")
    assert "WARNING: the decoder is trained alone for 3 steps" in said
    fit(tiny(pictures, steps=1, val="none"), tmp_path / "blind")
    said = capsys.readouterr().out
    assert "no validation pictures, so no scores" in said
    assert re.search(r"trained 1 steps at [\d.]+ pictures/s, \d+% of the time waiting for data", said)
    assert "seed 2026 decides weights, samples and their order" in said


def test_bad_lists_leave_no_folder(pictures: Path, tmp_path: Path) -> None:
    for settings in ({"val": str(tmp_path / "none.csv")}, {"backgrounds": str(tmp_path / "none")}):
        with pytest.raises(DataError, match="none"):
            fit(tiny(pictures, **settings), tmp_path / "run")
    with pytest.raises(DataError, match="encoder weights"):
        fit(tiny(pictures, encoder=str(pictures)), tmp_path / "run")
    assert not (tmp_path / "run" / "state.safetensors").exists()


def test_a_folder_with_a_run_is_not_overwritten(pictures: Path, finished: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--resume"):
        fit(tiny(pictures), finished)
    with pytest.raises(DataError, match="nothing to resume"):
        fit(tiny(pictures), tmp_path, resume=True)


def test_a_damaged_state_is_refused(pictures: Path, finished: Path, tmp_path: Path) -> None:
    tensors = load_file(finished / "state.safetensors")
    del tensors["net.head.bias"]
    save_file(tensors, tmp_path / "state.safetensors")
    with pytest.raises(DataError, match=r"cannot resume from[\s\S]*head\.bias"):
        fit(tiny(pictures), tmp_path, resume=True)
    (tmp_path / "state.safetensors").write_bytes(b"short")
    with pytest.raises(DataError, match="cannot resume from"):
        fit(tiny(pictures), tmp_path, resume=True)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_command_trains_interrupts_and_resumes(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    settings = "--steps 4 --frozen-steps 2 --batch 2 --area 2048 --max-area 2048 --workers 0 --threads 1"
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(SystemExit) as stopped:
            call("train", str(pictures), "--out", str(run), "--checkpoint-every", "2", *settings.split())
    assert stopped.value.code == 130
    assert f"rtseg train --resume {run}" in capsys.readouterr().out
    assert json.loads((run / "config.json").read_text())["steps"] == 4
    with pytest.raises(DataError, match="leave out --steps"):
        call("train", "--resume", str(run), "--steps", "9")
    call("train", "--resume", str(run))
    assert f"rtseg export {run}" in capsys.readouterr().out
    with pytest.raises(DataError, match="which pictures"):
        call("train")


def test_command_scores_a_checkpoint(finished: Path, pictures: Path, tmp_path: Path) -> None:
    call("eval", str(finished), str(pictures), "--json", str(tmp_path / "s.json"), "--sheet", str(tmp_path / "s.png"))
    scores = json.loads((tmp_path / "s.json").read_text())["scores"]
    assert scores["ALL"]["pictures"] == 4 and 0 <= scores["ALL"]["iou"] <= 100
    assert cv2.imread(str(tmp_path / "s.png")) is not None
    with pytest.raises(RtsegError, match="area is 5"):
        call("eval", str(finished), str(pictures), "--area", "5")


def test_a_perfect_predictor_scores_full(pictures: Path) -> None:
    pairs = read_list(pictures).pairs
    labels = iter([cv2.imread(str(p.mask), cv2.IMREAD_GRAYSCALE) for p in pairs])
    scores = list(evaluate(lambda _: (next(labels) / 255).astype(np.float32), pairs))
    assert all(s.iou == s.boundary_iou == 1 for s in scores)


def test_checkpoints_of_other_nets_are_refused(tmp_path: Path) -> None:
    save_weights(UNet(widths=(8, 8, 8, 8, 8)), tmp_path / "m.safetensors", {"arch": "balanced", "area": 4096})
    with pytest.raises(DataError, match="another net"):
        load_predictor(tmp_path / "m.safetensors", None, "cpu")
