"""The scores, against cases worked out by hand, and how pictures are grouped."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rtseg_train.measures import (
    boundary,
    boundary_iou,
    dtssd,
    edge_flicker,
    gradient_error,
    half_transparent,
    iou,
    mean_iou,
)
from rtseg_train.metrics import Score, score, summary
from rtseg_train.reliability import Reliability


def box(top: int, left: int, height: int, width: int, size: int = 100) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def step(column: int, size: int = 40) -> np.ndarray:
    """Nobody left of the column, somebody from it on; float32."""
    alpha = np.zeros((size, size), np.float32)
    alpha[:, column:] = 1
    return alpha


def test_iou_by_hand() -> None:
    assert iou(box(0, 0, 10, 10), box(0, 5, 10, 10)) == pytest.approx(50 / 150)
    assert iou(box(0, 0, 10, 10), box(50, 50, 10, 10)) == 0
    assert iou(box(0, 0, 0, 0), box(0, 0, 0, 0)) == 1
    assert iou(box(0, 0, 0, 0), box(0, 0, 1, 1)) == 0


def test_mean_iou_is_that_of_person_and_background() -> None:
    assert mean_iou(box(0, 0, 10, 10), box(0, 5, 10, 10)) == pytest.approx((50 / 150 + 9850 / 9950) / 2)


def test_boundary_is_a_rim_of_two_percent_of_the_diagonal() -> None:
    # given 100x100 the diagonal is 141.4 and the rim 3 pixels wide
    assert boundary(box(20, 20, 40, 40)).sum() == 40 * 40 - 34 * 34
    # the picture's border counts as an edge
    assert boundary(box(0, 0, 100, 100)).sum() == 100 * 100 - 94 * 94


def test_boundary_iou_by_hand() -> None:
    a, b = box(20, 20, 40, 40), box(21, 21, 38, 38)
    assert iou(a, b) == pytest.approx(38**2 / 40**2)
    # rims: 40²-34² and 38²-32²; what they share lies between the squares of 38 and 34
    shared, union = 38**2 - 34**2, 40**2 - 32**2
    assert boundary_iou(a, b) == pytest.approx(shared / union)
    assert boundary_iou(a, a) == 1


def test_gradient_error_of_a_missing_edge_by_hand() -> None:
    # given an upright edge, its gradient is the running sum of the derivative filter, times the smoothing filter's sum
    x = np.arange(-4, 5)
    gauss = np.exp(-(x**2) / (2 * 1.4**2))
    slope = np.cumsum(x * gauss)[:-1] / np.linalg.norm(x * gauss) * gauss.sum() / np.linalg.norm(gauss)
    expected = 40 * np.square(slope).sum() / 1000
    truth = step(20)
    assert gradient_error(np.zeros_like(truth), truth) == pytest.approx(expected, rel=1e-4)
    assert gradient_error(truth / 2, truth) == pytest.approx(expected / 4, rel=1e-4)
    assert gradient_error(truth, truth) == pytest.approx(0, abs=1e-9)
    # an edge in another place is worse than none
    assert gradient_error(step(5), truth) == pytest.approx(2 * expected, rel=1e-4)


def test_dtssd_of_a_known_jump() -> None:
    still = np.zeros((10, 10), np.float32)
    jump = still.copy()
    jump[:5, :5] = 0.4  # a quarter of the picture
    assert dtssd(jump, still, still, still) == pytest.approx(100 * np.sqrt(0.25 * 0.4**2))
    # nothing is wrong with a jump that the truth makes, nor with a steady error
    assert dtssd(jump, still, jump, still) == 0
    assert dtssd(jump, jump, still, still) == 0


def test_flicker_counts_the_band_around_the_edge_only() -> None:
    truth = step(50, 100)  # the band is 1 % of 141 pixels, 1 pixel on each side: columns 49 and 50
    jump = truth.copy()
    jump[:, 49] = 0.3
    assert edge_flicker(jump, truth, truth, truth) == pytest.approx(100 * 0.3 / 2)
    far = truth.copy()
    far[:, 10] = 1
    assert edge_flicker(far, truth, truth, truth) == 0
    assert edge_flicker(step(51, 100), truth, step(51, 100), truth) == 0
    # when the truth moves, the bands of both frames count: columns 49 to 51, of which one changes
    assert edge_flicker(truth, truth, step(51, 100), truth) == pytest.approx(100 / 3)
    nobody = np.zeros_like(truth)
    assert edge_flicker(jump, truth, nobody, nobody) is None


def test_score_cuts_at_a_half() -> None:
    label = np.zeros((10, 10), np.uint8)
    label[:5] = 255
    alpha = np.full((10, 10), 0.4, np.float32)
    alpha[:5] = 0.6
    s = score("here", alpha, label)
    assert (s.iou, s.mean_iou, s.boundary_iou, s.person, s.empty) == (1.0, 1.0, 1.0, 0.5, False)
    assert s.mae == pytest.approx(0.4)
    assert (s.dtssd, s.flicker) == (None, None)
    later = score("here", alpha, label, before=(np.zeros_like(alpha), label))
    assert later.dtssd == pytest.approx(100 * np.sqrt((0.6**2 + 0.4**2) / 2)) and later.flicker == pytest.approx(50)


def test_sad_and_half_transparent_pixels_of_a_soft_label_by_hand() -> None:
    # given a person of 50 columns with an edge of 2 more at a half, of 100x100 pixels
    label = np.zeros((100, 100), np.uint8)
    label[:, :50], label[:, 50:52] = 255, 127
    alpha = np.zeros((100, 100), np.float32)
    alpha[:, :40], alpha[:, 40:50], alpha[:, 60:65] = 1, 0.8, 0.96
    s = score("here", alpha, label)
    assert s.sad == pytest.approx((1000 * 0.2 + 200 * 127 / 255 + 500 * 0.96) / 1000, rel=1e-5)
    assert s.half_transparent == pytest.approx(1000 / 5000) and s.half_transparent_label == pytest.approx(200 / 5000)
    figures = s.figures()
    assert (figures["half_transparent"], figures["half_transparent_label"]) == pytest.approx((20, 4))
    assert figures["sad"] == s.sad
    # a hard label says nothing of softness, nor does an empty one
    for other in (np.where(label > 127, 255, 0).astype(np.uint8), np.zeros_like(label)):
        assert not {"sad", "half_transparent", "half_transparent_label"} & score("here", alpha, other).figures().keys()


def test_an_edge_without_a_label_is_no_edge_that_was_found() -> None:
    label = box(20, 20, 40, 40).astype(np.uint8) * 255
    void = box(0, 0, 40, 100)  # the upper half of the person, and all around it
    s = score("here", np.zeros((100, 100), np.float32), label, void=void)
    assert (s.iou, s.boundary_iou, s.mae) == (0, 0, pytest.approx(20 * 40 / 6000))


def test_half_transparent_is_what_lies_between_a_twentieth_and_the_rest() -> None:
    assert half_transparent(np.array([[0, 0.04, 0.06, 0.5, 0.94, 0.96, 1]], np.float32)) == 3


def a_score(source: str, iou: float, boundary_iou: float, person: float, mae: float, empty: bool) -> Score:
    return Score(source, iou, boundary_iou, person, mae, empty, mean_iou=iou, gradient=2.0)


def test_summary_groups_by_source_portrait_all_and_empty() -> None:
    table = summary(
        [
            a_score("eg1800", 0.9, 0.5, 0.3, 0.1, False),
            a_score("ccp", 0.5, 0.1, 0.3, 0.3, False),
            a_score("rooms", 0.0, 0.0, 0.02, 0.02, True),
            a_score("rooms", 1.0, 1.0, 0.0, 0.0, True),
        ]
    )
    assert list(table) == ["ccp", "eg1800", "rooms", "ALL", "EMPTY", "PORTRAIT"]
    expected = {"pictures": 1, "mae": 10, "gradient": 2, "iou": 90, "boundary_iou": 50, "mean_iou": 90}
    assert table["PORTRAIT"] == pytest.approx(expected)
    assert table["ALL"]["iou"] == pytest.approx(70) and table["ALL"]["pictures"] == 2
    assert table["EMPTY"]["false_alarm"] == pytest.approx(1.0)
    assert "iou" not in table["rooms"] and table["rooms"]["pictures"] == 2


def test_summary_means_steadiness_over_the_frames_that_have_it() -> None:
    first, second = box(20, 20, 40, 40).astype(np.uint8) * 255, box(22, 20, 40, 40).astype(np.uint8) * 255
    alpha = first.astype(np.float32) / 255
    row = summary([score("clip", alpha, first), score("clip", alpha, second, (alpha, first))])["clip"]
    # 40 pixels above and 40 below change in two rows each, the prediction does not
    assert row["dtssd"] == pytest.approx(100 * np.sqrt(160 / 100**2)) and row["pictures"] == 2


def test_reliability_of_a_known_distribution() -> None:
    # given alphas that are right as often as they say, but for 0.75, which is right every time
    alpha = np.repeat(np.array([0.05, 0.25, 0.75, 1.0], np.float32), 100).reshape(20, 20)
    label = np.zeros(400, np.uint8)
    label[:5] = label[100:125] = label[200:300] = label[300:] = 255
    bins = Reliability(10)
    bins.add(alpha, label.reshape(20, 20))
    assert bins.error == pytest.approx(0.25 * 0.25, abs=1e-6)
    predicted, person = bins.curve()
    np.testing.assert_allclose(predicted, [0.05, 0.25, 0.75, 1], atol=1e-6)
    np.testing.assert_allclose(person, [0.05, 0.25, 1, 1])
    # and a second picture adds to the first
    bins.add(alpha, label.reshape(20, 20))
    assert bins.pixels.sum() == 800 and bins.error == pytest.approx(0.25 * 0.25, abs=1e-6)


def test_reliability_knows_that_half_of_a_soft_label_is_half_a_person() -> None:
    label = np.repeat(np.array([0, 51, 102, 204, 255], np.uint8), 20).reshape(10, 10)
    bins = Reliability(10)
    bins.add(label.astype(np.float32) / 255, label)
    predicted, person = bins.curve()
    np.testing.assert_allclose(person, predicted, atol=1e-6)
    assert bins.error == pytest.approx(0, abs=1e-6)


def test_a_blurred_alpha_has_an_edge_error_a_sharp_one_has_not() -> None:
    truth = box(20, 20, 40, 40).astype(np.float32)
    blurred = cv2.GaussianBlur(truth, (0, 0), 3).astype(np.float32)
    label = (truth * 255).astype(np.uint8)
    sharp, soft = score("x", truth, label), score("x", blurred, label)
    assert sharp.gradient < 1e-9 < 0.1 < soft.gradient and sharp.mae == 0 < soft.mae
