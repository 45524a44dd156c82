"""The trainer's arithmetic against values worked out by hand: a step, averages, rates, padding."""

from __future__ import annotations

import copy
import math
import runpy
from pathlib import Path

import pytest
import torch
from torch import nn

from rtseg_train.checkpoint import load_weights, save_weights
from rtseg_train.config import TrainConfig
from rtseg_train.losses import boundary_loss, pixel_weights, segmentation_loss
from rtseg_train.losses import temporal_loss as temporal
from rtseg_train.nets import build
from rtseg_train.said import scores_in_words, too_short
from rtseg_train.step import initial_state, learning_rates, train_step, update_average
from rtseg_train.unet import ConvBN, UNet


def batch_of(pairs: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int]:
    """Four noisy frames of 64x32 whose right half is person."""
    frame = torch.randint(0, 256, (4, 32, 64, 3), dtype=torch.uint8)
    alpha, previous = torch.zeros(4, 1, 32, 64), torch.zeros(4, 1, 32, 64)
    alpha[..., 30:] = 1
    return frame, previous, alpha, torch.ones_like(alpha), pairs


def small_net() -> UNet:
    torch.manual_seed(0)
    return UNet((8, 8, 8, 8, 8), max_repeats=1)


def test_a_step_minimises_the_sum_of_its_parts_with_their_weights() -> None:
    config = TrainConfig(train="", boundary=2.0, temporal=3.0, fed_back=0.0, frozen_steps=0)
    state = initial_state(small_net(), config, torch.device("cpu"))
    frame, previous, alpha, sure, _ = batch_of()
    with torch.no_grad():
        logits = copy.deepcopy(state.net).train()(frame, previous)
    losses = train_step(config, state, (frame, previous, alpha, sure, 2))
    weights = pixel_weights(alpha, sure)
    parts = (
        segmentation_loss(logits, alpha, sure, weights),
        boundary_loss(frame, logits, alpha, weights),
        temporal(logits, alpha, 2),
    )
    assert losses[1:] == pytest.approx([float(p) for p in parts], rel=1e-3)
    total = losses.segmentation + 2 * losses.boundary + 3 * losses.temporal
    assert losses.loss == pytest.approx(total, rel=1e-5) and losses.temporal > 0


def test_the_average_follows_closely_at_first_and_slowly_later() -> None:
    config = TrainConfig(train="", fed_back=0.0, frozen_steps=0, warmup=1, ema=0.5)
    state = initial_state(small_net(), config, torch.device("cpu"))
    for done, share in ((0, 9 / 11), (1, 9 / 12), (90, 0.5)):
        state.step = done
        before = state.ema.head.weight.clone()
        train_step(config, state, batch_of())
        expected = before + share * (state.net.head.weight - before)
        torch.testing.assert_close(state.ema.head.weight, expected, atol=1e-6, rtol=1e-4)
        assert not torch.equal(before, state.net.head.weight)


def test_a_gradient_is_cut_to_its_longest() -> None:
    config = TrainConfig(train="", fed_back=0.0, frozen_steps=0, clip=1e-3)
    state = initial_state(small_net(), config, torch.device("cpu"))
    train_step(config, state, batch_of())
    grads = [p.grad.flatten() for p in state.net.parameters() if p.grad is not None]
    assert float(torch.cat(grads).norm()) == pytest.approx(1e-3, rel=1e-2)


class Tiny(nn.Module):
    """Weights that count as an encoder's, weights that don't, and a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(1, 1, 1, bias=False)
        self.head = nn.Conv2d(1, 1, 1)


def test_the_average_moves_towards_the_net_and_not_the_other_way() -> None:
    state = initial_state(Tiny(), TrainConfig(train=""), torch.device("cpu"))
    for net, value in ((state.net, 1.0), (state.ema, 0.0)):
        for parameter in net.parameters():
            nn.init.constant_(parameter, value)
    update_average(state, 0.9)
    assert [p.item() for p in state.ema.parameters()] == pytest.approx([0.1] * 3)
    assert [p.item() for p in state.net.parameters()] == [1.0] * 3


def test_the_recipe_that_averages_takes_its_share_of_the_second(tmp_path: Path) -> None:
    first, second = (tmp_path / f"{name}.safetensors" for name in ("first", "second"))
    for path, value in ((first, 1.0), (second, 5.0)):
        net = build("fast")
        with torch.no_grad():
            for tensor in net.state_dict().values():
                tensor.fill_(value)
        save_weights(net, path, {"arch": "fast", "scores": {"ALL": {"iou": 90.0}}, "name": path.stem})
    average = runpy.run_path(str(Path(__file__).parents[1] / "train" / "recipes" / "average.py"))
    average["main"](first, second, 0.75, tmp_path / "soup.safetensors")
    net, notes = load_weights(tmp_path / "soup.safetensors")
    floats = [tensor for tensor in net.state_dict().values() if tensor.dtype.is_floating_point]
    assert floats and all((tensor == 1 + 0.75 * 4).all() for tensor in floats)
    assert (notes["name"], notes["scores"]) == ("second", {}), "what it scores is not known yet"


def test_the_recipe_for_the_temperature_divides_the_logits_and_nothing_else(tmp_path: Path) -> None:
    torch.manual_seed(3)
    net = build("fast").eval()
    save_weights(net, tmp_path / "net.safetensors", {"arch": "fast", "scores": {"ALL": {"iou": 90.0}}})
    recipe = runpy.run_path(str(Path(__file__).parents[1] / "train" / "recipes" / "temperature.py"))
    recipe["main"](tmp_path / "net.safetensors", 2.5, tmp_path / "softer.safetensors")
    softer, notes = load_weights(tmp_path / "softer.safetensors")
    frame = torch.randint(0, 256, (1, 64, 96, 3), dtype=torch.uint8)
    with torch.no_grad():
        before, after = net(frame, torch.zeros(1, 1, 64, 96)), softer(frame, torch.zeros(1, 1, 64, 96))
    assert before.abs().max() > 0.01
    torch.testing.assert_close(after, before / 2.5, rtol=1e-4, atol=1e-6)
    assert notes["scores"] == {}
    for wrong in (0.0, -1.0):
        with pytest.raises(SystemExit, match="not above 0"):
            recipe["main"](tmp_path / "net.safetensors", wrong, tmp_path / "wrong.safetensors")


def test_weights_decay_and_biases_do_not() -> None:
    state = initial_state(Tiny(), TrainConfig(train="", weight_decay=0.2), torch.device("cpu"))
    for parameter in state.net.parameters():
        nn.init.constant_(parameter, 1.0)
        parameter.grad = torch.zeros_like(parameter)
    for group in state.optimiser.param_groups:
        group["lr"] = 0.5 if group["encoder"] else 0.25
    state.optimiser.step()
    after = {name: p.item() for name, p in state.net.named_parameters()}
    assert after == pytest.approx({"encoder.weight": 1 - 0.5 * 0.2, "head.weight": 1 - 0.25 * 0.2, "head.bias": 1.0})


def test_learning_rates_warm_up_in_both_phases_and_fall() -> None:
    config = TrainConfig(train="", steps=1000, frozen_steps=100, warmup=10)
    assert learning_rates(config, 0) == (pytest.approx(config.frozen_lr / 10), 0.0)
    assert learning_rates(config, 50) == (config.frozen_lr, 0.0)
    assert learning_rates(config, 100)[1] == pytest.approx(config.encoder_lr / 10)
    assert learning_rates(config, 550)[0] == pytest.approx(0.505 * config.lr), "half of the way, between 1 and 0.01"
    quarter = 0.505 + 0.495 * math.sqrt(0.5)
    assert learning_rates(config, 325) == pytest.approx((quarter * config.lr, quarter * config.encoder_lr))
    assert learning_rates(config, 999)[0] < 0.011 * config.lr


@pytest.mark.parametrize(("kernel", "first"), [(3, 0), (5, 1)])
def test_strided_convolutions_pad_as_tensorflow_does(kernel: int, first: int) -> None:
    """SAME of TensorFlow on an even size: the odd pixel more is at the bottom and right."""
    conv = ConvBN(1, 1, kernel, stride=2, linear=True).eval()
    picture = torch.arange(1.0, 65.0).view(1, 1, 8, 8)
    padded = torch.zeros(8 + kernel - 2, 8 + kernel - 2)
    padded[first : first + 8, first : first + 8] = picture[0, 0]
    for row, column in ((0, 0), (kernel - 1, kernel - 1), (0, kernel - 1)):
        nn.init.zeros_(conv.conv.weight)
        with torch.no_grad():
            conv.conv.weight[0, 0, row, column] = math.sqrt(1 + conv.bn.eps)
            out = conv(picture)[0, 0]
        assert torch.allclose(out, padded[row::2, column::2][:4, :4], atol=1e-3), (row, column)


@pytest.mark.parametrize(
    ("steps", "frozen", "says"),
    [
        (300, 500, "300 steps end inside it: the encoder is never trained; give more than 700 --steps, or"),
        (500, 500, "the encoder is never trained"),
        (600, 500, "600 steps end inside the warm-up after that (200 steps, --warmup); give more than 700 --steps"),
        (150, 0, "150 steps end inside the warm-up"),
    ],
)
def test_runs_that_end_before_the_real_training_are_warned_about(steps: int, frozen: int, says: str) -> None:
    (line,) = too_short(TrainConfig(train="", steps=steps, frozen_steps=frozen))
    assert line.startswith("WARNING") and says in line
    assert too_short(TrainConfig(train="")) == [] and too_short(TrainConfig(train="", steps=701)) == []


def test_scores_in_words() -> None:
    row = {"all_iou": 93.04, "all_boundary_iou": 71.25, "portrait_iou": 96.0, "false_alarm": 0.5}
    said = scores_in_words(row)
    assert said == "validation IoU 93.0, boundary IoU 71.2, IoU of portraits 96.0, false alarm 0.50 % of empty pictures"
    assert scores_in_words({"loss": 1.0}) == "no validation pictures, so no scores"
