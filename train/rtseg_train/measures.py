"""How far two mattes are apart: region, boundary and error of a picture, steadiness of a pair of frames.

Alpha is float32 HxW in 0..1, a label uint8 HxW in 0..255, both of the same size. numpy and OpenCV only.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32, U8, f32

BOUNDARY_RATIO = 0.02  # of the diagonal, as in Cheng et al. 2021
FLICKER_RATIO = 0.01  # of the diagonal, on each side of the label's edge: 7 pixels at 640x360
GRADIENT_SIGMA = 1.4  # pixels, as in Rhemann et al. 2009
GRADIENT_RADIUS = 4  # pixels; beyond it the Gaussian is below 1 %
HALF = (0.05, 0.95)  # alphas between these are half-transparent


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


def as_alpha(label: U8) -> F32:
    """uint8 0..255 as float32 0..1."""
    return label.astype(np.float32) / np.float32(255)
