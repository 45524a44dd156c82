"""What is remembered from frame to frame."""

import numpy as np

from rtseg.matte import remembered

SIZE = (96, 160)


def frame(seed: int, noise: float = 0.02) -> np.ndarray:
    """float32 grey 0..1: a ramp with a sensor's noise."""
    ramp = np.linspace(0.2, 0.6, SIZE[1], dtype=np.float32)[None].repeat(SIZE[0], axis=0)
    return (ramp + np.random.default_rng(seed).normal(0, noise, SIZE)).astype(np.float32)


def test_a_still_scene_is_remembered_through_noise() -> None:
    alpha = np.random.default_rng(9).random(SIZE, np.float32)
    kept = remembered(alpha, frame(1), frame(2))
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, alpha)


def test_what_moved_is_forgotten_and_the_rest_kept() -> None:
    now = frame(1)
    now[:, 40:60] += 0.3  # a bright arm where there was none
    kept = remembered(np.ones(SIZE, np.float32), now, frame(2))
    assert kept[:, 45:55].max() == 0 and kept[:, :30].min() == kept[:, 70:].min() == 1


def test_a_cut_is_a_first_frame() -> None:
    assert not remembered(np.ones(SIZE, np.float32), frame(1) + np.float32(0.2), frame(2)).any()
