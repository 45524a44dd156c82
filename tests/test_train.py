"""Training on a tiny set: it learns, it stops and goes on exactly, and it says what is wrong."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rtseg.errors import DataError, RtsegError
from rtseg.files import whole_file
from rtseg_train import loop
from rtseg_train.checkpoint import load_weights, save_weights
from rtseg_train.config import TrainConfig
from rtseg_train.data import Batch
from rtseg_train.dataset import read_list
from rtseg_train.evaluate import evaluate, load_predictor
from rtseg_train.loop import fit
from rtseg_train.step import Losses
from rtseg_train.unet import UNet
from tiny_runs import call, environment, options, read_log, stop_after, tiny, without_times

pytestmark = pytest.mark.usefixtures("threads")


@pytest.fixture(scope="module")
def finished(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of six steps."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    fit(tiny(pictures), folder)
    return folder


def test_a_run_leaves_weights_config_log_and_pictures(finished: Path) -> None:
    names = {p.name for p in finished.iterdir()}
    pictures = {"curves.png", "sheet.png", "data.png"}
    notes = {"config.json", "data.json", "log.csv", "model.json"}
    assert names == {*notes, *pictures, "model.safetensors", "state.safetensors"}
    assert all(cv2.imread(str(finished / name)) is not None for name in pictures)
    _, info = load_weights(finished / "model.safetensors")
    assert (info["name"], info["area"], info["step"]) == ("fast", 2048, 6)


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


def test_the_log_has_the_parts_of_the_loss(pictures: Path, finished: Path) -> None:
    for row in read_log(finished):
        total = float(row["segmentation"]) + float(row["boundary"]) + 5 * float(row["temporal"])
        assert float(row["loss"]) == pytest.approx(total, abs=1e-4) and math.isfinite(total)


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
