"""Look at one labelled picture: can it be used, what is its mask, what looks wrong about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg_train.classes import UnknownClasses
from rtseg_train.dataset import Pair
from rtseg_train.masks import Mask, read_labelled

ALL_PERSON = 0.97  # share of a picture above which a mask is suspicious
MUCH_VOID = 0.2  # share of a picture; a border of void takes less
SMALLEST_SIDE = 32  # pixels; the nets work in steps of 32


@dataclass(frozen=True)
class Finding:
    """What one labelled picture turned out to be."""

    pair: Pair
    problem: str = ""  # why it can't be used; "" when it can
    size: tuple[int, int] = (0, 0)  # width, height in pixels
    values: str = ""  # of the mask on disk: "0/255", "0/1", "soft", "one value", "classes"
    done: tuple[str, ...] = ()  # to the mask on reading, in words
    person: float = 0.0  # share of the picture that is person
    doubts: tuple[str, ...] = ()  # worst first
    number: int = 0  # of the mask that stood for the person, where there was only one
    asks: bool = False  # the problem is a mask of classes, and nobody has said which is the person

    @property
    def nobody(self) -> bool:
        """A usable picture with a black mask."""
        return not self.problem and self.values == "one value" and self.person == 0


def look(pair: Pair) -> tuple[Finding, U8, Mask]:
    """A picture's finding, the picture and its mask as `read_labelled` gives them; both are 0x0 when unusable."""
    try:
        image, mask = read_labelled(pair)
    except DataError as e:
        nothing = np.zeros((0, 0), np.uint8)
        return Finding(pair, str(e), asks=isinstance(e, UnknownClasses)), nothing, Mask(nothing, "", ())
    height, width = mask.alpha.shape
    person = round(float(np.count_nonzero(mask.alpha > 127)) / mask.alpha.size, 4)
    found = Finding(pair, "", (width, height), mask.values, mask.done, person, doubts_of(mask, person), mask.number)
    return found, image, mask


def doubts_of(mask: Mask, person: float) -> tuple[str, ...]:
    """What is suspicious about a mask, worst first; every one of these can be right."""
    height, width = mask.alpha.shape
    reasons = {
        "all person": person == 1,
        "looks inverted": person < 1 and looks_inverted(mask.alpha),
        f"{100 * person:.0f} % is person": ALL_PERSON < person < 1,
        "nearly black": mask.alpha.any() and person == 0,
        "much of it is void": mask.void is not None and mask.void.mean() > MUCH_VOID,
        "a mask in colour": any(text.startswith("colour") for text in mask.done),
        f"only {width}x{height}": min(width, height) < SMALLEST_SIDE,
    }
    return tuple(reason for reason, applies in reasons.items() if applies)


def looks_inverted(alpha: U8) -> bool:
    """Whether both upper corners are person and the middle is not.

    People are cut off by the bottom and often by a side or the top, and fill the middle; hardly anybody
    fills both upper corners and leaves the middle free. Two people at the sides do: a hint, no proof.
    Of 464 hand-labelled people none was so judged, of the same masks inverted 363 were.
    """
    height, width = alpha.shape
    person = alpha > 127
    rows, columns = max(1, height // 6), max(1, width // 6)
    corners = min(person[:rows, :columns].mean(), person[:rows, -columns:].mean())
    middle = person[height * 3 // 8 : height * 6 // 8 + 1, width * 3 // 8 : width * 5 // 8 + 1].mean()
    return bool(corners > 0.8 and middle < 0.3)
