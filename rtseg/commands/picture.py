"""What a command is told about the picture it makes, and the pipeline that does it. Nothing heavy at every start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtseg.options import completion, values
from rtseg.options.panels import MODEL, PICTURE
from rtseg.options.shared import ModelName, Provider, Threads
from rtseg.pixels.edge import LIMITS, SPECKS

if TYPE_CHECKING:
    from rtseg.pipeline import Pipeline


def limited(name: str, text: str) -> Any:
    """A number within the limits that the pipeline has for it."""
    low, high = LIMITS[name]
    return typer.Option(f"--{name}", min=low, max=high, callback=values.number, help=text, rich_help_panel=PICTURE)


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """The options of every command that runs a pipeline on what it is given."""

    bg: Annotated[
        str | None,
        typer.Option(
            "--bg",
            metavar="FILE|FOLDER|COLOUR|blur",
            autocompletion=completion.backgrounds,
            help="A picture (beach.jpg ships), a looped video, a folder of both, a colour (red, #ff0000), "
            "transparent (green), or blur.",
            rich_help_panel=PICTURE,
        ),
    ] = None
    blur: Annotated[
        float | None,
        typer.Option(
            "--blur",
            min=1,
            max=100,
            callback=values.number,
            help="Strength of the room's blur; with --bg, of the background's.",
            rich_help_panel=PICTURE,
        ),
    ] = None
    edge: Annotated[
        float,
        limited("edge", "Above 0 keeps more at the edge: hair, what you hold; below 0 less: a rim of the room."),
    ] = 0.0
    feather: Annotated[float, limited("feather", "How soft the edge is.")] = 0.0
    specks: Annotated[
        float, limited("specks", "Leave out stray pieces smaller than this, in percent of the picture.")
    ] = SPECKS
    model: ModelName
    provider: Provider = "auto"
    threads: Threads = None
    follow: Annotated[
        bool,
        typer.Option(
            "--follow/--no-follow", help="On a CPU: look closer at the people, where they are.", rich_help_panel=MODEL
        ),
    ] = True

    @property
    def background(self) -> str | None:
        """As a pipeline takes it: `--bg blur` is the room at the default strength."""
        return None if self.bg == "blur" else self.bg

    def pipeline(self, threads: int | None = None) -> Pipeline:
        """One that does this. threads: instead of those that were asked for. Raises RtsegError."""
        from rtseg.models.model import at_leisure
        from rtseg.pipeline import Pipeline

        made = Pipeline(
            background=self.background,
            blur=self.blur,
            model=at_leisure(self.model),
            provider=self.provider,
            threads=threads or self.threads,
        )
        made.edge, made.feather, made.specks = self.edge, self.feather, self.specks
        made.follow = self.follow
        return made
