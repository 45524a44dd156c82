"""What is made of a frame for a file: the composite, the alpha or a cut-out."""

from __future__ import annotations

import cv2
import numpy as np

from rtseg.arrays import U8
from rtseg.pipeline import Pipeline
from rtseg.veil import alpha_of, composited

RIM = 8  # pixels around the visible part of a cut-out with its colours, for players that blend or compress there
SEAM = 2  # pixels from the edge at which a pixel's colour is the person's alone
EPS = 1e-4  # of such weights, below which nobody is near; running sums are exact to a hundredth of it
FAINT = 0.1  # alpha below which the colour of what is surely nobody fades to black
BLACK = "#000000"  # before it a composite is the person, times alpha


def render(pipeline: Pipeline, frame_bgr: U8, emit: str, seconds: float = 0.0, opacity: U8 | None = None) -> U8:
    """Composite HxWx3 BGR, alpha as HxW grey 0..255, or cut-out HxWx4 BGRA of one frame.

    opacity: of a frame that is transparent in places, uint8 HxW.
    """
    composite = composited(pipeline, frame_bgr, seconds, opacity)
    if emit == "composite":
        return composite
    alpha = np.rint(alpha_of(pipeline, opacity) * 255).astype(np.uint8)
    return alpha if emit == "alpha" else cut_out(composite, alpha)


def cut_out(before_black: U8, alpha: U8) -> U8:
    """Straight (not premultiplied) HxWx4 BGRA of a composite before black, HxWx3, and its alpha as HxW 0..255.

    Colours are the person's alone, spread RIM pixels beyond the edge; the room is black, not just transparent: who
    drops the alpha plane must not see it. Only what is surely person is spread: faint pixels have the room's colour.
    """
    side = (2 * (RIM + SEAM) + 1,) * 2
    share = alpha.astype(np.float32)[..., None] * np.float32(1 / 255)
    inside = cv2.erode(share, np.ones((2 * SEAM + 1,) * 2, np.uint8))[..., None]
    sure = np.clip(4 * inside - 3, 0, 1)  # as in colours.py
    weights = cv2.blur(share * sure, side)[..., None]
    around = cv2.blur(before_black * sure, side) / np.maximum(weights, EPS)
    own = before_black / np.maximum(share, FAINT)  # nobody is surely near: what is seen, and nothing of what is not
    colours = np.where(weights > EPS, before_black + (1 - share) * around, own)
    return np.dstack([np.rint(np.clip(colours, 0, 255)).astype(np.uint8), alpha])
