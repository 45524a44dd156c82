"""What the network is told of the frame before, and its small alpha made to follow the full-size frame. Pure.

Fast guided filter (He & Sun 2015, "Fast Guided Filter"): a local linear model alpha = a * grey + b is
fitted at network size; its two coefficients are smooth and upsample well, and multiplying them with the
full-size grey picture (inside the blend, see composite.py) puts the edge where the picture has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtseg.pixels.filters import RADIUS, change, fade, hold, linear_fit, luma

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
EPS = 1e-3  # variance of grey (0..1) below which a patch counts as flat
# Alphas below LOW become 0, above HIGH 1, those between are stretched: no faint room behind the background, no holes
# in the person, and a rim narrower by a quarter, in which a bright wall would glow around a dark coat.
LOW, HIGH = 0.15, 0.85
CUT = 0.16  # mean difference of grey (0..1) between two frames from which it is another scene
AROUND = 2 * RADIUS + 1  # pixels at network size: side of the window in which motion is looked for
MOVED = 0.06  # motion (difference of grey, 0..1) up to which the last alpha is told to the network; at twice this not
STILL = 0.02  # motion up to which alpha is steadied; at twice this not
STEADY = 0.6  # how much of a small change of alpha is held back where nothing moves
DOUBT = 0.4  # change of alpha from which none of it is held back: the network means it
# A Gaussian of sigma 1 along one axis: the weights at a distance of 0, 1, 2 and 3 pixels.
NOISE = np.array([0.39906, 0.24204, 0.05401, 0.00442], np.float32)


def grey_of(small_bgr: U8) -> F32:
    """Grey as float32 hxw in 0..1 of a uint8 hxwx3 BGR picture."""
    grey = np.empty(small_bgr.shape[:2], np.float32)
    luma(small_bgr.reshape(-1), grey.reshape(-1))
    return grey


def motion(grey: F32, before: F32) -> F32 | None:
    """How much the picture changed around each pixel, float32 HxW; None after a cut.

    grey and `before`: two frames, float32 HxW in 0..1 at network size. Differences are smoothed before their sign
    is dropped, so that a sensor's noise does not count as motion.
    """
    moved = np.empty_like(grey)
    return moved if change(grey, before, NOISE, moved) <= CUT else None


def remembered(alpha: F32, moved: F32) -> F32:
    """The last frame's alpha where nothing has moved since, nothing where much has; all float32 HxW.

    What moved fast is no longer where it was: telling the network otherwise cost 1 boundary IoU on fast clips.
    """
    out = np.empty_like(alpha)
    fade(alpha, moved, np.float32(MOVED), out)
    return out


def steadied(alpha: F32, before: F32, moved: F32) -> F32:
    """This frame's alpha, held near the last one's where nothing moves and the two nearly agree; float32 HxW.

    A still person's edge stands still in a sensor's noise, and a hand that starts to wave is not held back.
    """
    out = np.empty_like(alpha)
    hold(alpha, before, moved, np.float32(STILL), np.float32(STEADY), np.float32(DOUBT), out)
    return out


def fit_coefficients(grey: F32, alpha: F32) -> tuple[F32, F32]:
    """(a, b), float32 HxW: alpha is about a * grey + b around each pixel. grey and alpha: HxW in 0..1."""
    a, b = np.empty_like(grey), np.empty_like(grey)
    linear_fit(grey, alpha, np.float32(EPS), a, b)
    stretch = np.float32(1 / (HIGH - LOW))
    a *= stretch
    b -= np.float32(LOW)
    b *= stretch
    return a, b
