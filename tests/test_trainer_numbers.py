"""The trainer's arithmetic against values worked out by hand: labels on their pictures, losses, averages, padding."""

from __future__ import annotations

import copy
import math

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from rtseg.pixels.matte import HIGH, LOW
from rtseg_train.augment import make_sample, make_twins
from rtseg_train.config import TrainConfig
from rtseg_train.losses import EDGE_RADIUS, EDGE_WEIGHT, THIN_WEIGHT, boundary_loss, pixel_weights, segmentation_loss
from rtseg_train.losses import temporal_loss as temporal
from rtseg_train.said import scores_in_words, too_short
from rtseg_train.step import initial_state, train_step, update_average
from rtseg_train.unet import ConvBN, UNet
from rtseg_train.windows import Picture, crop_window, person_window, warp

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
SIZE = (160, 96)


def ramp(height: int = 120, width: int = 150) -> Picture:
    """A picture that is its own label: levels that rise slowly to the right and down, brighter in the middle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bump = 100 * np.exp(-((x - 70) ** 2 + (y - 60) ** 2) / 800)
    alpha = (40 + 0.5 * x + 0.3 * y + bump).clip(0, 255).astype(np.uint8)
    return Picture(np.dstack([alpha] * 3), alpha, alpha)


def bright(width: int = 90) -> Picture:
    """A white bust on black."""
    alpha = np.zeros((120, width), np.uint8)
    cv2.ellipse(alpha, (width // 2, 120), (width // 4, 84), 0, 0, 360, 255, -1)
    return Picture(np.dstack([alpha] * 3), alpha)


def room() -> Picture:
    dark = np.random.default_rng(9).integers(10, 30, (100, 170, 3), np.uint8)
    return Picture(dark, np.zeros((100, 170), np.uint8))


@pytest.mark.parametrize("window", [crop_window, person_window])
def test_label_and_doubt_go_through_a_window_as_their_picture_does(window: object) -> None:
    rng, picture = np.random.default_rng(0), ramp()
    whole = Picture(picture.image, np.full_like(picture.alpha, 255))
    for _ in range(60):
        matrix = window(rng, picture, SIZE)  # type: ignore[operator]
        view = warp(picture, matrix, SIZE, outside=cv2.BORDER_CONSTANT)
        inside = warp(whole, matrix, SIZE, outside=cv2.BORDER_CONSTANT).alpha == 1
        for plane in (view.alpha, view.sure):
            # Levels differ by rounding alone; two pixels beside each other they would differ by more.
            assert np.abs(view.frame[..., 0] / 255 - plane)[inside].max() < 1.5 / 255


def offset(frame: U8, alpha: F32) -> tuple[float, float] | None:
    """How far the bright part of a frame lies beside its label, in pixels; None where hardly anybody is to be seen."""
    grey = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (0, 0), 1)
    level, seen = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    label = alpha > 0.5
    if not 0.08 < label.mean() < 0.7 or level < 20:
        return None
    both = [np.argwhere(part).mean(0) for part in (seen > 0, label)]
    return float(both[0][0] - both[1][0]), float(both[0][1] - both[1][1])


@pytest.mark.parametrize("scene", ["window", "composite", "two people", "twins"])
def test_the_label_lies_on_the_person_through_all_augmentations(scene: str) -> None:
    offsets = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        behind = None if scene == "window" else room()
        other = bright(120) if scene == "two people" else None
        if scene == "twins":
            samples = make_twins(rng, bright(), SIZE, behind, None)
        else:
            samples = [make_sample(rng, bright(), SIZE, behind, other)]
        offsets += [found for s in samples if (found := offset(s.frame_bgr, s.alpha))]
    assert len(offsets) > 25
    assert np.abs(np.median(offsets, 0)).max() < 0.4, "in the middle of all"
    assert np.quantile(np.abs(offsets), 0.8) < 1.2, "and in nearly each"


def step_edge(width: int = 24) -> torch.Tensor:
    """A label 1x1x16xWIDTH, the right half person: an edge, and nothing thin."""
    alpha = torch.zeros(1, 1, 16, width)
    alpha[..., width // 2 :] = 1
    return alpha


def test_pixels_near_the_edge_count_more() -> None:
    alpha, sure = step_edge(), torch.ones(1, 1, 16, 24)
    row = pixel_weights(alpha, sure)[0, 0, 8]
    near = torch.zeros(24, dtype=torch.bool)
    near[12 - EDGE_RADIUS : 12 + EDGE_RADIUS] = True
    assert row[near].unique().tolist() == [1 + EDGE_WEIGHT] and row[~near].unique().tolist() == [1.0]
    assert torch.equal(pixel_weights(alpha, sure / 4), pixel_weights(alpha, sure) / 4)
    finger = torch.zeros(1, 1, 24, 24)
    finger[..., 11:13] = 1
    assert pixel_weights(finger, torch.ones_like(finger))[0, 0, 12, 11] == 1 + EDGE_WEIGHT + THIN_WEIGHT
    assert EDGE_WEIGHT > 0 and THIN_WEIGHT > 0


def test_the_segmentation_loss_by_hand() -> None:
    alpha, sure = torch.zeros(1, 1, 1, 4), torch.ones(1, 1, 1, 4)
    alpha[..., 2:] = 1
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0]).view_as(alpha)
    logits = torch.tensor([0.0, 0.0, 0.0, math.log(3)]).view_as(alpha)  # 1/2, 1/2, 1/2, 3/4
    entropy = (math.log(2) * (1 + 2 + 3) + 4 * math.log(4 / 3)) / 4
    overlap, union = 0.5 + 0.75, 0.5 + 0.5 + 1 + 1
    expected = entropy + 0.5 * (1 - (overlap + 1) / (union + 1))
    assert float(segmentation_loss(logits, alpha, sure, weights)) == pytest.approx(expected, rel=1e-5)


def test_the_boundary_loss_by_hand() -> None:
    frame = torch.full((1, 16, 24, 3), 90, dtype=torch.uint8)
    alpha, logits = step_edge(), torch.full((1, 1, 16, 24), math.log(1.5))  # 0.6 everywhere: the filter keeps it
    seen = (0.6 - LOW) / (HIGH - LOW)
    weights = torch.ones_like(alpha)
    assert float(boundary_loss(frame, logits, alpha, weights)) == pytest.approx(0.5, abs=1e-4)
    weights[..., 12:] = 3
    expected = (seen + 3 * (1 - seen)) / 2
    assert float(boundary_loss(frame, logits, alpha, weights)) == pytest.approx(expected, abs=1e-4)


def test_the_temporal_loss_by_hand() -> None:
    logits = torch.tensor([0.0, math.log(3), 5.0]).view(3, 1, 1, 1)
    alpha = torch.tensor([0.0, 0.5, 0.0]).view(3, 1, 1, 1)
    # The first two are a pair: alpha changes by 0.25, the label by 0.5.
    assert float(temporal(logits, alpha, 1)) == pytest.approx(0.25**2, abs=1e-6)
    assert float(temporal(logits, alpha, 0)) == 0


def test_a_step_minimises_the_sum_of_its_parts_with_their_weights() -> None:
    torch.manual_seed(0)
    config = TrainConfig(train="", boundary=2.0, temporal=3.0, fed_back=0.0, frozen_steps=0)
    state = initial_state(UNet((8, 8, 8, 8, 8), max_repeats=1), config, torch.device("cpu"))
    frame = torch.randint(0, 256, (4, 32, 64, 3), dtype=torch.uint8)
    alpha, previous = torch.zeros(4, 1, 32, 64), torch.zeros(4, 1, 32, 64)
    alpha[..., 30:] = 1
    sure = torch.ones_like(alpha)
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
