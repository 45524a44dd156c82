"""What a session has to do when something has been set, and what may be set while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Event(Enum):
    """What the loop has to do; everything else is in the settings that it draws by."""

    QUIT = auto()
    BACKGROUND = auto()  # settings.background or settings.blur changed
    MATTE = auto()  # settings.smoothing, edge, feather, specks or save_power changed
    MODEL = auto()  # settings.model or settings.target_fps changed
    SOURCE = auto()  # settings.source changed
    SNAPSHOT = auto()
    RECORD = auto()  # settings.recording says whether to start or to stop
    VIRTUAL_ON = auto()
    VIRTUAL_OFF = auto()


# What a page may set, and what the loop has to do then.
SET: Mapping[str, Event | None] = {
    **dict.fromkeys(("background", "blur"), Event.BACKGROUND),
    **dict.fromkeys(("smoothing", "edge", "feather", "specks", "save_power"), Event.MATTE),
    **dict.fromkeys(("model", "target_fps"), Event.MODEL),
    "source": Event.SOURCE,
    "mirror": None,
}
