"""The scores: IoU and boundary IoU against cases worked out by hand, and how pictures are grouped."""

from __future__ import annotations

import numpy as np
import pytest

from rtseg_train.metrics import Score, boundary, boundary_iou, iou, score, summary


def box(top: int, left: int, height: int, width: int, size: int = 100) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def test_iou_by_hand() -> None:
    assert iou(box(0, 0, 10, 10), box(0, 5, 10, 10)) == pytest.approx(50 / 150)
    assert iou(box(0, 0, 10, 10), box(50, 50, 10, 10)) == 0
    assert iou(box(0, 0, 0, 0), box(0, 0, 0, 0)) == 1
    assert iou(box(0, 0, 0, 0), box(0, 0, 1, 1)) == 0


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


def test_score_cuts_at_a_half() -> None:
    label = np.zeros((10, 10), np.uint8)
    label[:5] = 255
    alpha = np.full((10, 10), 0.4, np.float32)
    alpha[:5] = 0.6
    s = score("here", alpha, label)
    assert (s.iou, s.boundary_iou, s.person, s.empty) == (1.0, 1.0, 0.5, False)
    assert s.mae == pytest.approx(0.4)


def test_summary_groups_by_source_portrait_all_and_empty() -> None:
    table = summary(
        [
            Score("eg1800", 0.9, 0.5, 0.3, 0.1, False),
            Score("ccp", 0.5, 0.1, 0.3, 0.3, False),
            Score("rooms", 0.0, 0.0, 0.02, 0.02, True),
            Score("rooms", 1.0, 1.0, 0.0, 0.0, True),
        ]
    )
    assert list(table) == ["ccp", "eg1800", "rooms", "ALL", "EMPTY", "PORTRAIT"]
    assert table["PORTRAIT"] == {"pictures": 1, "mae": 10, "iou": 90, "boundary_iou": 50}
    assert table["ALL"]["iou"] == pytest.approx(70) and table["ALL"]["pictures"] == 2
    assert table["EMPTY"]["false_alarm"] == pytest.approx(1.0)
    assert "iou" not in table["rooms"] and table["rooms"]["pictures"] == 2
