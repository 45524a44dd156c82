"""How good a matte is: region, boundary and error per picture, steadiness per pair of frames, means per source.

Alpha is float32 HxW in 0..1, a label uint8 HxW in 0..255, both of the same size. numpy and OpenCV only.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32, F64, U8, f32

BOUNDARY_RATIO = 0.02  # of the diagonal, as in Cheng et al. 2021
FLICKER_RATIO = 0.01  # of the diagonal, on each side of the label's edge: 7 pixels at 640x360
GRADIENT_SIGMA = 1.4  # pixels, as in Rhemann et al. 2009
GRADIENT_RADIUS = 4  # pixels; beyond it the Gaussian is below 1 %
HALF = (0.05, 0.95)  # alphas between these are half-transparent
UNNAMED = "all"  # source of pictures whose list or folder says none
PORTRAIT = ("eg1800", "aisegment", "selfie1460")


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union of two boolean HxW masks; 1 when both are empty."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0


def mean_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """The mean of the person's IoU and the background's (mIoU of two classes)."""
    return (iou(a, b) + iou(~a, ~b)) / 2


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask's pixels within 2 % of the diagonal of its edge; the picture's border counts as an edge."""
    d = pixels(BOUNDARY_RATIO, mask.shape)
    padded = np.pad(mask.astype(np.uint8), 1)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=d)[1:-1, 1:-1]
    edge: NDArray[np.bool_] = mask & (inner == 0)
    return edge


def boundary_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """IoU of the two masks' boundaries (Cheng et al. 2021)."""
    return iou(boundary(a), boundary(b))


def pixels(ratio: float, shape: tuple[int, ...]) -> int:
    """A share of a picture's diagonal in whole pixels, at least one."""
    return max(1, round(ratio * math.hypot(*shape)))


def gradient_error(alpha: F32, truth: F32) -> float:
    """Sum over pixels of (|grad alpha| - |grad truth|)^2, divided by 1000 (Rhemann et al. 2009); 0 is perfect.

    Gradients are Gaussian derivatives, sigma 1.4, each filter of L2 norm 1, borders replicated: the filter and
    the scale of the published matting figures. It is a sum: compare it on the same pictures only.
    """
    return float(np.square(gradient(alpha) - gradient(truth)).sum()) / 1000


def gradient(alpha: F32) -> F32:
    """Magnitude of the Gaussian derivative, float32 HxW."""
    x = np.arange(-GRADIENT_RADIUS, GRADIENT_RADIUS + 1)
    smooth = np.exp(-(x**2) / (2 * GRADIENT_SIGMA**2))
    slope = x * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    across = cv2.sepFilter2D(alpha, cv2.CV_32F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(alpha, cv2.CV_32F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return f32(cv2.magnitude(across, down))


def sad(alpha: F32, truth: F32) -> float:
    """Sum over pixels of |alpha - truth|, divided by 1000 (Rhemann et al. 2009); 0 is perfect.

    It is a sum: compare it on the same pictures only.
    """
    return float(np.abs(alpha - truth).sum(dtype=np.float64)) / 1000


def half_transparent(alpha: F32) -> int:
    """How many pixels of alpha lie between 0.05 and 0.95."""
    return int(np.count_nonzero((alpha > HALF[0]) & (alpha < HALF[1])))


def dtssd(alpha: F32, alpha_before: F32, truth: F32, truth_before: F32) -> float:
    """100 * sqrt(mean over pixels of ((alpha - alpha_before) - (truth - truth_before))^2) (Erofeev et al. 2015).

    The formula and the factor with which RobustVideoMatting (Lin et al. 2022) reports it; 0 is perfect.
    """
    return 100 * float(np.sqrt(np.square((alpha - alpha_before) - (truth - truth_before)).mean()))


def edge_flicker(alpha: F32, alpha_before: F32, truth: F32, truth_before: F32) -> float | None:
    """How much alpha changes at the edge, other than the truth does: in percent of full alpha; 0 is perfect.

    100 * mean of |(alpha - alpha_before) - (truth - truth_before)| over the pixels within 1 % of the diagonal
    of the truth's edge in either frame. None when there is no edge: the far larger rest of the
    picture, where nothing happens, would dilute the figure.
    """
    band = edge_band(truth) | edge_band(truth_before)
    if not band.any():
        return None
    return 100 * float(np.abs((alpha - alpha_before) - (truth - truth_before))[band].mean())


def edge_band(truth: F32) -> NDArray[np.bool_]:
    """Where truth, cut at a half, has both kinds of pixel within 1 % of the diagonal; the border is no edge."""
    person = (truth > 0.5).astype(np.uint8)
    k = 2 * pixels(FLICKER_RATIO, truth.shape) + 1
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k))
    band: NDArray[np.bool_] = cv2.dilate(person, window) > cv2.erode(person, window)
    return band


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


def as_alpha(label: U8) -> F32:
    """uint8 0..255 as float32 0..1."""
    return label.astype(np.float32) / np.float32(255)


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


class Reliability:
    """Whether an alpha of 0.7 is right 7 times in 10: predicted alpha in equal bins against what labels say.

    A soft label's half-transparent pixel counts as what it is, half a person: alpha 0.5 is right there.
    """

    def __init__(self, bins: int = 15) -> None:
        self.pixels = np.zeros(bins)  # by bin of predicted alpha
        self.alpha = np.zeros(bins)  # their sum
        self.person = np.zeros(bins)  # the sum of the label's alpha there

    def add(self, alpha: F32, label: U8, void: NDArray[np.bool_] | None = None) -> None:
        """Count one picture's pixels, but those that are void."""
        if void is not None:
            alpha, label = alpha[~void], label[~void]
        bins = len(self.pixels)
        index = np.minimum((alpha * bins).astype(np.intp), bins - 1).ravel()
        self.pixels += np.bincount(index, minlength=bins)
        self.alpha += np.bincount(index, alpha.ravel(), bins)
        self.person += np.bincount(index, as_alpha(label).ravel(), bins)

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017), 0..1: mean over pixels of |share - mean alpha| of their bin."""
        return float(np.abs(self.person - self.alpha).sum() / max(1.0, self.pixels.sum()))

    def curve(self) -> tuple[F64, F64]:
        """(mean alpha, the label's mean) of the bins that have pixels."""
        some = self.pixels > 0
        return self.alpha[some] / self.pixels[some], self.person[some] / self.pixels[some]

    def figures(self) -> dict[str, float | list[float]]:
        """For JSON: the error, and per bin with pixels: mean alpha, the label's mean, pixels."""
        alpha, person = self.curve()
        counts = self.pixels[self.pixels > 0]
        rows = {"alpha": alpha, "person": person, "pixels": counts}
        return {"expected_calibration_error": self.error, **{name: row.tolist() for name, row in rows.items()}}
