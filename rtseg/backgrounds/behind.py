"""What stands behind the person now, and what takes its place with the next frame."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import NamedTuple

from rtseg.arrays import U8
from rtseg.backgrounds.background import DEFAULT_BLUR, Background, check_blur
from rtseg.backgrounds.opening import open_background
from rtseg.errors import BackgroundError

BLURRED = "blur"  # the word for the room itself
HIDDEN = "#262626"  # stands for a blurred room until there is an alpha to blur by


class Behind(NamedTuple):
    """What is done with the room."""

    blur: float | None  # strength by which it is blurred; None where the background takes its place
    background: Background  # shown without an alpha too

    @property
    def effect(self) -> str:
        """As model files name it."""
        return "picture" if self.blur is None else "blur"


def open_behind(background: str | Path | U8 | None, blur: float | None) -> Behind:
    """See `Pipeline` for what may be given; raises BackgroundError."""
    if background is None or (isinstance(background, str) and background == BLURRED):
        return Behind(check_blur(DEFAULT_BLUR if blur is None else blur), open_background(HIDDEN))
    return Behind(None, open_background(background, blur))


class Stage:
    """Holds what stands behind the person; any thread may put something else there."""

    def __init__(self, now: Behind) -> None:
        self.now = now
        self._next: Behind | None = None
        self._lock = Lock()

    def put(self, following: Behind) -> None:
        """From the next `turn` on."""
        with self._lock:
            replaced, self._next = self._next, following
        if replaced:
            replaced.background.close()

    def turn(self) -> Behind | None:
        """Have what was `put` in place; what was there before, which is to be closed, or None for no change."""
        with self._lock:
            following, self._next = self._next, None
            if following is None:
                return None
            before, self.now = self.now, following
            return before

    @property
    def newest(self) -> Background:
        """What is shown where nothing is waited for."""
        with self._lock:
            return (self._next or self.now).background

    def set_blur(self, strength: float) -> None:
        """How much the room is blurred; raises BackgroundError, also where a background takes its place."""
        if self.now.blur is None:
            raise BackgroundError("there is a background in the room's place: use change(blur=...)")
        self.now = self.now._replace(blur=check_blur(strength))

    def close(self) -> None:
        """End what runs for a background that moves."""
        self.now.background.close()
        if self._next:
            self._next.background.close()
