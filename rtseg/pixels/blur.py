"""The room out of focus, without the person in it. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from rtseg.arrays import F32, U8
from rtseg.pixels.compiled import U, compiled

# Blur strength is the Gaussian's sigma in pixels of a frame 720 pixels high, whatever the real height.
BLUR_HEIGHT = 720
SMALLEST_SIGMA = 1.1  # pixels; below this, halving the picture instead of blurring it would show
# Behind the person, where nothing of the room is in a weak blur's reach, counts what is seen of it further around, and
# beyond that the mean of all: the latter alone would stand around the person as a pale or dark rim.
WIDE, NEARBY = 5.0, 0.01  # sigma in pixels of `room`, and weight, of what is further around
FILLER = 1e-4  # weight of the mean of all


def blurred_room(room: F32, strength: float) -> U8:
    """The room without the person, blurred: normalised convolution (Knutsson & Westin 1993).

    Each pixel counts by its weight, so that the person's colours don't glow around them. room: see `colours.apart`.
    The result is uint8 BGR of the room's size or, since a strong blur needs no
    more, of a half or a quarter of it.
    """
    sigma, wide = strength * room.shape[0] / BLUR_HEIGHT, WIDE
    while sigma >= 2 * SMALLEST_SIGMA and min(room.shape[:2]) >= 4:
        room = cv2.resize(room, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        sigma, wide = sigma / 2, wide / 2
    seen = np.array(cv2.mean(room), np.float32)
    around = further_around(room, wide) if sigma < wide else None
    if sigma >= SMALLEST_SIGMA / 4:
        room = cv2.GaussianBlur(room, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    if around is not None:
        room = cv2.scaleAdd(around, NEARBY, room)  # type: ignore[assignment]
    blurred = np.empty((*room.shape[:2], 3), np.uint8)
    _normalise(room, seen * np.float32(FILLER) / (seen[3] + np.float32(1e-6)), blurred)
    return blurred


def further_around(room: F32, sigma: float) -> F32:
    """`room`, float32 hxwx4, blurred by `sigma` pixels, at least 2; made at a quarter of the size or half of it."""
    shrunk = 4 if sigma >= 4 and min(room.shape[:2]) >= 8 else 2 if min(room.shape[:2]) >= 4 else 1
    small = cv2.resize(room, None, fx=1 / shrunk, fy=1 / shrunk, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrunk, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, room.shape[1::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


@compiled
def _normalise(room: F32, filler: F32, out: U8) -> None:
    """out = (colour + filler's colour) / (weight + filler's weight), rounded."""
    for y in range(U(out.shape[0])):
        for x in range(U(out.shape[1])):
            scale = np.float32(1) / (room[y, x, U(3)] + filler[U(3)] + np.float32(1e-9))
            for c in range(U(3)):
                value = (room[y, x, c] + filler[c]) * scale
                out[y, x, c] = np.uint8(np.int32(min(value, np.float32(255)) + np.float32(0.5)))
