"""Where a session is watched and told what to do: its window here, the control page in `rtseg/ui/`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rtseg.live.controls import Controls
from rtseg.live.events import Event
from rtseg.live.overlay import Shown, preview
from rtseg.live.settings import Settings
from rtseg.sinks.window import Window


@dataclass(frozen=True)
class Outcome:
    """What became of an order: why it was refused, or what there is to say; neither where it is simply done."""

    error: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Order:
    """Something that a user wants. Both run in the session's thread.

    act: changes the settings; what the loop has to do then. Raises RtsegError to refuse. answer: is told the outcome.
    """

    act: Callable[[Controls, float], Iterable[Event]]
    answer: Callable[[Outcome], None] = lambda outcome: None


@dataclass(frozen=True)
class News:
    """How the session goes, beside its pictures."""

    trouble: str | None = None  # why nobody is seen, where that is so
    fps: float = 0.0
    latency: float | None = None  # seconds, of a live source
    stages: Mapping[str, float] = field(default_factory=dict)  # milliseconds
    source: str | None = None  # as --source takes it
    camera: str = ""  # its name, and
    size: tuple[int, int] = (0, 0)  # width, height of its pictures
    model: str = ""  # as `balanced 75%`
    provider: str = ""
    fixed: str | None = None  # why the tier and the rate stay as they are
    recording: str | None = None  # the file's name
    virtual: str | None = None  # the virtual camera's, where there is one


class Surface(Protocol):
    """A place to see a session and to give orders. All of it is called from the session's thread, and returns soon."""

    @property
    def hint(self) -> str | None:
        """What is shown with the first picture."""

    @property
    def watched(self) -> bool:
        """Whether anybody may be looking: else the camera is free for others."""

    def show(self, shown: Shown, settings: Settings, news: News) -> None:
        """Show a moment. Its pictures are not to be written to, and stay as they are."""

    def orders(self) -> Iterable[Order]:
        """What was asked for since the last time."""

    def tell(self, text: str) -> None:
        """A line that is printed as well."""


class InWindow:
    """A window and its keys."""

    watched = True

    def __init__(self, window: Window, hint: str) -> None:
        self._window, self.hint = window, hint

    def show(self, shown: Shown, settings: Settings, news: News) -> None:
        self._window.draw(preview(shown, settings))

    def orders(self) -> Iterable[Order]:
        key = self._window.key()
        return [Order(lambda controls, now: filter(None, [controls.press(key, now)]))]

    def tell(self, text: str) -> None:
        """It is read where it is printed."""
