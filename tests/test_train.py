"""Training on a tiny set: it learns, it stops and goes on exactly, and it says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import typer
from safetensors.torch import load_file, save_file

from rtseg.errors import DataError, RtsegError
from rtseg.files import whole_file
from rtseg_train import loop
from rtseg_train.checkpoint import load_weights, save_weights
from rtseg_train.cli import app
from rtseg_train.config import TrainConfig
from rtseg_train.data import Batch, read_list
from rtseg_train.evaluate import evaluate, load_predictor
from rtseg_train.loop import fit, learning_rates
from rtseg_train.losses import edge_band, segmentation_loss
from rtseg_train.unet import UNet


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of bright ellipses on dark noise."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    rows = ["image,mask"]
    for i in range(4):
        image = rng.integers(0, 80, (80, 80, 3), np.uint8)
        mask = np.zeros((80, 80), np.uint8)
        cv2.ellipse(mask, (40, 70), (20 + 3 * i, 50), 0, 0, 360, 255, -1)
        image[mask > 0] = 230
        cv2.imwrite(str(folder / f"{i}.jpg"), image)
        cv2.imwrite(str(folder / f"{i}.png"), mask)
        rows.append(f"{i}.jpg,{i}.png")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder / "list.csv"


def tiny(pictures: Path, **settings: object) -> TrainConfig:
    values: dict[str, object] = {
        "batch": 2,
        "area": 2048,
        "max_area": 2048,
        "workers": 0,
        "threads": 1,
        "warmup": 2,
        "steps": 6,
        "frozen_steps": 3,
        "eval_every": 6,
        "checkpoint_every": 3,
        "val": str(pictures),
        "init": None if "encoder" in settings else "scratch",
        **settings,
    }
    return TrainConfig(train=str(pictures), **values)  # type: ignore[arg-type]


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

    def step(config: TrainConfig, state: loop.TrainState, batch: Batch) -> float:
        if state.step == steps:
            raise KeyboardInterrupt
        return real(config, state, batch)

    monkeypatch.setattr(loop, "train_step", step)


def call(*args: str) -> object:
    return typer.main.get_command(app).main(args=list(args), prog_name="rtseg", standalone_mode=False)


def test_a_run_leaves_weights_config_log_and_pictures(finished: Path) -> None:
    names = {p.name for p in finished.iterdir()}
    pictures = {"curves.png", "sheet.png"}
    assert names == {"config.json", "log.csv", "model.json", "model.safetensors", "state.safetensors", *pictures}
    assert all(cv2.imread(str(finished / name)) is not None for name in pictures)
    _, info = load_weights(finished / "model.safetensors")
    assert (info["name"], info["area"], info["step"]) == ("balanced", 2048, 6)


def test_loss_falls(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = []
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
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:4])


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


def test_two_phases(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start: dict[str, torch.Tensor] = {}
    changed = []
    real = loop.train_step

    def step(config: TrainConfig, state: loop.TrainState, batch: Batch) -> float:
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
    assert segmentation_loss(good, alpha) < 0.05 < segmentation_loss(torch.zeros_like(good), alpha)
    assert segmentation_loss(-good, alpha) > segmentation_loss(torch.zeros_like(good), alpha)
    band = edge_band(alpha)
    assert band[0, 0, 8, 4] == 1 and band[0, 0, 0, 0] == 0 and band[1].max() == 0


def test_a_loss_that_is_not_finite_ends_the_run(pictures: Path, tmp_path: Path) -> None:
    state = loop.initial_state(UNet(), tiny(pictures), torch.device("cpu"))
    frame = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    alpha = torch.full((2, 1, 32, 32), float("nan"))
    with pytest.raises(DataError, match="loss is nan at step 0"):
        loop.train_step(tiny(pictures), state, (frame, torch.zeros(2, 1, 32, 32), alpha, 0))


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


def test_normalisation_is_the_encoders() -> None:
    frame = torch.tensor([[[[255, 127, 0]]]], dtype=torch.uint8)
    x = UNet.normalise(frame, torch.full((1, 1, 1, 1), 0.5))
    assert x.flatten().tolist() == [1.0, 0.0, -127 / 128, 0.5]


def test_encoder_weights_fill_all_but_the_previous_alpha(tmp_path: Path) -> None:
    torch.manual_seed(1)
    weights = {k: v for k, v in UNet().encoder.state_dict().items() if not k.endswith("num_batches_tracked")}
    rgb = weights["stem.conv.weight"][:, :3].clone()
    save_file({**weights, "stem.conv.weight": rgb}, tmp_path / "encoder.safetensors")
    net = UNet()
    net.encoder.load_pretrained(tmp_path / "encoder.safetensors")
    stem = net.encoder.stem.conv.weight
    assert torch.equal(stem[:, :3], rgb.flip(1)) and not stem[:, 3].any()
    save_file({"stem.conv.weight": rgb}, tmp_path / "encoder.safetensors")
    with pytest.raises(DataError, match="does not fit: missing"):
        net.encoder.load_pretrained(tmp_path / "encoder.safetensors")


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
    pairs = read_list(pictures)
    labels = iter([cv2.imread(str(p.mask), cv2.IMREAD_GRAYSCALE) for p in pairs])
    scores = list(evaluate(lambda _: (next(labels) / 255).astype(np.float32), pairs))
    assert all(s.iou == s.boundary_iou == 1 for s in scores)


def test_checkpoints_of_other_nets_are_refused(tmp_path: Path) -> None:
    save_weights(UNet(widths=(8, 8, 8, 8, 8)), tmp_path / "m.safetensors", {"arch": "balanced", "area": 4096})
    with pytest.raises(DataError, match="another net"):
        load_predictor(tmp_path / "m.safetensors", None, "cpu")
