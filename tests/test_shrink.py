"""The frame at network size against cv2's exact mean of areas."""

import cv2
import numpy as np
import pytest

from rtseg.pixels.linear import linear_steps
from rtseg.pixels.shrink import shrink


def picture(width: int, height: int, spots: int = 16) -> np.ndarray:
    noise = np.random.default_rng(7).integers(0, 256, (spots, spots, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        ((640, 480), (256, 192)),
        ((1280, 720), (288, 160)),
        ((1920, 1080), (288, 160)),
        ((1081, 1921), (160, 288)),
        ((3840, 2160), (288, 160)),
        ((2000, 1000), (64, 32)),
        ((3000, 2900), (32, 32)),
        ((300, 200), (288, 160)),
        ((50, 40), (192, 160)),
        ((641, 363), (96, 64)),
    ],
)
def test_shrunk_frames_look_like_means_of_areas(frame: tuple[int, int], size: tuple[int, int]) -> None:
    big = picture(*frame, spots=min(size) // 4)
    small = shrink(big, size)
    assert small.shape == (size[1], size[0], 3) and small.dtype == np.uint8
    way = cv2.INTER_AREA if frame[0] > size[0] else cv2.INTER_LINEAR
    difference = small.astype(int) - cv2.resize(big, size, interpolation=way)
    assert np.abs(difference).mean() < 2.5 and abs(difference.mean()) < 0.2


def test_noise_is_averaged_away() -> None:
    """As good as all of a sampled picture's pixels would: a 4K sensor's noise must not reach the network."""
    noisy = np.random.default_rng(0).integers(78, 178, (2160, 3840, 3), np.uint8)
    assert shrink(noisy, (288, 160)).std() < 0.25 * noisy.std()


def test_frames_need_not_be_contiguous() -> None:
    big = picture(640, 480)
    np.testing.assert_array_equal(shrink(big[:, ::-1], (96, 64)), shrink(big[:, ::-1].copy(), (96, 64)))


def test_linear_steps_are_those_of_cv2() -> None:
    values = np.random.default_rng(2).random((1, 40), np.float32)
    for count in (7, 40, 131):
        first, weight = linear_steps(count, 40)
        got = values[0, first] * (1 - weight) + values[0, first + 1] * weight
        np.testing.assert_allclose(got, cv2.resize(values, (count, 1), interpolation=cv2.INTER_LINEAR)[0], atol=1e-5)
