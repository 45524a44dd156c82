"""What the network is told of the frame before, and its small alpha made to follow the full-size frame. Pure.

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
CUT = 0.16  # mean difference of grey (0..1) between two frames from which it is another scene
MOVED = 0.06  # difference of grey (0..1) around a pixel up to which it stands still; at twice this it has moved
AROUND = 7  # pixels at network size: side of the window that is looked at for it


def remembered(alpha: F32, grey: F32, before: F32) -> F32:
    """The last alpha where the picture has not changed since, less where it has; zeros after a cut.

    What moved fast is no longer where it was: telling the network otherwise drags a trail behind it.
    alpha and `before`: of the last frame, grey: of this one; all float32 HxW in 0..1 at network size.
    """
    change = np.abs(grey - before)
    if float(change.mean()) > CUT:
        return np.zeros_like(alpha)
    # Differences are smoothed before their sign is dropped, so that sensor noise does not count as motion.
    change = cv2.blur(np.abs(cv2.GaussianBlur(grey - before, (0, 0), 1)), (AROUND, AROUND))
    return np.asarray(alpha * np.clip(2 - change / MOVED, 0, 1), np.float32)


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
