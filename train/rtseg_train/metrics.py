"""How good a matte is, by all measures at once: per picture, and means per source.

Alpha is float32 HxW in 0..1, a label uint8 HxW in 0..255, both of the same size. numpy and OpenCV only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32, U8
from rtseg_train.measures import (
    as_alpha,
    boundary,
    dtssd,
    edge_flicker,
    gradient_error,
    half_transparent,
    iou,
    mean_iou,
    sad,
)

UNNAMED = "all"  # source of pictures whose list or folder says none
PORTRAIT = ("eg1800", "aisegment", "selfie1460")


@dataclass(frozen=True)
class Score:
    """One picture's result; fractions 0..1 but for `gradient`, `sad`, `dtssd` and `flicker`.

    `empty` pictures have nobody in them. `sad` and the half-transparent ones are None unless the label is soft: has
    half-transparent pixels itself.
    """

    source: str
    iou: float
    boundary_iou: float
    person: float  # share of the picture called person
    mae: float  # mean |alpha - label|
    empty: bool
    mean_iou: float
    gradient: float  # see `gradient_error`
    dtssd: float | None = None  # see `dtssd`; None for a still and a clip's first frame
    flicker: float | None = None  # see `edge_flicker`
    sad: float | None = None  # see `sad`
    half_transparent: float | None = None  # alpha's half-transparent pixels, over the person's in the label
    half_transparent_label: float | None = None  # the label's own, over the same

    def figures(self) -> dict[str, float]:
        """What is reported, in percent but for gradient, SAD and dtSSD; of empty pictures false alarms, no IoU."""
        row = {"mae": 100 * self.mae, "gradient": self.gradient}
        if self.empty:
            row["false_alarm"] = 100 * self.person
        else:
            row |= {"iou": 100 * self.iou, "boundary_iou": 100 * self.boundary_iou, "mean_iou": 100 * self.mean_iou}
        halves = {"half_transparent": self.half_transparent, "half_transparent_label": self.half_transparent_label}
        row |= {name: 100 * value for name, value in halves.items() if value is not None}
        others = {"sad": self.sad, "dtssd": self.dtssd, "flicker": self.flicker}
        return row | {name: value for name, value in others.items() if value is not None}


def score(
    source: str,
    alpha: F32,
    label: U8,
    before: tuple[F32, U8] | None = None,
    void: NDArray[np.bool_] | None = None,
) -> Score:
    """Compare alpha with a label, both cut at a half for the IoUs; `before`: the same two of the previous frame.

    void: bool HxW of pixels without a label, which are left out.
    """
    truth = as_alpha(label)
    if void is not None:  # what differences and neighbourhoods are taken of must be something: no error
        alpha = np.where(void, truth, alpha)
    known = slice(None) if void is None else ~void
    a, b = alpha > 0.5, label > 127
    steadiness: tuple[float | None, float | None] = (None, None)
    if before is not None:
        pairs = (alpha, before[0], truth, as_alpha(before[1]))
        steadiness = dtssd(*pairs), edge_flicker(*pairs)
    edges, a, b = iou(boundary(a)[known], boundary(b)[known]), a[known], b[known]
    mae, count = float(np.abs(alpha - truth)[known].sum(dtype=np.float64)), max(1, a.size)
    whole = iou(a, b), edges, np.count_nonzero(a) / count, mae / count, not b.any()
    return Score(source, *whole, mean_iou(a, b), gradient_error(alpha, truth), *steadiness, *softness(alpha, truth))


def softness(alpha: F32, truth: F32) -> tuple[float, float, float] | tuple[None, None, None]:
    """`sad`, `half_transparent` and `half_transparent_label` of a Score; None when the label has no soft edge."""
    person, soft = np.count_nonzero(truth > 0.5), half_transparent(truth)
    if not (person and soft):
        return None, None, None
    return sad(alpha, truth), half_transparent(alpha) / person, soft / person


def summary(scores: Iterable[Score]) -> dict[str, dict[str, float]]:
    """Means of `Score.figures` by source, and over PORTRAIT, ALL (every picture with a person) and EMPTY.

    Pictures of no source of their own (UNNAMED) are in those alone.
    """
    groups: dict[str, list[Score]] = defaultdict(list)
    for s in scores:
        if s.source != UNNAMED:
            groups[s.source].append(s)
        if s.empty:
            groups["EMPTY"].append(s)
        else:
            groups["ALL"].append(s)
            if s.source in PORTRAIT:
                groups["PORTRAIT"].append(s)
    table: dict[str, dict[str, float]] = {}
    for name in sorted(groups, key=lambda g: (g.isupper(), g)):
        columns: dict[str, list[float]] = defaultdict(list)
        for s in groups[name]:
            for figure, value in s.figures().items():
                columns[figure].append(value)
        means = {figure: float(np.mean(values)) for figure, values in columns.items()}
        table[name] = {"pictures": len(groups[name]), **means}
    return table
