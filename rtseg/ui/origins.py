"""The cameras that a page may choose from, and the source that the session was started with."""

from __future__ import annotations

from typing import Any

from rtseg.errors import PageError
from rtseg.messages import shown
from rtseg.sources.cameras import list_cameras

DEMO, STARTED = "demo", "start"  # ids beside the cameras' numbers


class Origins:
    """No page can name a file or an address of its own: only what was started with, cameras here, and the demo clip.

    Args:
        started: what --source said.
    """

    def __init__(self, started: str | None) -> None:
        self._started = started

    def items(self) -> list[dict[str, Any]]:
        """The choices: `id` and `name`. Asks the system, which may take a while."""
        cameras = [{"id": str(c.index), "name": c.name} for c in list_cameras() if not c.problem]
        started = [{"id": STARTED, "name": shown(str(self._started))}] if self._is_other(self._started) else []
        return [*started, *cameras, {"id": DEMO, "name": "Demo clip"}]

    def named(self, wanted: object) -> str:
        """What --source would be told, for an id. Raises PageError."""
        if wanted == STARTED and self._started is not None:
            return self._started
        if isinstance(wanted, str) and (wanted == DEMO or (wanted.isascii() and wanted.isdigit() and len(wanted) < 4)):
            return wanted
        raise PageError(f"there is no camera {wanted!r}; choose one of the list")

    def id_of(self, source: str | None) -> str | None:
        """The id of what is read now."""
        return STARTED if self._is_other(source) else source

    @staticmethod
    def _is_other(source: str | None) -> bool:
        return source is not None and source != DEMO and not source.isdigit()
