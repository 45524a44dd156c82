"""A dark frame made brighter for the network alone, which finds people by what it has seen in good light. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from rtseg.arrays import U8, u8

LIT = 0.42  # root mean square of the levels (0..1) up to which a frame is brightened; 15 of 103 lit pictures have less
MOST = 6.0  # times as bright, at most: beyond that it is noise


def gain_for(small_bgr: U8) -> float:
    """How many times as bright the network sees a frame, uint8 HxWx3 at any size: 1 to MOST, changing smoothly."""
    rms: float = cv2.norm(small_bgr) / 255 / small_bgr.size**0.5
    return min(max(LIT / max(rms, 1e-3), 1.0), MOST)


def brightened(picture: U8, gain: float) -> U8:
    """The picture, uint8 of any shape, with its levels times gain; itself where that is 1."""
    if gain == 1:
        return picture
    return u8(cv2.LUT(picture, np.rint(np.minimum(np.arange(256) * gain, 255)).astype(np.uint8)))
