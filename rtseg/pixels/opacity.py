"""Pictures that are transparent in places: what is hidden there stays hidden, whatever becomes of them."""

from __future__ import annotations

import cv2
import numpy as np

from rtseg.arrays import U8, u8


def without_hidden(bgr: U8, opacity: U8) -> U8:
    """uint8 HxWx3 BGR with black where uint8 HxW `opacity` is 0: there a file holds anything, or what was cut away."""
    return u8(cv2.bitwise_and(bgr, bgr, mask=opacity))


def over(bgr: U8, behind: U8 | None, opacity: U8) -> U8:
    """uint8 HxWx3 BGR of a picture with straight opacity, uint8 HxW, over another of its size; None for black."""
    out = np.empty_like(bgr)
    rows = max(1, 2**20 // max(1, bgr.shape[1]))  # at a time, so that huge pictures need little memory
    for start in range(0, len(bgr), rows):
        part = slice(start, start + rows)
        share = cv2.merge([np.ascontiguousarray(opacity[part])] * 3)
        solid = cv2.multiply(bgr[part], share, scale=1 / 255)
        if behind is not None:
            solid = cv2.add(solid, cv2.multiply(behind[part], cv2.bitwise_not(share), scale=1 / 255))
        out[part] = solid
    return out
