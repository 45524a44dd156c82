"""Masks of class numbers: how they are told from alpha, and which of the classes are the person.

Pascal VOC, Cityscapes, ADE20K and most labelling tools write a small number for each class, often with a palette of
colours; some write the colours themselves. Read as alpha they would train without a word, to nonsense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import U8
from rtseg.errors import DataError

Picture = NDArray[Any]  # uint8 or uint16, HxW or HxWx3
Colour = tuple[int, int, int]  # red, green, blue
MOST_CLASSES = 40  # different values in one mask; soft masks have more
SMALL = 63  # a mask with nothing above but void (255) counts classes; a soft edge has higher values
AREA = 1e-3  # share of a mask that a class covers with pixels whose neighbours are all equal; a soft edge has none
FAINT = 4  # levels, above which it is not the noise of a lossy format around black
NOISE = 0.08  # of the range: what is so near to black or white may come from a JPEG
VOID, VOID_COLOUR = 255, (224, 224, 192)  # border and unclear in Pascal VOC and others; the second is its colour


class UnknownClasses(DataError):
    """A mask holds classes, and nobody has said which is the person."""


@dataclass(frozen=True)
class Person:
    """Which classes are the person: numbers, first to last, or colours."""

    text: str
    numbers: tuple[tuple[int, int], ...] = ()
    colours: tuple[Colour, ...] = ()

    @classmethod
    def of(cls, text: str) -> Person:
        """From "15", "24,25", "1-19" or "#c08080"; raises DataError."""
        numbers, colours = [], []
        for part in text.split(","):
            number = re.fullmatch(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?", part)
            colour = re.fullmatch(r"\s*#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})\s*", part)
            if number:
                first = int(number[1])
                numbers.append((first, int(number[2] or first)))
            elif colour:
                colours.append((int(colour[1], 16), int(colour[2], 16), int(colour[3], 16)))
        if len(numbers) + len(colours) < text.count(",") + 1 or bool(numbers) == bool(colours):
            raise DataError(
                f"person is {text!r}; give the masks' numbers of it as 15, 24,25 or 1-19, or colours as #c08080"
            )
        return cls(text, tuple(numbers), tuple(colours))

    def alpha(self, mask: Picture) -> tuple[U8, NDArray[np.bool_]]:
        """(alpha 0 or 255 of a mask of numbers HxW or colours HxWx3 BGR, bool HxW of what is void in it).

        Void that is not asked for has no label. Its alpha, for what needs one everywhere, is that of what is nearer.
        """
        if self.colours:
            inside = np.any([np.all(mask == c[::-1], axis=2) for c in self.colours], axis=0)
            void = np.all(mask == VOID_COLOUR[::-1], axis=2) & ~inside
        else:
            inside = np.any([(mask >= first) & (mask <= last) for first, last in self.numbers], axis=0)
            void = (mask == VOID) & ~inside
        if void.any() and inside.any():
            outside = ~inside & ~void
            to_person, to_other = (
                cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, 5) for part in (inside, outside)
            )
            inside = inside | (void & (to_person <= to_other))
        return np.where(inside, np.uint8(255), np.uint8(0)), void


def classes_in(mask: Picture) -> list[int]:
    """The numbers in a mask HxW that counts classes; none for alpha: black and white, soft, or a trimap."""
    counts = np.bincount(mask.ravel())
    values = [int(v) for v in np.flatnonzero(counts)]
    white = 255 if values[-1] <= 255 else 65535
    between = [v for v in values if 0 < v < white]
    if not between or len(values) > MOST_CLASSES or (len(values) <= 2 and values[0] == 0):
        return []
    areas = np.bincount(mask[flat(mask)], minlength=white + 1) > AREA * mask.size
    if between[-1] <= SMALL:
        whites = counts[white] if values[-1] == white else 0
        return values if any(areas[v] and (v > FAINT or counts[v] > whites) for v in between) else []
    even = np.ptp(np.diff(values)) <= 2 and values[-1] == white  # a soft mask of a few steps
    noise = NOISE * white if white == 255 else 0  # no lossy format has 16 bits
    grey = [v for v in between if areas[v] and noise < v < white - noise]  # one alone: a trimap
    return values if len(grey) > 1 and not even else []


def colours_in(mask: Picture) -> list[Colour]:
    """The colours in a mask HxWx3 BGR that has one for each class; none for black and another, or a soft mask."""
    if mask.dtype != np.uint8:
        return []
    packed = (mask.astype(np.float32) @ np.array([1, 2**8, 2**16], np.float32)).astype(np.float32)  # exact: below 2**24
    if len(np.unique(packed[::8, ::8])) > MOST_CLASSES:
        return []
    values = np.unique(packed)
    if len(values) > MOST_CLASSES:
        return []
    found, counts = np.unique(packed[flat(packed)], return_counts=True)
    large = found[counts > AREA * packed.size]
    if len(large) < (3 if 0 in large else 2):
        return []
    return [(int(v) >> 16, int(v) >> 8 & 255, int(v) & 255) for v in values]


def flat(mask: Picture) -> NDArray[np.bool_]:
    """Where a pixel and its eight neighbours are equal."""
    return np.asarray(cv2.erode(mask, np.ones((3, 3))) == cv2.dilate(mask, np.ones((3, 3))))


def question(name: str, classes: list[int] | list[Colour]) -> UnknownClasses:
    """What is asked of a mask with classes."""
    words = [f"#{c[0]:02x}{c[1]:02x}{c[2]:02x}" if isinstance(c, tuple) else str(c) for c in classes]
    colours = any(isinstance(c, tuple) for c in classes)
    kind, example = ("colours", '"#c08080"') if colours else ("numbers", "15")
    listed = ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")
    return UnknownClasses(
        f"{name} holds the {kind} {listed}: classes, not alpha from 0 to 255. Which is the person? Say it with "
        f"--person, such as --person {example} for Pascal VOC, or --person 1-99 where each number is a person"
    )
