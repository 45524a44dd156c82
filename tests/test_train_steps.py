"""Single steps of a training: precisions, what is not finite, a net that is told its own opinion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rtseg.errors import DataError
from rtseg_train import loop
from rtseg_train.checkpoint import load_state, save_state
from rtseg_train.config import TrainConfig
from rtseg_train.data import Batch
from rtseg_train.loop import fit
from rtseg_train.nets import build
from rtseg_train.step import MOST_SKIPPED, Losses
from tiny_runs import tiny

pytestmark = pytest.mark.usefixtures("threads")


def make_batch(label: float = 0.0, size: int = 32) -> Batch:
    """Two grey frames; every pixel of alpha is `label`."""
    frame = torch.full((2, size, size, 3), 99, dtype=torch.uint8)
    planes = torch.zeros(2, 1, size, size), torch.full((2, 1, size, size), label), torch.ones(2, 1, size, size)
    return frame, *planes, 0


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
