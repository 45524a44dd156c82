"""The colours of the person and of the room apart from each other, at half the network's size. Pure.

At the person's soft edge a pixel is a mix of both. Only those that are surely one or the other count here.
"""

from __future__ import annotations

import cv2
import numpy as np

from rtseg.arrays import F32, U8
from rtseg.pixels.compiled import U, compiled

NEAR = 2e-3  # mean weight in a window of the rim's colours at which half of what is seen is believed


def apart(small_bgr: U8, alpha: F32) -> tuple[F32, F32]:
    """(person, room): float32 h/2 x w/2 x 4, sums of B, G, R times weight, and weight (0..1), of each 2x2 pixels.

    small_bgr: uint8 hxwx3, alpha: float32 hxw, h and w even. A pixel counts as room when alpha is 0 up to one pixel
    around it, and less and less up to a quarter; as person in the same way from 1 down to three quarters.
    """
    h, w = alpha.shape
    half = cv2.resize(small_bgr, (w // 2, h // 2), interpolation=cv2.INTER_LINEAR)  # at 2:1 the mean of 2x2
    person, room = np.empty((h // 2, w // 2, 4), np.float32), np.empty((h // 2, w // 2, 4), np.float32)
    _apart(half, alpha, person, room)
    return person, room


def rim_step(person: F32, room: F32) -> U8:
    """Person's colour minus room's around each pixel, uint8 h/2 x w/2 x 3 as 128 + half the difference.

    person and room: see `apart`, with sides divisible by 2. Where either is not in sight the difference fades to 0.

    What the blend does with it is the first step of Forte 2021 ("Approximate Fast Foreground Colour Estimation"):
    a pixel is alpha * person + (1 - alpha) * room, so that the person alone is the pixel + (1 - alpha) * (person -
    room). Its later steps changed nothing that could be measured on an edge that a network drew.
    """
    h, w = person.shape[:2]
    step = np.empty((h // 2, w // 2, 3), np.uint8)
    _rim_step(person, room, np.float32(NEAR), step)
    return step


@compiled
def _apart(half: U8, alpha: F32, person: F32, room: F32) -> None:
    height, width = alpha.shape
    most, least = np.empty(width + 2, np.float32), np.empty(width + 2, np.float32)
    for y in range(U(half.shape[0])):
        y1, y2 = U(2) * y, U(2) * y + U(1)
        y0, y3 = (y1 - U(1) if y else y1), min(y2 + U(1), U(height - 1))
        for x in range(U(width)):
            p, q, r, s = alpha[y0, x], alpha[y1, x], alpha[y2, x], alpha[y3, x]
            most[x + U(1)], least[x + U(1)] = max(max(p, q), max(r, s)), min(min(p, q), min(r, s))
        most[0], least[0], most[width + 1], least[width + 1] = most[1], least[1], most[width], least[width]
        for x in range(U(half.shape[1])):
            k = U(2) * x
            high = max(max(most[k], most[k + U(1)]), max(most[k + U(2)], most[k + U(3)]))
            low = min(min(least[k], least[k + U(1)]), min(least[k + U(2)], least[k + U(3)]))
            inside = min(max(np.float32(4) * low - np.float32(3), np.float32(0)), np.float32(1))
            outside = min(max(np.float32(1) - np.float32(4) * high, np.float32(0)), np.float32(1))
            for c in range(U(3)):
                colour = np.float32(half[y, x, c])
                person[y, x, c], room[y, x, c] = inside * colour, outside * colour
            person[y, x, U(3)], room[y, x, U(3)] = inside, outside


@compiled
def _window_sums(parts: F32, y: int, sums: F32, out: F32) -> None:
    """out (w/2 x 4) = sums over the 3x3 blocks of 2x2 around each block of row y; less at the border. sums: scratch."""
    height, columns = parts.shape[0] // 2, U(out.shape[0])
    line, values = U(4 * parts.shape[1]), parts.reshape(-1)
    for k in range(line):
        sums[k] = np.float32(0)
    for row in range(U(2 * max(y - 1, 0)), U(2 * min(y + 2, height))):
        for k in range(line):
            sums[k] += values[row * line + k]
    for k in range(line - U(4)):
        sums[k] += sums[k + U(4)]  # of two pixels; each second one of these sums is a block's
    for x in range(columns):
        left, right = (x - U(1) if x else x), min(x + U(1), columns - U(1))
        for c in range(U(4)):
            out[x, c] = sums[U(8) * left + c] + sums[U(8) * x + c] + sums[U(8) * right + c]


@compiled
def _rim_step(person: F32, room: F32, near: np.float32, step: U8) -> None:
    height, width = step.shape[:2]
    sums = np.empty(4 * person.shape[1], np.float32)
    inside, outside = np.empty((width, 4), np.float32), np.empty((width, 4), np.float32)
    near *= np.float32(36)  # half-size pixels in a window
    for y in range(height):
        _window_sums(person, y, sums, inside)
        _window_sums(room, y, sums, outside)
        for x in range(U(width)):
            p, r = inside[x, U(3)], outside[x, U(3)]
            scale = np.float32(0.5) / ((p + near) * (r + near))
            for c in range(U(3)):
                value = (inside[x, c] * r - outside[x, c] * p) * scale
                step[U(y), x, c] = np.uint8(np.int32(value + np.float32(128.5)))
