"""How good a matte is: person IoU and boundary IoU per picture, then the mean per source. numpy only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BOUNDARY_RATIO = 0.02  # of the diagonal, as in Cheng et al. 2021
PORTRAIT = ("eg1800", "aisegment", "selfie1460")


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union of two boolean HxW masks; 1 when both are empty."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask's pixels within 2 % of the diagonal of its edge; the picture's border counts as an edge."""
    h, w = mask.shape
    d = max(1, round(BOUNDARY_RATIO * float(np.hypot(h, w))))
    padded = np.pad(mask.astype(np.uint8), 1)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=d)[1:-1, 1:-1]
    edge: NDArray[np.bool_] = mask & (inner == 0)
    return edge


def boundary_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """IoU of the two masks' boundaries (Cheng et al. 2021)."""
    return iou(boundary(a), boundary(b))


@dataclass(frozen=True)
class Score:
    """One picture's result; fractions 0..1. `empty` pictures have nobody in them: only `person` counts."""

    source: str
    iou: float
    boundary_iou: float
    person: float  # share of the picture called person
    mae: float  # mean |alpha - label|
    empty: bool


def score(source: str, alpha: NDArray[np.float32], label: NDArray[np.uint8]) -> Score:
    """Compare alpha (float32 HxW) with a label (uint8 HxW, 0..255) of the same size, cut at a half."""
    a, b = alpha > 0.5, label > 127
    mae = float(np.abs(alpha - label.astype(np.float32) / 255).mean())
    return Score(source, iou(a, b), boundary_iou(a, b), float(a.mean()), mae, not b.any())


def summary(scores: Iterable[Score]) -> dict[str, dict[str, float]]:
    """Means in percent by source, and over PORTRAIT, ALL (every picture with a person) and EMPTY."""
    groups: dict[str, list[Score]] = defaultdict(list)
    for s in scores:
        groups[s.source].append(s)
        if s.empty:
            groups["EMPTY"].append(s)
        else:
            groups["ALL"].append(s)
            if s.source in PORTRAIT:
                groups["PORTRAIT"].append(s)
    table = {}
    for name in sorted(groups, key=lambda g: (g.isupper(), g)):
        items = groups[name]
        people = [s for s in items if not s.empty]
        row: dict[str, float] = {"pictures": len(items), "mae": 100 * float(np.mean([s.mae for s in items]))}
        if people:
            row["iou"] = 100 * float(np.mean([s.iou for s in people]))
            row["boundary_iou"] = 100 * float(np.mean([s.boundary_iou for s in people]))
        else:
            row["false_alarm"] = 100 * float(np.mean([s.person for s in items]))
        table[name] = row
    return table
