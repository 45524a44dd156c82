"""The console of every command."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from rtseg.messages import shown


class Messages(Console):
    """A console for messages: no markup, no guessed colours, no wrapping of paths, every text `shown`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"soft_wrap": True, "highlight": False, "markup": False, "emoji": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(shown(text), **options)
