"""The losses against values worked out by hand, and what each of them is for."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from rtseg.pixels.composite import full_alpha
from rtseg.pixels.matte import HIGH, LOW, fit_coefficients
from rtseg_train.losses import (
    EDGE_RADIUS,
    EDGE_WEIGHT,
    THIN_WEIGHT,
    boundary_loss,
    edge_band,
    edge_filter,
    pixel_weights,
    segmentation_loss,
    thin_parts,
)
from rtseg_train.losses import temporal_loss as temporal


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


@pytest.mark.parametrize(("width", "thin"), [(8, 1), (9, 0)])
def test_what_is_thin_is_less_than_nine_pixels_wide(width: int, thin: float) -> None:
    alpha = torch.zeros(1, 1, 40, 40)
    alpha[..., 12 : 12 + width] = 1
    for bar in (alpha, 1 - alpha):
        assert thin_parts(bar)[0, 0, 20].unique().tolist() == ([0.0, thin] if thin else [0.0])


def test_the_filter_that_the_loss_looks_through_is_the_runtimes() -> None:
    """At the border they differ: there the loss takes the mean of what is there, and the runtime mirrors."""
    rng = np.random.default_rng(4)
    frame = cv2.GaussianBlur(rng.integers(0, 256, (64, 96, 3), np.uint8), (0, 0), 2)
    alpha = np.clip(cv2.GaussianBlur(rng.random((64, 96), np.float32), (0, 0), 4) * 12 - 5.5, 0, 1)
    expected = np.empty_like(alpha)
    full_alpha(frame, fit_coefficients(frame, alpha), expected)
    got = edge_filter(torch.from_numpy(frame)[None], torch.from_numpy(alpha)[None, None])[0, 0].numpy()
    inside = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(got[inside], expected[inside], atol=2e-3)
    assert 0.2 < expected[inside].mean() < 0.8 and np.abs(expected - alpha)[inside].mean() > 0.02
