"""From the network's small alpha to one that follows the edges of the full-size frame. Pure functions.

Fast guided filter (He & Sun 2015, "Fast Guided Filter"): a local linear model alpha = a * grey + b is
fitted at network size; its two coefficients are smooth and upsample well, and multiplying them with the
full-size grey picture (inside the blend, see composite.py) puts the edge where the picture has it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
RADIUS = 3  # pixels at network size
EPS = 1e-3  # variance of grey (0..1) below which a patch counts as flat
# Alphas below LOW become 0, above HIGH 1, those between are stretched: no faint room behind the background, no holes
# in the person, and a rim narrower by a quarter, in which a bright wall would glow around a dark coat.
LOW, HIGH = 0.15, 0.85


def fit_coefficients(grey: F32, alpha: F32, radius: int = RADIUS, eps: float = EPS) -> tuple[F32, F32]:
    """(a, b), float32 HxW: alpha is about a * grey + b around each pixel. grey and alpha: HxW in 0..1."""
    k = (2 * radius + 1, 2 * radius + 1)
    mean_i, mean_p = cv2.blur(grey, k), cv2.blur(alpha, k)
    variance = cv2.blur(grey * grey, k) - mean_i * mean_i
    covariance = cv2.blur(grey * alpha, k) - mean_i * mean_p
    a = covariance / (variance + eps)
    b = mean_p - a * mean_i
    stretch = 1 / (HIGH - LOW)
    return cv2.blur(a, k) * stretch, (cv2.blur(b, k) - LOW) * stretch
