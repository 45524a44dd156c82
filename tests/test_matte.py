"""What lasts from frame to frame: steady where nothing moves, forgotten where something does."""

import cv2
import numpy as np
import pytest

from rtseg import Pipeline
from rtseg.pixels.composite import full_alpha
from rtseg.pixels.edge import PLAIN, Edge
from rtseg.pixels.matte import AROUND, EPS, GROW, HIGH, LOW, fit_coefficients, motion, remembered, steadied

SIZE = (96, 160)


def frame(seed: int, noise: float = 0.02) -> np.ndarray:
    """float32 grey 0..1: a ramp with a sensor's noise."""
    ramp = np.linspace(0.2, 0.6, SIZE[1], dtype=np.float32)[None].repeat(SIZE[0], axis=0)
    return (ramp + np.random.default_rng(seed).normal(0, noise, SIZE)).astype(np.float32)


def arm(brighter: float = 0.3) -> np.ndarray:
    """The same scene with a bright arm where there was none."""
    grey = frame(1)
    grey[:, 40:60] += brighter
    return grey


def test_a_still_scene_is_remembered_through_noise() -> None:
    alpha = np.random.default_rng(9).random(SIZE, np.float32)
    moved = motion(frame(1), frame(2))
    assert moved is not None
    kept = remembered(alpha, moved)
    assert kept.dtype == np.float32 and kept.min() >= 0 and kept.max() <= 1
    assert (np.abs(kept - 0.5) >= np.abs(alpha - 0.5)).all() and ((kept > 0.5) == (alpha > 0.5)).all()


def test_doubts_are_not_told() -> None:
    """What the network was not sure of it would take for more every time, and a ghost would grow."""
    still = np.zeros(SIZE, np.float32)
    assert remembered(np.full(SIZE, 0.33, np.float32), still).max() == 0
    assert remembered(np.full(SIZE, 0.67, np.float32), still).min() == 1


def test_of_what_moved_it_is_told_what_stands_around_and_the_rest_is_kept() -> None:
    moved = np.zeros(SIZE, np.float32)
    patch = np.s_[42:54, 74:86]
    moved[patch] = 1
    for person in (0.0, 1.0):
        told = remembered(np.full(SIZE, person, np.float32), moved)
        np.testing.assert_allclose(told[patch], person, atol=0.03)
        assert (told[moved == 0] == person).all()
    beside = np.zeros(SIZE, np.float32)
    beside[:, 80:] = 1
    assert 0.3 < remembered(beside, moved)[48, 80] < 0.7 and remembered(1 - beside, moved)[48, 74] > 0.5


def test_of_what_moved_with_all_around_it_nothing_is_told() -> None:
    """As when the camera moves: nobody, which the network knows from first frames."""
    moved = motion(arm(0.6), frame(2))
    assert moved is not None
    moved[:, 20:90] = np.maximum(moved[:, 20:90], 0.12)
    told = remembered(np.ones(SIZE, np.float32), moved)
    assert told[:, 45:70].max() == 0 and told[:, 100:].min() == 1


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


def drawn(*places: tuple[int, int, int, int]) -> np.ndarray:
    """A person in each (top, left, height, width)."""
    alpha = np.zeros(SIZE, np.float32)
    for top, left, height, width in places:
        alpha[top : top + height, left : left + width] = 1
    return alpha


BODY = (30, 50, 66, 50)


def test_nobody_comes_where_nothing_moves() -> None:
    still, moving = np.zeros(SIZE, np.float32), np.full(SIZE, 0.05, np.float32)
    nobody, speck = np.zeros(SIZE, np.float32), drawn((10, 10, 8, 8))
    ghost = drawn((4, 4, 30, 30))
    assert steadied(ghost, nobody, still).max() == 0
    np.testing.assert_array_equal(steadied(ghost, speck, still), speck)  # nor does a speck grow
    np.testing.assert_array_equal(steadied(ghost, nobody, moving), ghost)  # who comes moves, and shows at once


def test_a_shoulder_that_was_missed_is_found_though_nothing_moves() -> None:
    alpha, whole = drawn(BODY), drawn(BODY, (70, 20, 26, 80))
    for _ in range(-(-30 // GROW)):
        alpha = steadied(whole, alpha, np.zeros(SIZE, np.float32))
    np.testing.assert_array_equal(alpha, whole)


def test_no_hole_comes_in_a_body_that_does_not_move() -> None:
    before, hole = drawn(BODY), (slice(60, 70), slice(70, 79))
    alpha = before.copy()
    alpha[hole] = 0.05
    still, moving = np.zeros(SIZE, np.float32), np.full(SIZE, 0.05, np.float32)
    np.testing.assert_array_equal(steadied(alpha, before, still), before)
    np.testing.assert_array_equal(steadied(alpha, before, moving), alpha)  # an arm is put on the hip
    np.testing.assert_array_equal(steadied(alpha, alpha, still), alpha)  # and has been there for a while
    leaves = drawn()  # the whole piece goes at once: a coat that the network no longer takes for somebody
    np.testing.assert_array_equal(steadied(leaves, before, still), leaves)


def test_the_filters_are_cv2s() -> None:
    """Borders too: both mirror the picture there."""
    rng = np.random.default_rng(8)
    for size in ((96, 160), (8, 8), (37, 53)):
        grey, before = (0.6 * cv2.GaussianBlur(rng.random(size, np.float32), (0, 0), 1) for _ in range(2))
        changed = np.abs(cv2.GaussianBlur(grey - before, (0, 0), 1))
        moved = motion(grey, before)
        assert moved is not None
        np.testing.assert_allclose(moved, cv2.blur(changed, (AROUND, AROUND)), atol=5e-4)


def test_the_fit_is_a_regression_on_colours_in_windows_of_cells() -> None:
    rng = np.random.default_rng(8)
    for size in ((96, 160), (8, 8), (38, 54)):
        small = cv2.GaussianBlur(rng.integers(0, 256, (*size, 3), np.uint8), (0, 0), 1)
        alpha = cv2.GaussianBlur(rng.random(size, np.float32), (0, 0), 1)

        def mean(values: np.ndarray, half: tuple[int, int] = (size[1] // 2, size[0] // 2)) -> np.ndarray:
            return cv2.blur(cv2.resize(values, half, interpolation=cv2.INTER_AREA), (3, 3))

        colours = small / 255
        centre, of_alpha = mean(colours), mean(alpha.astype(float))
        products = mean((colours[..., None] * colours[..., None, :]).reshape(*size, 9)).reshape(*centre.shape, 3)
        spread = products - centre[..., None] * centre[..., None, :] + EPS * np.eye(3)
        with_alpha = mean(colours * alpha[..., None]) - centre * of_alpha[..., None]
        slopes = np.linalg.solve(spread, with_alpha[..., None])[..., 0]
        constant = of_alpha - (slopes * centre).sum(-1)
        wanted = cv2.blur(np.dstack([slopes / 255, constant]), (3, 3))
        wanted[..., 3] -= LOW
        got = fit_coefficients(small, alpha) * (HIGH - LOW)
        np.testing.assert_allclose(got[:3] * 255, wanted[..., :3].transpose(2, 0, 1) * 255, atol=2e-3)
        np.testing.assert_allclose(got[3], wanted[..., 3], atol=2e-3)


@pytest.mark.parametrize("size", [(37, 54), (38, 53), (9, 9)])
def test_a_picture_with_odd_sides_is_fitted_where_it_lies(size: tuple[int, int]) -> None:
    frame_bgr = np.zeros((*size, 3), np.uint8)
    frame_bgr[:, size[1] // 2 :] = 200
    alpha = (frame_bgr[..., 0] > 0).astype(np.float32)
    shown = np.empty(size, np.float32)
    full_alpha(frame_bgr, fit_coefficients(frame_bgr, alpha), shown)
    np.testing.assert_allclose(shown, alpha, atol=0.02)


@pytest.mark.usefixtures("unchecked")
def test_no_ghost_grows_in_a_picture_that_stands_still(
    demo_frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that believes its own last word: three tenths of a person everywhere, and more for what it is told."""
    monkeypatch.setattr("rtseg.pipeline.require_nobody", lambda model: None)
    pipeline = Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1)

    def run(small_bgr: np.ndarray, told: np.ndarray) -> np.ndarray:
        return np.clip(0.3 + 0.9 * told, 0, 1).astype(np.float32)

    pipeline.model.run = run  # type: ignore[method-assign]
    pipeline(demo_frames[0])
    first = float(pipeline.alpha.mean())
    for _ in range(12):
        pipeline(demo_frames[0])
    assert abs(float(pipeline.alpha.mean()) - first) < 0.01 and first < 0.3


def test_the_room_between_the_frames_edge_and_who_walks_away_from_it_is_no_hole() -> None:
    """Where it is as bright as who was there a moment ago, nothing moves."""
    before, now = np.ones(SIZE, np.float32), np.ones(SIZE, np.float32)
    now[30:60, :3] = 0
    assert steadied(now, before, np.zeros(SIZE, np.float32))[30:60, 0].max() < 0.5


@pytest.mark.parametrize(
    ("controls", "nothing", "quarter", "everything"),
    [(PLAIN, 0.25, 0.3875, 0.8), (Edge(1.0), 0.07, 0.1575, 0.42), (Edge(-1.0), 0.63, 0.7175, 0.98)],
    ids=["plain", "more", "less"],
)
def test_from_what_alpha_on_somebody_is_there(
    controls: Edge, nothing: float, quarter: float, everything: float
) -> None:
    small = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    got = np.empty(SIZE, np.float32)
    for said, shown in ((nothing, 0.0), (quarter, 0.25), (everything, 1.0)):
        full_alpha(small, fit_coefficients(small, np.full(SIZE, said, np.float32), controls), got)
        np.testing.assert_allclose(got, shown, atol=2e-3)


def test_a_quarter_of_feather_is_half_of_the_way() -> None:
    small, alpha = cv2.merge([np.rint(255 * frame(n)).astype(np.uint8) for n in (1, 2, 3)]), drawn(BODY)
    sharp, half, soft = (
        fit_coefficients(small, cv2.GaussianBlur(alpha, (0, 0), 3), Edge(feather=value)) for value in (0.0, 0.25, 1.0)
    )
    assert 255 * np.abs(sharp[:3]).max() > 0.1 and np.abs(soft[:3]).max() == 0
    np.testing.assert_allclose(half, (sharp + soft) / 2, atol=1e-4)


@pytest.mark.parametrize(("moved", "told"), [(0.06, 1.0), (0.09, 0.5 + 0.5 * 0.5 / 0.52), (0.12, 0.0)])
def test_how_much_is_told_of_what_moved(moved: float, told: float) -> None:
    sure = np.ones(SIZE, np.float32)
    inside = remembered(sure, np.full(SIZE, moved, np.float32))[16:-16, 16:-16]
    np.testing.assert_allclose(inside, told, atol=1e-5)


@pytest.mark.parametrize(
    ("now", "moved", "held"),
    [(0.5, 0.0, 0.545), (0.5, 0.02, 0.545), (0.5, 0.03, 0.5225), (0.5, 0.04, 0.5), (0.98, 0.0, 0.9686)],
)
def test_how_much_of_a_change_is_held_back(now: float, moved: float, held: float) -> None:
    """Six tenths of a small one, none of one from 0.4 on, and nothing where something moves by 0.04."""
    before, alpha, motion = (np.full(SIZE, value, np.float32) for value in (0.6, now, moved))
    assert steadied(alpha, before, motion)[48, 80] == pytest.approx(held, abs=1e-4)


def test_a_person_grows_by_three_pixels_where_nothing_moves() -> None:
    found = steadied(drawn((10, 30, 86, 100)), drawn(BODY), np.zeros(SIZE, np.float32))
    assert np.flatnonzero(found[60] > 0.5)[[0, -1]].tolist() == [50 - 3, 99 + 3]
