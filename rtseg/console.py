"""The console of every command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from rtseg.files import STDIO
from rtseg.messages import shown


class Messages(Console):
    """A console for messages: no markup, no guessed colours, no wrapping of paths, every text `shown`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"soft_wrap": True, "highlight": False, "markup": False, "emoji": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(shown(text), **options)


def messages(json_file: Path | None = None, *, stderr: bool = False, quiet: bool = False) -> Messages:
    """For a command: on standard output, unless that is for the JSON or for frames."""
    return Messages(stderr=stderr or json_file == STDIO, quiet=quiet)
