"""From one labelled picture to one training sample: crop or composite, light, camera, previous alpha. Pure.

The stills are mostly portraits; webcams are landscape, indoors, badly lit, compressed. Compositing people
on rooms and degrading the result like a cheap camera carries that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32, U8, f32, u8
from rtseg.pixels.matte import AROUND, grey_of, motion, remembered
from rtseg_train.alike import like_the_person
from rtseg_train.degrade import camera, light
from rtseg_train.locks import with_locks
from rtseg_train.shutter import smeared
from rtseg_train.windows import Picture, View, crop_window, person_window, warp

Rng = np.random.Generator
SMEARED = 0.3  # share of the people put in a room of whom a part moves while the shutter is open
ALIKE = 0.3  # share of them before a room that has their colours somewhere at their edge
LOCKS = 0.2  # share of the cut-outs that get long hair where a head is found
MOVING = 0.5  # share of the pictures with a frame before in which something moved since


class Sample(NamedTuple):
    """What the net sees and what it should say."""

    frame_bgr: U8  # HxWx3
    previous_alpha: F32  # HxW
    alpha: F32  # HxW
    sure: F32  # HxW, how far alpha is to be believed


def make_sample(
    rng: Rng, picture: Picture, size: tuple[int, int], room: Picture | None = None, other: Picture | None = None
) -> Sample:
    """A sample at network size (width, height).

    With a room the person is cut out and put there, sometimes with `other` behind. `other` also
    serves as the wrong previous alpha that the net must learn to distrust.
    """
    view = compose(rng, picture, size, room, other)[0]
    return finish(rng, view._replace(frame=light(rng, view.frame)), previous_alpha(rng, view.alpha, other))


def make_twins(
    rng: Rng,
    picture: Picture,
    size: tuple[int, int],
    room: Picture | None = None,
    other: Picture | None = None,
    following: Picture | None = None,
) -> list[Sample]:
    """Two samples of one scene, a moment apart, noise of its own in each frame.

    following: the picture a moment later; without one, or without a room, the whole scene hardly moves.
    """
    views = compose(rng, picture, size, room, other, following)
    seed = int(rng.integers(2**63))  # the same light on both
    first, *later = [view._replace(frame=light(np.random.default_rng(seed), view.frame)) for view in views]
    second = later[0] if later else moved(rng, first, size)
    now, then = (grey_of(view.frame) for view in (second, first))
    change = motion(now, then) if rng.random() < 0.8 else None
    before = np.zeros_like(then) if change is None else remembered(first.alpha, change)
    return [finish(rng, first, previous_alpha(rng, first.alpha, other)), finish(rng, second, before)]


def finish(rng: Rng, view: View, previous: F32) -> Sample:
    """The view as the camera gives it."""
    return Sample(camera(rng, view.frame), previous, view.alpha, view.sure)


def moved(rng: Rng, view: View, size: tuple[int, int]) -> View:
    """The view from a hardly other place, or the same."""
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), rng.normal(0, 0.4), 1 + rng.normal(0, 0.004))
    if rng.random() >= 0.7:
        return view
    turn[:, 2] = turn[:, 2] + rng.normal(0, 0.006 * size[0], 2)

    def through(plane: NDArray[Any]) -> NDArray[Any]:
        return cv2.warpAffine(plane, turn, size, borderMode=cv2.BORDER_REPLICATE).astype(plane.dtype)

    return View(through(view.frame), through(view.alpha), through(view.sure))


def compose(
    rng: Rng,
    picture: Picture,
    size: tuple[int, int],
    room: Picture | None,
    other: Picture | None,
    following: Picture | None = None,
) -> list[View]:
    """A window of the picture, or its person in a room; with a `following` picture both moments."""
    if room is None:
        return [warp(picture, crop_window(rng, picture, size), size)]
    view = warp(room, crop_window(rng, room, size), size)
    frame = view.frame
    if rng.random() < 0.3:  # a lens out of focus behind the person
        frame = u8(cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.5, 4)))
    view = View(frame, np.zeros(frame.shape[:2], np.float32), view.sure)
    if other is not None and rng.random() < 0.2:
        view = paste(rng, [other], view)[0]
    return paste(rng, [picture] if following is None else [picture, following], view)


def paste(rng: Rng, moments: list[Picture], behind: View) -> list[View]:
    """A person before what is there, at one moment or several, light partly matched.

    A cut-out is composited as its alpha says. Of another picture the label is rough: the rim of its old background is
    dropped in half of the cases, and the edge softened.
    """
    size = (behind.frame.shape[1], behind.frame.shape[0])
    matrix = person_window(rng, moments[0], size)
    erode, softness, strength = rng.random() < 0.5, rng.uniform(0.4, 0.9), rng.uniform(0, 0.6)
    gain: F32 | None = None
    views = []
    for person in moments:
        image, cut, sure = warp(person, matrix, size, outside=cv2.BORDER_CONSTANT)
        if not person.exact:
            if erode:
                cut = f32(cv2.erode(cut, np.ones((3, 3), np.uint8)))
            cut = f32(cv2.GaussianBlur(cut, (0, 0), softness))
        elif len(moments) == 1 and rng.random() < LOCKS:
            image, cut = with_locks(rng, image, cut)
        if gain is None:
            gain = matched_light(image[cut > 0.5], behind.frame, strength)
            if rng.random() < ALIKE:
                alike = like_the_person(rng, behind.frame, f32(image * gain), cut)
                behind = behind._replace(frame=np.where(behind.alpha[..., None] > 0, behind.frame, alike))
        layer = image * gain
        if len(moments) == 1 and rng.random() < SMEARED:
            layer, cut = smeared(rng, layer, cut)
        mix = behind.frame + cut[..., None] * (layer - behind.frame)
        cut = np.minimum(cut, 1)  # blurring may round to a little more
        alpha = 1 - (1 - behind.alpha) * (1 - cut)
        views.append(View(np.clip(np.rint(mix), 0, 255).astype(np.uint8), alpha, np.minimum(sure, behind.sure)))
    return views


def matched_light(person: U8, frame: U8, strength: float) -> F32:
    """Factors for B, G, R that bring the person's pixels (nx3) nearer to the frame's mean; `strength` of the way."""
    if not len(person):
        return np.ones(3, np.float32)
    gain = ((frame.mean((0, 1)) + 10) / (person.mean(0) + 10)) ** strength
    matched: F32 = np.clip(gain, 0.5, 1.8).astype(np.float32)
    return matched


def previous_alpha(rng: Rng, alpha: F32, other: Picture | None) -> F32:
    """What the net would have said of the frame before: often nothing, mostly about right, at times wrong.

    After Tkachenka et al. 2019 (MediaPipe hair segmentation): the true mask moved, dropped, or false.
    """
    h, w = alpha.shape
    kind = rng.random()
    if kind < 0.5:
        return np.zeros_like(alpha)
    if kind < 0.58 and other is not None:
        return cv2.resize(other.alpha, (w, h)).astype(np.float32) / np.float32(255)
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), rng.normal(0, 1.5), 1 + rng.normal(0, 0.015))
    turn[:, 2] = turn[:, 2] + rng.normal(0, 0.012 * w, 2)
    previous = cv2.warpAffine(alpha, turn, (w, h), borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.5:
        previous = cv2.GaussianBlur(previous, (0, 0), rng.uniform(0.3, 2.0))
    if rng.random() < 0.25:  # a hole or a false blob, to be healed
        centre = (int(rng.integers(w)), int(rng.integers(h)))
        axes = (int(rng.integers(4, w // 4)), int(rng.integers(4, h // 4)))
        cv2.ellipse(previous, centre, axes, 0, 0, 360, float(rng.random() < 0.5), -1)
    previous = f32(np.clip(previous, 0, 1))
    return remembered(previous, something_moves(rng, previous)) if rng.random() < MOVING else previous


def something_moves(rng: Rng, alpha: F32) -> F32:
    """As much motion as a hand makes, or somebody who passes, HxW: often at the person, at times beside."""
    h, w = alpha.shape
    change, person = np.zeros_like(alpha), np.argwhere(alpha > 0.5)
    for _ in range(int(rng.integers(1, 5))):
        x, y = int(rng.integers(w)), int(rng.integers(h))
        if len(person) and rng.random() < 0.7:
            y, x = person[rng.integers(len(person))].tolist()
        axes = (int(rng.integers(3, w // 6)), int(rng.integers(3, w // 6)))
        cv2.ellipse(change, (x, y), axes, rng.uniform(0, 180), 0, 360, rng.uniform(0.05, 0.5), -1)
    return f32(cv2.blur(change, (AROUND, AROUND)))
