"""What the network is told of the frame before, and its small alpha made to follow the full-size frame. Pure.

Fast guided filter (He & Sun 2015, "Fast Guided Filter") with a guide in colour (He, Sun & Tang 2013): a local linear
model of alpha, a slope for each of blue, green and red and a constant, is fitted at network size; these coefficients
are smooth and upsample well, and multiplying them with the full-size colours (inside the blend, see composite.py) puts
the edge where the picture has it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from rtseg.arrays import F32, U8, f32
from rtseg.pixels.edge import PLAIN, Edge
from rtseg.pixels.filters import RADIUS, change, fade, fill, hold, luma
from rtseg.pixels.guided import CELL, CELLS, linear_fit

EPS = 1e-3  # variance of a colour (0..1) below which a patch counts as flat
# Alphas below LOW become 0, above HIGH 1, those between are stretched: no faint room behind the background, no holes
# in the person, and a rim of half the width, in which a bright wall would glow around a dark coat. The filter makes an
# edge wider than the network's; with these an alpha is still as likely a person as it says, to within 0.09.
LOW, HIGH = 0.25, 0.8
# At the ends of `edge` both move by SHIFT, and the one further on by NARROWER more: -1 begins late, +1 ends early. With
# LOW brought down to 0.01 a far room shone through faintly.
SHIFT, NARROWER = 0.18, 0.2
CUT = 0.16  # mean difference of grey (0..1) between two frames from which it is another scene
AROUND = 2 * RADIUS + 1  # pixels at network size: side of the window in which motion is looked for
# Motion (difference of grey, 0..1) up to which the last alpha is told to the network; from twice this on what stands
# around is told in its place. Told of nobody there, it found nobody: a raised sleeve was missing, a hand before a face
# left a hole. Of what moves with all around it, as when the camera does, nobody is told: then nothing is known.
MOVED = 0.06
PATCH = 8  # pixels at network size: what stands around is the mean of 3x3 patches of this side
FEW = np.float32(0.02)  # share of those that stands still, at which half of what it shows is told
# Contrast of the alpha that is told: below a third nothing, above two thirds a person. The network learned from
# labels, which are sharp: told its own doubts, it took them for more every time, and an empty room filled with ghosts.
SURE = 3.0
STILL = 0.02  # motion up to which alpha is steadied; at twice this not
STEADY = 0.6  # how much of a small change of alpha is held back where nothing moves
DOUBT = 0.4  # change of alpha from which none of it is held back: the network means it
# Pixels at network size. A piece of person in which no square of 2 * CORE + 1 fits does not grow where nothing moves,
# and a hole in which none fits does not come. What is larger may grow by GROW pixels a frame: a shoulder is found late.
CORE, GROW = 5, 3
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
    """What the network is told: the last frame's alpha, made sharper, where nothing has moved since; float32 HxW.

    What moved is no longer where it was: there it is told the mean of what stands around.
    """
    still, known = np.empty_like(alpha), np.empty_like(alpha)
    fade(alpha, moved, np.float32(MOVED), np.float32(SURE), still, known)
    patches = (-(-alpha.shape[1] // PATCH), -(-alpha.shape[0] // PATCH))
    share, person = (
        cv2.blur(cv2.resize(x, patches, interpolation=cv2.INTER_AREA), (3, 3), borderType=cv2.BORDER_CONSTANT)
        for x in (still, known)
    )
    around = cv2.resize(person / (share + FEW), alpha.shape[::-1])
    return f32(known + (1 - still) * around)


def steadied(alpha: F32, before: F32, moved: F32) -> F32:
    """This frame's alpha, held near the last one's where nothing moves and the two nearly agree; float32 HxW.

    A still person's edge stands still in a sensor's noise, and a hand that starts to wave is not held back. Where
    nothing moves, nobody comes and nobody goes either: person grows only beside a piece that was large enough, and no
    small hole comes where all around is person.
    """
    out = np.empty_like(alpha)
    person: U8 = (before > 0.5).view(np.uint8)
    near = np.maximum(person, cv2.dilate(cv2.erode(person, square(CORE)), square(CORE + GROW)))
    hold(alpha, before, moved, near, np.float32(STILL), np.float32(STEADY), np.float32(DOUBT), out)
    closed = cv2.dilate(out, square(CORE))
    # Beyond the frame there is nobody: the room between its edge and who walks away from it is no hole in a body.
    closed = cv2.erode(closed, square(CORE), borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    fill(out, before, moved, closed, np.float32(STILL), np.float32(SURE))
    return out


def square(radius: int) -> U8:
    """A window of 2 * radius + 1 pixels on each side."""
    return np.ones((2 * radius + 1,) * 2, np.uint8)


def fit_coefficients(small_bgr: U8, alpha: F32, controls: Edge = PLAIN) -> F32:
    """Float32 4 x h/2 x w/2: alpha is about [0] * blue + [1] * green + [2] * red + [3] in each cell of 2x2 pixels.

    small_bgr: uint8 hxwx3, the colours 0..255; alpha: float32 hxw, 0..1. An odd side is enlarged by a pixel.

    A feather mixes this with an alpha that is smooth and knows nothing of the picture; away from the edge, by more
    than twice the filter's window, both are surely 0 or 1.
    """
    size: Any = tuple(-(-n // CELL) for n in alpha.shape[::-1])
    if alpha.shape != (CELL * size[1], CELL * size[0]):
        small_bgr, alpha = (cv2.resize(x, (CELL * size[0], CELL * size[1])) for x in (small_bgr, alpha))  # type: ignore[assignment]
    fit = np.empty((4, *size[::-1]), np.float32)
    linear_fit(tuple(cv2.split(small_bgr)), alpha, np.float32(EPS * 255**2), fit)
    low = np.float32(LOW - SHIFT * controls.edge - NARROWER * min(controls.edge, 0))
    stretch = np.float32(1 / (HIGH - LOW - NARROWER * abs(controls.edge)))
    fit[3] -= low
    fit *= stretch
    if controls.feather:
        # The root, because what is fitted overshoots 0 and 1: a small share of the smooth alpha would not be seen.
        share = controls.feather**0.5
        smooth = cv2.resize(np.clip((alpha - low) * stretch, 0, 1), size, interpolation=cv2.INTER_AREA)
        for _ in range(2):
            smooth = cv2.blur(smooth, (CELLS, CELLS))
        fit *= np.float32(1 - share)
        fit[3] += np.float32(share) * smooth
    return fit
