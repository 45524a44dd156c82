"""From one labelled picture to one training sample: crop or composite, light, camera, previous alpha. Pure.

The stills are mostly portraits; webcams are landscape, indoors, badly lit, compressed. Compositing people
on rooms and degrading the result like a cheap camera carries that.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Rng = np.random.Generator
Sample = tuple[U8, F32, F32]  # frame_bgr HxWx3, previous_alpha HxW, alpha HxW
EDGE = 3  # pixels from the picture's border within which a person counts as cut off by it


@dataclass(frozen=True)
class Picture:
    """uint8 HxWx3 BGR and uint8 HxW alpha 0..255."""

    image: U8
    alpha: U8


def make_sample(
    rng: Rng, picture: Picture, size: tuple[int, int], room: Picture | None = None, other: Picture | None = None
) -> Sample:
    """(frame_bgr uint8 HxWx3, previous_alpha, alpha float32 HxW) at network size (width, height).

    With a room the person is cut out and put there, sometimes with `other` behind. `other` also
    serves as the wrong previous alpha that the net must learn to distrust.
    """
    frame, alpha = compose(rng, picture, size, room, other)
    return camera(rng, light(rng, frame)), previous_alpha(rng, alpha, other), alpha


def make_twins(
    rng: Rng, picture: Picture, size: tuple[int, int], room: Picture | None = None, other: Picture | None = None
) -> list[Sample]:
    """Two samples of one scene, a moment apart: hardly moved, noise of its own in each frame."""
    frame, alpha = compose(rng, picture, size, room, other)
    frame = light(rng, frame)
    first = (camera(rng, frame), previous_alpha(rng, alpha, other), alpha)
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), rng.normal(0, 0.4), 1 + rng.normal(0, 0.004))
    if rng.random() < 0.7:  # else a still scene
        turn[:, 2] = turn[:, 2] + rng.normal(0, 0.006 * size[0], 2)
        second = cv2.warpAffine(frame, turn, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
        moved = cv2.warpAffine(alpha, turn, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32, copy=False)
    else:
        second, moved = frame, alpha
    before = alpha if rng.random() < 0.8 else np.zeros_like(alpha)
    return [first, (camera(rng, second), before, moved)]


def compose(
    rng: Rng, picture: Picture, size: tuple[int, int], room: Picture | None, other: Picture | None
) -> tuple[U8, F32]:
    """(frame_bgr, alpha) at network size: a window of the picture, or its person in a room."""
    if room is None:
        return warp(picture, crop_window(rng, picture, size), size)
    frame, _ = warp(room, crop_window(rng, room, size), size)
    if rng.random() < 0.3:  # a lens out of focus behind the person
        frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.5, 4)).astype(np.uint8, copy=False)
    alpha = np.zeros(frame.shape[:2], np.float32)
    people = [other, picture] if other is not None and rng.random() < 0.2 else [picture]
    for person in people:
        frame, alpha = paste(rng, person, frame, alpha)
    return frame, alpha


def crop_window(rng: Rng, picture: Picture, size: tuple[int, int]) -> F32:
    """A 2x3 matrix from a random window inside the picture to the sample."""
    h, w = picture.alpha.shape
    aspect = size[0] / size[1] * rng.uniform(0.9, 1.1)
    scale = 1 - 0.5 * rng.random() ** 1.5
    cw = scale * min(w, h * aspect)
    ch = cw / aspect
    x, y = rng.uniform(0, w - cw), rng.uniform(0, h - ch)
    angle = rng.normal(0, 4) if rng.random() < 0.5 else 0.0
    return window_matrix(x, y, cw, ch, size, angle, rng.random() < 0.5)


def person_window(rng: Rng, picture: Picture, size: tuple[int, int]) -> F32:
    """A window, possibly larger than the picture, in which a person cut by the picture's edge doesn't float."""
    h, w = picture.alpha.shape
    columns = np.flatnonzero(picture.alpha.max(0) > 127)
    rows = np.flatnonzero(picture.alpha.max(1) > 127)
    if not len(columns):
        return crop_window(rng, picture, size)
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    cut_left, cut_right, cut_top, cut_bottom = left < EDGE, right > w - EDGE, top < EDGE, bottom > h - EDGE
    aspect = size[0] / size[1] * rng.uniform(0.9, 1.1)
    ch = (bottom - top) / rng.uniform(0.4, 1.15)
    if cut_top:
        ch = min(ch, bottom)
    cw = ch * aspect
    if cut_left and cut_right:
        cw = min(cw, w)
        ch = cw / aspect
    y = (h - rng.uniform(0, 0.15) * ch if cut_bottom else bottom + rng.uniform(-0.05, 0.3) * ch) - ch
    x = (left + right) / 2 + rng.uniform(-0.35, 0.35) * cw - cw / 2
    if cut_top:
        y = max(y, 0.0)
    if cut_right:
        x = min(x, w - cw)
    if cut_left:
        x = max(x, 0.0)
    return window_matrix(x, y, cw, ch, size, 0.0, rng.random() < 0.5)


def window_matrix(x: float, y: float, cw: float, ch: float, size: tuple[int, int], angle: float, flip: bool) -> F32:
    """2x3 affine from the window (x, y, cw, ch), turned by `angle` degrees, to the whole sample."""
    w, h = size
    sx, sy = w / cw, h / ch
    matrix = np.array([[sx, 0, -x * sx], [0, sy, -y * sy], [0, 0, 1]])
    turn = np.vstack([cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1 + abs(angle) * 0.012), [0, 0, 1]])
    matrix = turn @ matrix
    if flip:
        matrix = np.array([[-1, 0, w - 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    return np.asarray(matrix[:2], np.float32)


def warp(picture: Picture, matrix: F32, size: tuple[int, int], outside: int = cv2.BORDER_REFLECT_101) -> tuple[U8, F32]:
    """Picture and alpha (as float32 0..1) through the matrix; INTER_AREA-like when it shrinks."""
    image, alpha = picture.image, picture.alpha
    shrink = 1 / max(1e-6, abs(np.linalg.det(matrix[:, :2])) ** 0.5)
    if shrink > 1.6:  # linear sampling alone would alias
        k = (round(shrink), round(shrink))
        image, alpha = (cv2.blur(x, k).astype(np.uint8, copy=False) for x in (image, alpha))
    frame = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    warped = cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR, borderMode=outside)
    return frame.astype(np.uint8, copy=False), warped.astype(np.float32) / np.float32(255)


def paste(rng: Rng, person: Picture, frame: U8, alpha: F32) -> tuple[U8, F32]:
    """The person in front of the frame, light partly matched; returns the new frame and who is person now."""
    size = (frame.shape[1], frame.shape[0])
    image, cut = warp(person, person_window(rng, person, size), size, outside=cv2.BORDER_CONSTANT)
    if rng.random() < 0.5:  # drop the rim of the old background
        cut = cv2.erode(cut, np.ones((3, 3), np.uint8)).astype(np.float32, copy=False)
    cut = cv2.GaussianBlur(cut, (0, 0), rng.uniform(0.4, 0.9)).astype(np.float32, copy=False)
    inside = cut > 0.5
    shade = image.astype(np.float32)
    if inside.any():
        strength = rng.uniform(0, 0.6)
        gain = ((frame.mean((0, 1)) + 10) / (image[inside].mean(0) + 10)) ** strength
        shade *= np.clip(gain, 0.5, 1.8).astype(np.float32)
    mix = frame + cut[..., None] * (shade - frame)
    cut = np.minimum(cut, 1)  # blurring may round to a little more
    return np.clip(mix, 0, 255).astype(np.uint8), 1 - (1 - alpha) * (1 - cut)


def light(rng: Rng, frame: U8) -> U8:
    """Brightness, contrast, gamma, colour cast and saturation, through one lookup table per channel."""
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        s = 0.0 if rng.random() < 0.15 else rng.uniform(0.3, 1.6)
        frame = cv2.addWeighted(frame, s, grey, 1 - s, 0).astype(np.uint8, copy=False)
    if rng.random() < 0.25:
        hue = cv2.cvtColor(frame, cv2.COLOR_BGR2HSV)
        hue[..., 0] = (hue[..., 0].astype(np.int16) + int(rng.integers(-12, 13))) % 180
        frame = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR).astype(np.uint8, copy=False)
    ramp = np.arange(256, dtype=np.float32) / 255
    gamma = float(np.exp(rng.normal(0, 0.3)))
    contrast, bright = rng.uniform(0.7, 1.3), rng.uniform(0.75, 1.25)
    if rng.random() < 0.1:
        bright *= rng.uniform(0.2, 0.6)  # a dark room
    cast = rng.uniform(0.85, 1.15, 3) if rng.random() < 0.5 else np.ones(3)
    table = ((ramp**gamma - 0.5) * contrast + 0.5)[:, None] * bright * cast[None]
    table_u8 = np.clip(table * 255, 0, 255).astype(np.uint8)[None]
    return cv2.LUT(frame, table_u8).astype(np.uint8, copy=False)


def camera(rng: Rng, frame: U8) -> U8:
    """What a cheap camera does: soft focus, motion, low resolution, sensor noise, JPEG blocks."""
    h, w = frame.shape[:2]
    if rng.random() < 0.15:
        frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.3, 1.4)).astype(np.uint8, copy=False)
    if rng.random() < 0.08:
        length = int(rng.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), 1.0)
        frame = cv2.filter2D(frame, -1, kernel / kernel.sum()).astype(np.uint8, copy=False)
    if rng.random() < 0.12:
        scale = rng.uniform(0.45, 0.9)
        small = cv2.resize(frame, (int(w * scale), int(h * scale)), interpolation=cv2.INTER_AREA)
        frame = cv2.resize(small, (w, h)).astype(np.uint8, copy=False)
    if rng.random() < 0.3:
        sigma = rng.uniform(1, 12) if rng.random() < 0.8 else rng.uniform(12, 25)
        noise = np.empty(frame.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, 0, float(sigma))  # type: ignore[call-overload]  # scalars are fine
        frame = cv2.add(frame, noise, dtype=cv2.CV_8U).astype(np.uint8, copy=False)
    if rng.random() < 0.35:
        quality = int(rng.integers(25, 90))
        _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
        frame = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return frame


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
    return np.clip(previous, 0, 1).astype(np.float32, copy=False)
