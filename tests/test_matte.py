"""What lasts from frame to frame: steady where nothing moves, forgotten where something does."""

import cv2
import numpy as np

from rtseg.pixels.filters import RADIUS
from rtseg.pixels.matte import AROUND, EPS, HIGH, LOW, fit_coefficients, motion, remembered, steadied

SIZE = (96, 160)


def frame(seed: int, noise: float = 0.02) -> np.ndarray:
    """float32 grey 0..1: a ramp with a sensor's noise."""
    ramp = np.linspace(0.2, 0.6, SIZE[1], dtype=np.float32)[None].repeat(SIZE[0], axis=0)
    return (ramp + np.random.default_rng(seed).normal(0, noise, SIZE)).astype(np.float32)


def arm() -> np.ndarray:
    """The same scene with a bright arm where there was none."""
    grey = frame(1)
    grey[:, 40:60] += 0.3
    return grey


def test_a_still_scene_is_remembered_through_noise() -> None:
    alpha = np.random.default_rng(9).random(SIZE, np.float32)
    moved = motion(frame(1), frame(2))
    assert moved is not None
    kept = remembered(alpha, moved)
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, alpha)


def test_what_moved_is_forgotten_and_the_rest_kept() -> None:
    moved = motion(arm(), frame(2))
    assert moved is not None
    kept = remembered(np.ones(SIZE, np.float32), moved)
    assert kept[:, 45:55].max() == 0 and kept[:, :30].min() == kept[:, 70:].min() == 1


def test_a_cut_is_a_first_frame() -> None:
    assert motion(frame(1) + np.float32(0.2), frame(2)) is None


def test_a_trembling_edge_is_steadied_and_a_moving_one_is_not() -> None:
    rng = np.random.default_rng(3)
    before = rng.uniform(0.4, 0.6, SIZE).astype(np.float32)
    alpha = before + rng.normal(0, 0.04, SIZE).astype(np.float32)
    still, moving = motion(frame(1), frame(2)), motion(arm(), frame(2))
    assert still is not None and moving is not None
    trembling = np.abs(alpha - before)
    assert np.abs(steadied(alpha, before, still) - before).mean() < 0.6 * trembling.mean()
    np.testing.assert_array_equal(steadied(alpha, before, moving)[:, 45:55], alpha[:, 45:55])


def test_what_the_network_is_sure_of_shows_at_once() -> None:
    still = np.zeros(SIZE, np.float32)
    before, alpha = np.zeros(SIZE, np.float32), np.full(SIZE, 0.9, np.float32)
    np.testing.assert_array_equal(steadied(alpha, before, still), alpha)


def test_the_filters_are_cv2s() -> None:
    """Borders too: both mirror the picture there."""
    rng = np.random.default_rng(8)
    for size in ((96, 160), (8, 8), (37, 53)):
        grey, before, alpha = (cv2.GaussianBlur(rng.random(size, np.float32), (0, 0), 1) for _ in range(3))
        changed = np.abs(cv2.GaussianBlur(grey - before, (0, 0), 1))
        moved = motion(grey, before)
        assert moved is not None
        np.testing.assert_allclose(moved, cv2.blur(changed, (AROUND, AROUND)), atol=5e-4)

        def mean(values: np.ndarray) -> np.ndarray:
            return cv2.blur(values, (2 * RADIUS + 1, 2 * RADIUS + 1))

        slope = (mean(grey * alpha) - mean(grey) * mean(alpha)) / (mean(grey * grey) - mean(grey) ** 2 + EPS)
        wanted = mean(slope), mean(mean(alpha) - slope * mean(grey)) - LOW
        for got, one in zip(fit_coefficients(grey, alpha), wanted, strict=True):
            np.testing.assert_allclose(got, one / (HIGH - LOW), atol=1e-3)
