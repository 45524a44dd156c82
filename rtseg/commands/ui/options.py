"""What `rtseg ui` can be told beside the options of `rtseg cam`. Imported at every start: nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rtseg.options.panels import PAGE


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """Where the page is, and what is on it."""

    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="Of the page; 0 for a free one.  [default: 8765, or a free one]",
            rich_help_panel=PAGE,
        ),
    ] = None
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Another address to serve the page on, which lets others in; 0.0.0.0 for all.",
            rich_help_panel=PAGE,
        ),
    ] = "127.0.0.1"
    browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.", rich_help_panel=PAGE)
    ] = True
    backgrounds: Annotated[
        Path | None,
        typer.Option(
            "--backgrounds",
            metavar="FOLDER",
            help="Of your own pictures and films.  [default: a folder of rtseg's]",
            rich_help_panel=PAGE,
        ),
    ] = None
