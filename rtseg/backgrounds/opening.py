"""Whatever `--bg` names, opened: a picture, a film, a colour, or a folder of pictures and films."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rtseg.arrays import U8
from rtseg.backgrounds.background import KEPT_PIXELS, Background, Still, find_background, load_background
from rtseg.backgrounds.colour import colour, one_pixel
from rtseg.errors import BackgroundError
from rtseg.formats import READ
from rtseg.sources.kinds import likely_kind
from rtseg.sources.pictures import read_opaque
from rtseg.sources.usable import pictures_and_videos

# Where nothing can be transparent, as before a camera: the colour that other programs take out most easily.
TRANSPARENT = "#00ff00"


def open_background(value: str | Path | U8, blur: float | None = None) -> Background:
    """Open a path, the name of a shipped picture, "#rrggbb", a colour's name, "transparent" or a uint8 HxWx3 BGR array.

    blur: strength 1..100 by which it is put out of focus, as the room would be. A path is looked for in the
    working directory first, then among the pictures that ship. Raises BackgroundError.
    """
    if isinstance(value, np.ndarray):
        return Still(load_background(value), name="a picture", blur=blur)
    text = str(value)
    if text == "transparent":
        return Still(load_background(TRANSPARENT), name=f"{TRANSPARENT} for transparent", blur=blur)
    if plain := colour(text):
        return Still(one_pixel(plain), name=text, blur=blur)
    path = find_background(text)
    return Folder(path, blur=blur) if path.is_dir() else open_file(path, blur)


def open_file(path: Path, blur: float | None) -> Background:
    """A picture or a film, told apart by what is in the file. Raises BackgroundError."""
    if likely_kind(path) != "picture":
        from rtseg.backgrounds.film import Film  # PyAV is loaded, and FFmpeg's log silenced, only for who uses it

        return Film(path, blur=blur)
    return Still(read_opaque(path, BackgroundError, most=KEPT_PIXELS), name=path.name, blur=blur)


class Folder:
    """The first of a folder's pictures and videos, by name; what can't be used is left out with a remark.

    Raises BackgroundError when there is none that can be used.
    """

    def __init__(self, path: Path, *, blur: float | None = None) -> None:
        try:
            files = pictures_and_videos(path)
        except OSError as e:
            raise BackgroundError(f"background folder {path} can't be read: {e.strerror or e}") from e
        if not files:
            raise BackgroundError(f"background folder {path} has no picture or video in it (looked for {READ})")
        skipped: list[str] = []
        for file in files:
            try:
                self._now = open_file(file, blur)
                break
            except BackgroundError as e:
                skipped.append(str(e))
        else:
            raise BackgroundError(f"background folder {path} has nothing that can be used:\n  {joined(skipped)}")
        self.name = f"{self._now.name} ({len(skipped) + 1} of {len(files)})"
        self._skipped = f"left out of the backgrounds:\n  {joined(skipped)}" if skipped else None

    @property
    def remark(self) -> str | None:
        """What was left out and why, and what the present one has to say."""
        return "\n".join(filter(None, (self._skipped, self._now.remark))) or None

    def at(self, seconds: float | None, width: int, height: int) -> U8:
        return self._now.at(seconds, width, height)

    def close(self) -> None:
        self._now.close()


def joined(reasons: list[str]) -> str:
    return "\n  ".join(reasons)
