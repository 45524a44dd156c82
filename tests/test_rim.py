"""Pictures of a saturated person before a bright textured room: neither's colour may glow where the other is."""

import cv2
import numpy as np
import pytest

from rtseg.paths.cpu import widened
from rtseg.pixels.blur import blurred_room
from rtseg.pixels.colours import apart, rim_step
from rtseg.pixels.composite import blend
from rtseg.pixels.matte import fit_coefficients
from rtseg.pixels.shrink import shrink

WIDTH, HEIGHT = 640, 352
SMALL = (160, 96)
RED = (30, 20, 160)


def bright_room() -> np.ndarray:
    rng = np.random.default_rng(4)
    return cv2.resize(rng.integers(150, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8), (WIDTH, HEIGHT))


def scene(room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(frame, truth): a red person, alpha float32 HxW with an edge as soft as a camera's."""
    truth = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(truth, (WIDTH // 2, HEIGHT), (130, 250), 0, 0, 360, 1, -1)
    truth = cv2.GaussianBlur(truth, (0, 0), 1.5)
    frame = room + truth[..., None] * (np.array(RED) - room.astype(float))
    return np.rint(frame).astype(np.uint8), truth


def composites(frame: np.ndarray, truth: np.ndarray, background: np.ndarray | None) -> list[np.ndarray]:
    """Without and with the step of colour; background None: the room blurred."""
    small, alpha = shrink(frame, SMALL), cv2.resize(truth, SMALL, interpolation=cv2.INTER_AREA)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1)  # a network's edge is softer than the truth
    fit = fit_coefficients(small, alpha)
    person, room = apart(small, alpha)
    step = widened(rim_step(person, room), WIDTH)
    behind = widened(blurred_room(room, 20.0), WIDTH) if background is None else background
    outs = [np.empty_like(frame) for _ in range(2)]
    blend(frame, behind, fit, outs[0])
    blend(frame, behind, fit, outs[1], step)
    return outs


def edge(truth: np.ndarray, inside: int, outside: int) -> np.ndarray:
    """Pixels up to so far inside and outside of the person."""
    person = (truth > 0.5).astype(np.uint8)
    wide, narrow = (np.ones((2 * k + 1, 2 * k + 1), np.uint8) for k in (outside, inside))
    return (cv2.dilate(person, wide) > 0) & (cv2.erode(person, narrow) == 0)


def test_a_bright_room_leaves_no_rim_around_the_person() -> None:
    frame, truth = scene(bright_room())
    dark = np.full_like(frame, 20)
    ideal = dark + truth[..., None] * (np.array(RED) - dark.astype(float))
    naive, corrected = (np.maximum(out - ideal, 0)[edge(truth, 6, 6)].mean() for out in composites(frame, truth, dark))
    assert corrected < 0.6 * naive and naive > 2


def test_the_rim_of_a_dark_room_goes_too() -> None:
    frame, truth = scene(np.full((HEIGHT, WIDTH, 3), 10, np.uint8))
    bright = np.full_like(frame, 240)
    ideal = bright + truth[..., None] * (np.array(RED) - bright.astype(float))
    naive, corrected = (np.abs(out - ideal)[edge(truth, 6, 6)].mean() for out in composites(frame, truth, bright))
    assert corrected < 0.9 * naive < 7


def test_the_blurred_room_holds_nothing_of_the_person() -> None:
    """Beyond the edge: blurring the frame as it is makes the room glow red."""
    room = np.full((HEIGHT, WIDTH, 3), 180, np.uint8)
    frame, truth = scene(room)
    out = composites(frame, truth, None)[1].astype(int)
    around = edge(truth, 0, 40) & ~edge(truth, 0, 8)
    naive = cv2.GaussianBlur(frame, (0, 0), 20.0 * HEIGHT / 720).astype(int)
    red = [np.abs(x[..., 2] - x[..., 0])[around].max() for x in (out, naive)]
    assert red[0] <= 2 < 20 < red[1]


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_without_an_edge_there_is_no_step(alpha: float) -> None:
    small = np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)
    step = rim_step(*apart(small, np.full((96, 160), alpha, np.float32)))
    assert step.shape == (24, 40, 3) and (step == 128).all()


def test_the_step_is_the_difference_of_the_colours() -> None:
    small = np.full((96, 160, 3), (10, 20, 30), np.uint8)
    alpha = np.zeros((96, 160), np.float32)
    small[:, 80:], alpha[:, 80:] = (110, 120, 230), 1
    step = rim_step(*apart(small, alpha)).astype(int) - 128
    np.testing.assert_allclose(step[:, 19:21], np.broadcast_to((50, 50, 100), (24, 2, 3)), atol=4)
    assert np.abs(step[:, :15]).max() == 0


@pytest.mark.parametrize(("weight", "believed"), [(1 / 36, (0.9, 1.0)), (1e-4, (0.0, 0.1))], ids=["a pixel", "a trace"])
def test_one_sure_pixel_in_sight_is_enough_and_a_trace_is_not(weight: float, believed: tuple[float, float]) -> None:
    """weight: how much of the window around each pixel is surely person."""
    room, person = np.ones((2, 24, 40, 4), np.float32)
    room[..., :3], person[..., :3] = 40, 240
    step = rim_step(person * np.float32(weight), room)[6, 10].astype(int) - 128
    low, high = believed
    assert (100 * low <= step).all() and (step <= 100 * high).all(), "half of the difference of 200 is 100"


def test_the_step_of_colour_lies_where_it_was_seen() -> None:
    """A step that grows downwards, in as few rows as the network's picture has: right in the middle of each of them."""
    height, width, rows = 240, 64, 10
    step = np.repeat((128 + 8 * (np.arange(rows) - rows // 2)).astype(np.uint8), 3 * width).reshape(rows, width, 3)
    fit = np.zeros((4, 20, 4), np.float32)
    fit[3] = 0.5
    frame, out = np.full((height, width, 3), 128, np.uint8), np.empty((height, width, 3), np.uint8)
    blend(frame, np.full_like(frame, 100), fit, out, step)
    full_step = 2 * (cv2.resize(step, (width, height), interpolation=cv2.INTER_LINEAR).astype(float) - 128)
    off = (out - (100 + 0.5 * (128 + 0.5 * full_step - 100)))[24:-24]
    assert abs(off.mean()) < 0.3 and np.abs(off).max() < 2.5
