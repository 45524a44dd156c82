"""Everything without anybody in it that a network is held against before it ships: patterns, walls, noise, real rooms.

At every area that `rtseg cam` may come down to: a net that is sure at its own size may be lost at a quarter of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rtseg.arrays import U8
from rtseg.errors import ModelError
from rtseg.files import BACKGROUNDS
from rtseg.models.model import part_of
from rtseg.models.networks import Loaded
from rtseg.models.nobody import alphas_of, empty_pictures, rooms

FRAME = (1280, 720)  # width, height: the shape of the pictures
MOST = 0.1  # mean alpha of an empty picture
WORST = 8  # pictures that a message names


def empty(width: int, height: int) -> Iterator[tuple[str, U8]]:
    """All of them at a network's size, by name: uint8 HxWx3 BGR."""
    yield from rooms(width, height, sorted(path.name for path in BACKGROUNDS.glob("*.jpg")))
    yield from empty_pictures(width, height)


def seen_in_rooms(model: Loaded, shares: Iterable[float]) -> dict[str, float]:
    """Mean alpha of each picture, by its name and the network's size, at these shares of the area a model prefers."""
    areas = [part_of(model.info.area, share) for share in shares]
    found, alpha = {}, alphas_of(model)
    for width, height in dict.fromkeys(model.size_for(*FRAME, area) for area in areas):
        for name, picture in empty(width, height):
            found[f"{name} at {width}x{height}"] = float(alpha(picture).mean())
    return found


def require_empty_rooms(model: Loaded, shares: Iterable[float]) -> None:
    """Raise ModelError with the worst pictures when more than MOST of one is called a person."""
    seen = seen_in_rooms(model, shares)
    bad = sorted(((share, name) for name, share in seen.items() if not share <= MOST), reverse=True)
    if bad:
        lines = [f"{share:5.0%}  {name}" for share, name in bad[:WORST]]
        more = [f"  ... and {len(bad) - WORST} more"] if len(bad) > WORST else []
        raise ModelError(
            f"it calls more than {MOST:.0%} of {len(bad)} of {len(seen)} empty pictures a person, and would show your "
            "room:\n" + "\n".join(["  " + line for line in lines] + more)
        )
