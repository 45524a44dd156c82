"""Leaves out pieces of person that are too small, or ghosts: nowhere surely a person. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from rtseg.arrays import F32, U8
from rtseg.pixels.matte import LOW, square

FRINGE = 2  # pixels around a piece that go with it: too faint to belong to it, not too faint for a wide edge
# Alpha, and how many pixels at network size must exceed it, where another piece has as many: else the piece is a ghost.
SOLID, LEAST_SOLID = 0.9, 16
RETURN = 1.2  # times the limit that a piece must reach to come back, so that none flickers whose size swings around it


def without_specks(alpha: F32, percent: float, gone: U8 | None = None) -> tuple[F32, U8]:
    """(alpha without ghosts and pieces of person smaller than `percent` of the picture, where something was left out).

    A piece is what hangs together, corners too, of alpha above LOW; its size is the sum of its alphas. All of a larger
    piece is kept, thin arms too, but for one that is nearly nowhere SOLID beside one that is: of 188 pieces that peak
    at 0.3 to 0.95 (`quality`, labelled pictures) 178 are by the label less than a fifth a person. gone: what was left
    out of the frame before, where a piece has to be RETURN times as large and as solid. alpha: float32 HxW; gone: uint8
    HxW, 0 or 1.
    """
    person: U8 = (alpha > LOW).view(np.uint8)
    count, label = cv2.connectedComponents(person, connectivity=8, ltype=cv2.CV_32S)
    index, solid = label.ravel(), alpha > SOLID
    if count > 2:
        pixels, cores = np.bincount(index, minlength=count), np.bincount(index[solid.ravel()], minlength=count)
    else:
        pixels, cores = (np.array([0, cv2.countNonZero(u.view(np.uint8))][:count]) for u in (person, solid))
    times = np.ones(count)
    if gone is not None and gone.any():
        times[np.bincount(index, gone.ravel(), count) > 0.5 * pixels] = RETURN
    least = alpha.size * percent / 100 * times
    small = (pixels < least) | (cores < np.minimum(LEAST_SOLID * times, cores.max()))
    if (~small & (pixels * LOW < least))[1:].any():  # not to be told without the sum, which takes ten times as long
        small |= np.bincount(index, alpha.ravel(), count) < least
    small[0] = False  # what is no piece at all
    if not small.any():
        return alpha, np.zeros_like(person)
    left: U8 = small[label].view(np.uint8)
    around = (cv2.dilate(left, square(FRINGE)) > 0) & (cv2.dilate(person - left, square(FRINGE)) == 0)
    shown: F32 = np.where(around | (left > 0), np.float32(0), alpha)
    return shown, left
