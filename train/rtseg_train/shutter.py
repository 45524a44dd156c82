"""What moves while the shutter is open: a hand or an arm, smeared over what is behind it. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from rtseg.arrays import F32
from rtseg_train.windows import place_on_edge

Rng = np.random.Generator
# In sides of a square as large as the person: how far from the edge the middle of what moves lies, at most; how far
# the motion reaches around; how far it goes.
NEAR, SPREAD, LENGTH = 0.1, (0.08, 0.3), (0.04, 0.28)
STEP = 2.0  # pixels between two places in which it is drawn


def smeared(rng: Rng, image: F32, alpha: F32) -> tuple[F32, F32]:
    """(image HxWx3, alpha HxW) of a person's layer, a part of whom moved while the picture was taken.

    image: float32 HxWx3, right wherever alpha is above 0. What is seen is the mean over the time, of the colours
    weighted by alpha and of alpha itself, so the label is as exact as it was.
    """
    height, width = alpha.shape
    side = float(alpha.sum()) ** 0.5
    middle = place_on_edge(rng, alpha, max(1, round(NEAR * side)))
    if middle is None:
        return image, alpha
    y, x = np.mgrid[:height, :width].astype(np.float32)
    middle_y, middle_x = middle
    spread_x, spread_y = side * rng.uniform(*SPREAD, 2)
    there = np.exp(-(((x - middle_x) / spread_x) ** 2) - ((y - middle_y) / spread_y) ** 2).astype(np.float32)
    length, angle = side * rng.uniform(*LENGTH), rng.uniform(0, 2 * np.pi)
    way_x, way_y = np.float32(length * np.cos(angle)) * there, np.float32(length * np.sin(angle)) * there
    layer = np.dstack([image * alpha[..., None], alpha])
    seen = np.zeros_like(layer)
    times = np.linspace(-0.5, 0.5, max(3, round(length / STEP)), dtype=np.float32)
    for time in times:
        seen += cv2.remap(layer, x + time * way_x, y + time * way_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen /= len(times)
    share = seen[..., 3:]
    return np.where(share > 1e-3, seen[..., :3] / np.maximum(share, 1e-3), image).astype(np.float32), seen[..., 3]
