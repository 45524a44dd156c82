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
AROUND = 7  # pixels at network size: side of the window in which motion is looked for
MOVED = 0.06  # motion (difference of grey, 0..1) up to which the last alpha is told to the network; at twice this not
STILL = 0.02  # motion up to which alpha is steadied; at twice this not
STEADY = 0.6  # how much of a small change of alpha is held back where nothing moves
DOUBT = 0.4  # change of alpha from which none of it is held back: the network means it


def motion(grey: F32, before: F32) -> F32 | None:
    """How much the picture changed around each pixel, float32 HxW; None after a cut.

    grey and `before`: two frames, float32 HxW in 0..1 at network size. Differences are smoothed before their sign
    is dropped, so that a sensor's noise does not count as motion.
    """
    difference = grey - before
    if cv2.norm(difference, cv2.NORM_L1) > CUT * grey.size:
        return None
    change = np.abs(cv2.GaussianBlur(difference, (0, 0), 1))
    return np.asarray(cv2.blur(change, (AROUND, AROUND)), np.float32)


def remembered(alpha: F32, moved: F32) -> F32:
    """The last frame's alpha where nothing has moved since, nothing where much has; all float32 HxW.

    What moved fast is no longer where it was: telling the network otherwise cost 1 boundary IoU on fast clips.
    """
    return np.asarray(alpha * np.clip(2 - moved / np.float32(MOVED), 0, 1), np.float32)


def steadied(alpha: F32, before: F32, moved: F32) -> F32:
    """This frame's alpha, held near the last one's where nothing moves and the two nearly agree; float32 HxW.

    A still person's edge stands still in a sensor's noise, and a hand that starts to wave is not held back.
    """
    change = before - alpha
    agreement = np.clip(1 - np.abs(change) / np.float32(DOUBT), 0, 1)
    held = np.float32(STEADY) * np.clip(2 - moved / np.float32(STILL), 0, 1) * agreement
    return np.asarray(alpha + held * change, np.float32)


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
