"""Pixel work around a full-size mask as others write it: MediaPipe's own example, OpenCV's ready-made calls, the best
that we could do with OpenCV.

Needs numpy and OpenCV alone, since MediaPipe's interpreter runs it as well. A way takes a frame (uint8 HxWx3 BGR), a
mask (float32 HxW, 0..1) and a background (as the frame; None: blur the room) and gives the composite, uint8 HxWx3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from rtseg.arrays import F32, U8

Way = Callable[[U8, F32, Any], U8]
EXAMPLE_THRESHOLD, EXAMPLE_KERNEL = 0.1, (55, 55)  # of MediaPipe's selfie segmentation example
COMMON_KERNEL = (21, 21)
BLUR_SIGMA = 20 / 720  # of the height: what `blur=20` means to rtseg
HALVINGS = 3  # before blurring; the blur is strong enough to hide them


def example(frame_bgr: U8, mask: F32, background: U8 | None) -> U8:
    """numpy, a hard edge, a Gaussian at full size: what MediaPipe's documentation shows."""
    if background is None:
        background = np.asarray(cv2.GaussianBlur(frame_bgr, EXAMPLE_KERNEL, 0), np.uint8)
    is_person = np.stack((mask,) * 3, axis=-1) > EXAMPLE_THRESHOLD
    return np.where(is_person, frame_bgr, background)


def common(frame_bgr: U8, mask: F32, background: U8 | None) -> U8:
    """OpenCV's own call for a soft blend, a Gaussian at full size."""
    if background is None:
        background = np.asarray(cv2.GaussianBlur(frame_bgr, COMMON_KERNEL, 0), np.uint8)
    return np.asarray(cv2.blendLinear(frame_bgr, background, mask, 1 - mask), np.uint8)


class OpenCv:
    """The fastest blend of ready-made calls that we found: uint8 throughout, every buffer used again, the output too.

    The blur is done at an eighth of the size and is as strong as rtseg's. hard: cut along the mask instead of blending,
    as MediaPipe's example does; the least that can be done, with a jagged edge.
    """

    def __init__(self, *, hard: bool = False) -> None:
        self._hard = hard
        self._buffers: dict[tuple[str, tuple[int, ...]], U8] = {}

    def _buffer(self, name: str, shape: tuple[int, ...]) -> U8:
        if (name, shape) not in self._buffers:
            self._buffers[name, shape] = np.empty(shape, np.uint8)
        return self._buffers[name, shape]

    def __call__(self, frame_bgr: U8, mask: F32, background: U8 | None) -> U8:
        shape = frame_bgr.shape
        if background is None:
            background = self._blurred(frame_bgr)
        grey = cv2.convertScaleAbs(mask, self._buffer("grey", shape[:2]), alpha=255)
        out, room = self._buffer("out", shape), self._buffer("room", shape)
        if self._hard:
            np.copyto(out, background)
            _, cut = cv2.threshold(grey, 255 * EXAMPLE_THRESHOLD, 255, cv2.THRESH_BINARY)
            cv2.copyTo(frame_bgr, cut, out)
            return out
        alpha = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR, self._buffer("alpha", shape))
        cv2.multiply(frame_bgr, alpha, out, scale=1 / 255)
        cv2.bitwise_not(alpha, alpha)
        cv2.multiply(background, alpha, room, scale=1 / 255)
        cv2.add(out, room, out)
        return out

    def _blurred(self, frame_bgr: U8) -> U8:
        height, width = frame_bgr.shape[:2]
        small: Any = frame_bgr
        for _ in range(HALVINGS):
            small = cv2.resize(small, (max(1, small.shape[1] // 2), max(1, small.shape[0] // 2)))
        small = cv2.GaussianBlur(small, (0, 0), BLUR_SIGMA * height / 2**HALVINGS)
        return np.asarray(cv2.resize(small, (width, height), self._buffer("blurred", frame_bgr.shape)), np.uint8)


def ways() -> dict[str, Way]:
    """Fresh ones, by name."""
    return {"example": example, "common": common, "OpenCV": OpenCv(), "hard cut": OpenCv(hard=True)}
