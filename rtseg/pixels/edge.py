"""What can be set of the edge: how much is kept there, how soft it is, which pieces are left out. Standard library."""

from __future__ import annotations

from numbers import Real
from typing import NamedTuple

from rtseg.errors import RtsegError

SPECKS = 0.3  # percent of the picture: what is left out unless another is asked for, 52x53 pixels at 720p
HAZE = 0.05  # percent of a picture: what less is called person is nobody, as in 27 of val.csv's 28 without anybody
LIMITS: dict[str, tuple[int, int]] = {"edge": (-1, 1), "feather": (0, 1), "specks": (0, 5)}


class Edge(NamedTuple):
    """The three values; what they do to alpha is in matte.py and specks.py."""

    edge: float = 0.0  # -1..1: above 0 more is kept (hair, what is held), below 0 less (a rim of the room)
    feather: float = 0.0  # 0..1: 0 is the sharpest edge, 1 the softest
    specks: float = 0.0  # 0..5, percent of the picture: smaller pieces of person are left out


PLAIN = Edge()


class Limited:
    """An attribute, one of LIMITS by its name: a number that is `usual` until it is set. Raises RtsegError outside."""

    def __init__(self, usual: float = 0.0) -> None:
        self._usual = usual

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._low, self._high = LIMITS[name]

    def __get__(self, instance: object, owner: type | None = None) -> float:
        value: float = self._usual if instance is None else vars(instance).get(self._name, self._usual)
        return value

    def __set__(self, instance: object, value: float) -> None:
        number = float(value) if isinstance(value, Real) else float("nan")
        if not self._low <= number <= self._high:  # true for NaN too
            raise RtsegError(f"{self._name} is {value!r}; give {self._low} to {self._high}")
        vars(instance)[self._name] = number


def is_somebody(share: float, specks: float) -> bool:
    """Whether that share of a picture, 0..1, is a person: more than what is left out as a stray piece, in percent."""
    return 100 * share >= max(specks, HAZE)
