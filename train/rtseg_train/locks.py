"""Hair that falls beside the neck, drawn behind cut-outs. Pure.

Who wears it short or up teaches a net to cut long hair off beside the neck.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from rtseg.arrays import F32, U8, f32, u8

Rng = np.random.Generator
SOLID = 0.5  # alpha from which a pixel belongs to the outline
NARROWER = 0.88  # width of the neck, of the head's, above which no neck is seen
SHOULDERS = 1.1  # width of the shoulders, of the head's, from which they begin
TALL = (0.8, 2.2)  # heights of a head with its neck, in widths of the head
SMALL = 8  # pixels: width of a head below which there is nothing to draw
ALIKE = 30.0  # mean difference of colour (0..255) between crown and face, below which the head has no hair
COLOURS = ((25, 25, 30), (35, 45, 65), (60, 90, 130), (120, 170, 205), (150, 150, 155))  # BGR of hair


class Head(NamedTuple):
    """Where a head is, in pixels."""

    top: int  # row of the crown
    widest: int  # row
    shoulders: int  # row from which they are wider than the head
    centre: float  # column
    width: float


def find_head(cut: F32) -> Head | None:
    """The head in the outline of one person, alpha HxW; None where there is no neck below it to be seen."""
    solid = cut > SOLID
    rows = np.flatnonzero(solid.any(1))
    if not len(rows) or len(rows) != rows[-1] - rows[0] + 1:
        return None
    left = solid.argmax(1)[rows]
    right = solid.shape[1] - 1 - solid[:, ::-1].argmax(1)[rows]
    width = (right - left + 1).astype(np.float32)
    past = np.flatnonzero(width < NARROWER * np.maximum.accumulate(width))
    if not len(past):
        return None
    widest = int(width[: past[0]].argmax())
    wide = np.flatnonzero(width[past[0] :] > SHOULDERS * width[widest])
    if width[widest] < SMALL or not len(wide):
        return None
    shoulders = int(past[0] + wide[0])
    if not TALL[0] * width[widest] < shoulders < TALL[1] * width[widest]:
        return None
    centre = float((left[: past[0]] + right[: past[0]]).mean() / 2)
    return Head(int(rows[0]), int(rows[0]) + widest, int(rows[0]) + shoulders, centre, float(width[widest]))


def with_locks(rng: Rng, image: U8, cut: F32) -> tuple[U8, F32]:
    """(colours uint8 HxWx3, alpha HxW) of a person, with long hair behind them where a head is found."""
    head = find_head(cut)
    if head is None:
        return image, cut
    hair = outline(rng, head, cut.shape) * (1 - cut)
    alpha = cut + hair
    share = (hair / np.maximum(alpha, 1e-6))[..., None]
    return u8(np.rint(image + share * (texture(rng, image, head) - image)).astype(np.uint8)), f32(alpha)


def outline(rng: Rng, head: Head, shape: tuple[int, ...]) -> F32:
    """Alpha HxW of hair from above the ears down to the shoulders or beyond, on one side or both, ragged."""
    bottom = head.shoulders + rng.uniform(-0.25, 0.6) * head.width
    y = np.arange((head.top + head.widest) // 2, max(head.widest + 2, int(bottom)))
    down = np.linspace(0, 1, len(y))
    alpha = np.zeros(shape[:2], np.float32)
    sides = ((-1,), (1,), (-1, 1), (-1, 1), (-1, 1))[rng.integers(5)]
    for side in sides:
        begins, ends, bulge = rng.uniform(0.5, 0.9), rng.uniform(0.6, 1.3), rng.uniform(0, 0.15)
        reach = begins + (ends - begins) * down + bulge * np.sin(np.pi * down)
        rough = 0.05 * smooth(rng, len(y), head.width / 6) + 0.02 * smooth(rng, len(y), 1)
        outer = head.centre + side * head.width / 2 * (reach + rough)
        tip = head.centre + side * head.width / 2 * rng.uniform(0.3, 0.9) * ends
        points = [(head.centre, y[0]), *zip(outer, y, strict=True), (tip, y[-1] + rng.uniform(0, 0.3) * head.width)]
        points.append((head.centre, y[-1]))
        cv2.fillPoly(alpha, [np.rint(np.array(points) * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
    return f32(cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.4, 1.2)))


def smooth(rng: Rng, length: int, sigma: float) -> F32:
    """Noise of mean 0 and deviation 1 that changes over `sigma` pixels."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, (length, 1)), (0, 0), sigmaX=0.1, sigmaY=sigma).ravel()
    return f32(noise / max(float(noise.std()), 1e-6))


def texture(rng: Rng, image: U8, head: Head) -> F32:
    """Colours HxWx3 0..255 of hair that hangs down: the crown's, drawn out, in strands, darker than it or not."""
    height, width = image.shape[:2]
    tall = head.shoulders - head.top
    columns = slice(max(0, int(head.centre - 0.3 * head.width)), int(head.centre + 0.3 * head.width) + 1)
    crown = image[head.top + max(1, tall // 20) : head.top + max(3, tall // 6), columns]
    face = image[head.top + tall // 2 : head.top + max(3, 2 * tall // 3), columns]
    colour = crown.mean((0, 1))
    if np.abs(colour - face.mean((0, 1))).mean() < ALIKE:
        colour = np.array(COLOURS[rng.integers(len(COLOURS))]) * rng.uniform(0.6, 1.3)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (2 + height // 24, width)), (0, 0), sigmaX=0.7, sigmaY=0.1)
    strands = 1 + rng.uniform(0.1, 0.4) * cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    shade = rng.uniform(0.55, 1.15) * (1 + rng.normal(0, 0.04, 3))
    return f32(np.clip(colour * shade * np.clip(strands, 0.4, 1.8)[..., None], 0, 255))
