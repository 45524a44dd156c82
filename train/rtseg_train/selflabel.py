"""Labels for a clip of one person in one room, without anybody drawing them.

Two sources of truth that a single frame at camera size does not have: what the net says of the frame at
several sizes and mirrored (where all agree it is mostly right), and the room itself, seen behind the person
as they move or in a picture of it empty: what differs from it and hangs together with the person is person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from rtseg.arrays import F32, U8, u8
from rtseg_train.evaluate import torch_predictor

Flags = NDArray[np.bool_]
SIZES = (1.0, 2.0, 3.0)  # of the preferred area, at which the net is asked; ascending
SEEN = 5  # frames in which a pixel of the room must have been seen
MARGIN = 0.03  # of the picture's width around the person that does not count as room
SAME, OTHER = 2.5, 3.5  # times the noise: up to here the room itself, from here something in front of it
FLOOR = 3.0  # levels that compression and rounding move a pixel at least
THICK = 0.015  # of the picture's width: thinner differences are shadows along the edge
STATIC = 5.0  # levels: a median difference from the room above this means that the camera moved


@dataclass(frozen=True)
class Opinion:
    """What the net says of one frame: alpha float32 HxW, and where all its views agree, bool HxW."""

    alpha: F32
    agreed: Flags


@dataclass(frozen=True)
class Room:
    """The empty room, uint8 HxWx3 BGR, where it is known (bool HxW), and its noise in levels."""

    image: U8
    known: Flags
    noise: float


def opinions(net: nn.Module, area: int, frames: Sequence[U8]) -> Iterator[Opinion]:
    """The net's view of each frame (uint8 HxWx3 BGR) at its largest size, and where sizes and mirror images agree."""
    predictors = [torch_predictor(net, int(area * size)) for size in SIZES]
    for frame in frames:
        mirrored = np.ascontiguousarray(frame[:, ::-1])
        views = [view for p in predictors for view in (p(frame), p(mirrored)[:, ::-1])]
        alpha = np.asarray((views[-2] + views[-1]) / 2, np.float32)  # the largest: a mean over sizes would be blurred
        votes = np.sum([view > 0.5 for view in views], axis=0)
        yield Opinion(alpha, (votes == 0) | (votes == len(views)))


def person_area(alpha: F32) -> U8:
    """uint8 HxW, 1 where the person may be, with a margin."""
    k = 2 * max(1, round(MARGIN * alpha.shape[1])) + 1
    return u8(cv2.dilate((alpha > 0.1).astype(np.uint8), np.ones((k, k), np.uint8)))


def find_room(frames: Sequence[U8], alphas: Sequence[F32], plate: U8 | None = None) -> Room | None:
    """The room behind the person: the plate, or the median of what was seen of it. None when the camera moves."""
    free = np.stack([person_area(alpha) == 0 for alpha in alphas])
    known = free.sum(0) >= SEEN
    image = np.zeros_like(frames[0])
    if plate is not None:
        image, known = plate, np.ones_like(known)
    else:
        for y in range(image.shape[0]):  # row by row: a minute of video as float32 is more than a laptop's memory
            row = np.ma.masked_array(np.stack([f[y] for f in frames]), np.repeat(~free[:, y, :, None], 3, axis=2))
            image[y] = np.ma.median(row, axis=0).filled(0).astype(np.uint8)  # type: ignore[no-untyped-call]
    differences = [np.median(distance(f, image)[seen & known]) for f, seen in zip(frames, free, strict=True)]
    level = float(np.median(differences)) if known.any() else np.inf
    return Room(image, known, max(FLOOR, 1.5 * level)) if level <= STATIC else None


def distance(frame: U8, room: U8) -> F32:
    """How far each pixel is from the room's, float32 HxW in levels; exposure that drifted is taken out."""
    f, r = frame.astype(np.float32), room.astype(np.float32)
    offset = np.median((f - r)[::4, ::4].reshape(-1, 3), axis=0)
    away = np.abs(f - r - np.clip(offset, -20, 20)).max(axis=2)
    return np.asarray(cv2.blur(away, (3, 3)), np.float32)


def label(frame: U8, opinion: Opinion, room: Room | None) -> F32:
    """alpha float32 HxW: the opinion, corrected by the room where the views disagree or a whole blob is room."""
    alpha = opinion.alpha.copy()
    if room is not None:
        away = distance(frame, room.image)
        same = room.known & (away < SAME * room.noise)
        other = room.known & (away > OTHER * room.noise)
        alpha[same & ~opinion.agreed & (alpha < 0.5)] = 0
        doubt = ~opinion.agreed
        alpha[attached(thick(other & doubt), doubt, opinion.agreed & (alpha > 0.5))] = 1
        alpha[mostly_inside((alpha > 0.5).astype(np.uint8), same)] = 0
    alpha[alpha < 0.05] = 0  # a frame without anybody must be one without anybody
    return alpha


def thick(region: Flags) -> Flags:
    """The region without what is thinner than THICK."""
    k = 2 * max(1, round(THICK * region.shape[1] / 2)) + 1
    opened = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, np.ones((k, k), np.uint8))
    return np.asarray(opened, np.bool_)


def attached(candidates: Flags, bridge: Flags, person: Flags) -> Flags:
    """The candidates that hang together with the person, over the bridge where need be."""
    touching = cv2.dilate((candidates | bridge | person).astype(np.uint8), np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(touching)
    chosen = np.unique(labels[person])
    return candidates & np.isin(labels, chosen[chosen > 0])


def mostly_inside(mask: U8, region: Flags, share: float = 0.8) -> Flags:
    """The blobs of a mask (uint8 0/1) of which at least `share` lies in the region."""
    count, labels = cv2.connectedComponents(mask)
    sizes = np.maximum(1, np.bincount(labels.ravel(), minlength=count))
    inside = np.bincount(labels[region].ravel(), minlength=count) / sizes
    inside[0] = 0
    return np.asarray((inside >= share)[labels], np.bool_)
