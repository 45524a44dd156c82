"""A label lies on its picture, and counts the same pixels, through every augmentation: alone and together."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rtseg.arrays import F32, U8
from rtseg_train import augment
from rtseg_train.augment import make_sample, make_twins
from rtseg_train.windows import Picture, crop_window, person_window, warp

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
def test_the_label_lies_on_the_person_through_all_augmentations(scene: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "ALIKE", 0.0)  # the person is found by being bright
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
