"""The blurred room: without a halo of the person, stronger when asked."""

import cv2
import numpy as np

from rtseg.pixels.blur import blurred_room
from rtseg.pixels.colours import apart


def blurred(small: np.ndarray, alpha: np.ndarray, strength: float) -> np.ndarray:
    """At network size, integers."""
    return cv2.resize(blurred_room(apart(small, alpha)[1], strength), small.shape[1::-1]).astype(int)


def test_blur_has_no_halo() -> None:
    """A saturated person in front of a grey room leaves no colour in the blurred room around them."""
    room = np.full((160, 256, 3), 90, np.uint8)
    person = np.zeros((160, 256), np.float32)
    person[40:, 90:170] = 1
    small = room.copy()
    small[person > 0] = (0, 0, 255)
    alpha = cv2.GaussianBlur(person, (0, 0), 1.0)
    out = blurred(small, alpha, 30.0)
    outside = cv2.dilate(person, np.ones((3, 3))) == 0
    leak = np.abs(out[..., 2] - out[..., 0])[outside]
    naive = cv2.GaussianBlur(small, (0, 0), 30.0 * 160 / 720).astype(int)
    naive_leak = np.abs(naive[..., 2] - naive[..., 0])[outside]
    assert leak.max() <= 3 < 60 < naive_leak.max()


def test_without_a_person_it_is_a_gaussian_of_the_strength() -> None:
    small = np.zeros((160, 256, 3), np.uint8)
    small[40:120, 60:200] = (255, 128, 40)
    for strength in (10, 20, 45, 100):
        out = blurred(small, np.zeros((160, 256), np.float32), strength)
        expected = cv2.GaussianBlur(small, (0, 0), strength * 160 / 720, borderType=cv2.BORDER_REPLICATE).astype(int)
        assert np.abs(out - expected).max() < 0.06 * 255


def test_blur_strength_grows() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (160, 256, 3), np.uint8)
    nobody = np.zeros((160, 256), np.float32)
    spreads = [blurred(noise, nobody, s).std() for s in (1, 3, 5, 8, 12, 20, 35, 60, 100)]
    assert spreads == sorted(spreads, reverse=True)


def test_blur_with_person_everywhere_is_finite() -> None:
    _, room = apart(np.full((32, 64, 3), 200, np.uint8), np.ones((32, 64), np.float32))
    out = blurred_room(room, 100)
    assert out.dtype == np.uint8 and out.shape[2] == 3


def strip(*parts: tuple[int, int, int, float]) -> np.ndarray:
    """A room 40 high and 60 wide of (first column, last one, colour, how much of it is seen)."""
    room = np.zeros((40, 60, 4), np.float32)
    for start, stop, colour, weight in parts:
        room[:, start:stop] = (*(colour * weight,) * 3, weight)
    return room


def test_behind_the_person_stands_what_is_near_and_not_the_mean_of_all() -> None:
    """In a weak blur: the person in the middle, a dark wall on one side, a bright window on the other."""
    out = blurred_room(strip((0, 20, 40, 1.0), (36, 60, 220, 1.0)), 10)[20, :, 0]
    assert out[24] < 70 and out[32] > 190, "each side has its own"


def test_a_faint_room_keeps_its_own_colour() -> None:
    """What is seen of it by five hundredths only is not drowned by the mean of all."""
    assert blurred_room(strip((0, 30, 40, 0.05), (30, 60, 220, 1.0)), 10)[20, 8, 0] < 48
