"""What a key goes through, press by press: backgrounds, strengths of the blur, what is kept at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rtseg.backgrounds.background import shipped_backgrounds
from rtseg.sources.usable import pictures_and_videos

COLOURS = ("#00ff00", "#ffffff", "#262626")
STRENGTHS = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100)  # of blur, one key press apart
EDGES = tuple(k / 10 for k in range(-10, 11))
FEATHERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def choices(background: str | None) -> list[str]:
    """What `[` and `]` go through: a folder's files; else the given one, the shipped pictures, colours and blur."""
    folder = Path(background) if background else None
    if folder and folder.is_dir():
        return [str(p) for p in pictures_and_videos(folder)]
    return list(dict.fromkeys([background or "blur", *shipped_backgrounds(), *COLOURS, "blur"]))


def next_step(steps: Sequence[float], value: float, by: int) -> float | None:
    """The nearest of the steps (in rising order) above the value, or below it; None at the end."""
    further = [x for x in steps if (x > value if by > 0 else x < value)]
    return (further[0] if by > 0 else further[-1]) if further else None
