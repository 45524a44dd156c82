"""Clips whose truth is exact because they are made: a labelled person, cut out, moved smoothly over a room.

Per frame: the person under sub-pixel travel, turn and zoom, person and room under a hand's shake, motion blur over
half the frame's time, sensor noise, JPEG. The truth is the alpha that the frame was blended with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from rtseg.arrays import F32, U8, f32
from rtseg.errors import DataError
from rtseg.pixels.geometry import cover
from rtseg.sources.pictures import read_picture
from rtseg_train.dataset import find_pairs
from rtseg_train.folders import list_images
from rtseg_train.masks import read_pair

FPS = 30
SHUTTER = (0.0, 0.125, 0.25, 0.375)  # moments of a frame's time that its exposure averages
NOISE = 5.0  # levels of 255, standard deviation: a dim room
JPEG = 80  # quality of each frame
HEIGHT = 0.95  # of the frame: the person, of which SUNK lies below the frame's edge so that no cut shows
SUNK = 0.15
MARGIN = 0.08  # of the frame: how far the room reaches beyond it, for the shake
SHARE = (0.25, 0.7)  # of a picture that a person fit to be moved covers


@dataclass(frozen=True)
class Motion:
    """How far a person and a camera go from their mean position, and in what time."""

    travel: float  # of the frame's width
    turn: float  # degrees
    zoom: float  # of the person's size
    period: float  # seconds there and back
    shake: float  # pixels at 640x360, of the camera


KINDS = {
    "still": Motion(0, 0, 0, 1, 0),
    "slow": Motion(0.03, 1.5, 0.02, 2.5, 0.7),
    "fast": Motion(0.15, 6, 0.06, 1.2, 1.5),
}


@dataclass(frozen=True)
class Cutout:
    """A person to be moved: uint8 HxWx3 colours that reach beyond the edge, float32 HxW alpha."""

    colour: U8
    alpha: F32
    top: int  # first row with a person in it
    centre: float  # column


def cut_out(image: U8, label: U8) -> Cutout | None:
    """The person of a picture; None when another edge than the bottom one cuts them, or they are too small.

    The label is drawn in by a pixel and feathered, and the person's colours are spread outwards, so that no
    rim of the old background comes along: what is blended is exact, whatever the label was.
    """
    person = (label > 127).astype(np.uint8)
    cut = person[0].any() or person[:, 0].any() or person[:, -1].any() or not person[-1].any()
    if cut or not SHARE[0] < person.mean() < SHARE[1]:
        return None
    alpha = cv2.GaussianBlur(cv2.erode(label, np.ones((3, 3))).astype(np.float32) / 255, (0, 0), 1.0)
    sure = cv2.erode(person, np.ones((5, 5))).astype(np.float32)[..., None]
    spread = cv2.GaussianBlur(image * sure, (0, 0), 4) / (cv2.GaussianBlur(sure, (0, 0), 4)[..., None] + 1e-4)
    colour = np.where(sure > 0, image, np.clip(spread, 0, 255)).astype(np.uint8)
    columns = np.flatnonzero(person.any(0))
    top = int(np.flatnonzero(person.any(1))[0])
    return Cutout(colour, alpha.astype(np.float32), top, float(columns.mean()))


def swing(rng: np.random.Generator, period: float) -> Callable[[float], float]:
    """A smooth function of seconds in about -1..1: two sines of unrelated periods."""
    first, second = rng.uniform(0, 2 * np.pi, 2)
    return lambda t: float(0.75 * np.sin(2 * np.pi * t / period + first) + 0.25 * np.sin(5.3 * t / period + second))


class Scene:
    """One person in one room; `at` renders an instant."""

    def __init__(self, person: Cutout, room: U8, motion: Motion, size: tuple[int, int], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.person, self.motion, self.size = person, motion, size
        self.margin = round(MARGIN * size[0])
        self.room = cover(room, size[0] + 2 * self.margin, size[1] + 2 * self.margin)
        self.x, self.y, self.turn, self.zoom = (swing(rng, motion.period * f) for f in (1, 1.3, 0.9, 1.7))
        self.shake_x, self.shake_y = swing(rng, 0.45), swing(rng, 0.37)

    def at(self, t: float) -> tuple[F32, F32]:
        """(frame_bgr float32 HxWx3, alpha float32 HxW) at t seconds."""
        (w, h), m, p = self.size, self.motion, self.person
        hand = m.shake * w / 640 * np.array([self.shake_x(t), self.shake_y(t)])
        scale = HEIGHT * h / (p.alpha.shape[0] - p.top) * (1 + m.zoom * self.zoom(t))
        matrix = cv2.getRotationMatrix2D((p.centre, p.alpha.shape[0]), m.turn * self.turn(t), scale)
        place = np.array([w * (0.5 + m.travel * self.x(t)), h * (1 + SUNK + 0.3 * m.travel * self.y(t))])
        matrix[:, 2] += place - (p.centre, p.alpha.shape[0]) + hand
        colour = cv2.warpAffine(p.colour, matrix, self.size, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(p.alpha, matrix, self.size)
        shift = np.array([[1, 0, hand[0] - self.margin], [0, 1, hand[1] - self.margin]])
        room = cv2.warpAffine(self.room, shift, self.size).astype(np.float32)
        return room + alpha[..., None] * (colour - room), f32(alpha)


def write_clip(scene: Scene, frames: int, folder: Path, seed: int) -> Path:
    """The scene as a clip, folder/frames/*.png and folder/masks/*.png; returns the folder."""
    rng = np.random.default_rng(seed)
    for name in ("frames", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index in range(frames):
        moments = [scene.at((index + part) / FPS) for part in SHUTTER]
        light = np.mean([frame for frame, _ in moments], axis=0)
        noisy = light + rng.normal(0, NOISE, light.shape)
        _, jpeg = cv2.imencode(
            ".jpg", np.clip(np.rint(noisy), 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, JPEG]
        )
        seen = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        truth = np.rint(255 * np.mean([alpha for _, alpha in moments], axis=0)).astype(np.uint8)
        for name, picture in (("frames", seen), ("masks", truth)):
            if not cv2.imwrite(str(folder / name / f"{index:05}.png"), picture):
                raise DataError(f"cannot write {folder / name / f'{index:05}.png'}")
    return folder


def key_clips(
    people: Path, backgrounds: Path, count: int, frames: int, size: tuple[int, int], folder: Path, seed: int = 0
) -> list[Path]:
    """`count` clips, still, slow and fast in turn, each of another person of the list in another room.

    Raises DataError when too few pictures have a person whom only the bottom edge cuts.
    """
    rng = np.random.default_rng(seed)
    if not backgrounds.is_dir() or not (rooms := list_images(backgrounds)):
        raise DataError(f"backgrounds: {backgrounds} is not a folder with pictures")
    pairs, rooms = find_pairs(people).pairs, [rooms[i] for i in rng.permutation(len(rooms))]
    found: list[Path] = []
    for index in rng.permutation(len(pairs)):
        if len(found) == count:
            break
        person = cut_out(*read_pair(pairs[index]))
        if person is None:
            continue
        kind = list(KINDS)[len(found) % len(KINDS)]
        number = len(found)
        room = read_picture(rooms[number % len(rooms)], DataError)
        scene = Scene(person, room, KINDS[kind], size, seed=number)
        found.append(write_clip(scene, frames, folder / f"{kind}-{number // len(KINDS) + 1}", seed=number))
    if len(found) < count:
        raise DataError(f"{people} has {len(found)} pictures with a person to be moved, {count} were asked for")
    return found
