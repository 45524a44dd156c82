"""What `rtseg apply` can be told. Imported at every start: nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rtseg.commands.picture import PictureOptions
from rtseg.options import completion, values
from rtseg.options.panels import MANY, WHERE
from rtseg.options.shared import JsonFile, ModelName


@dataclass(frozen=True, kw_only=True)
class ApplyOptions(PictureOptions):
    """The options of `rtseg apply`; a new one is a field here."""

    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE", help="Pictures, videos, folders of them, or - for raw frames."),
    ]
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar="FILE|FOLDER|-",
            help="A file, or a folder to put it in; DIR/: a PNG of each frame; - for raw frames.",
            rich_help_panel=WHERE,
        ),
    ]
    emit: Annotated[
        str,
        typer.Option(
            "--emit",
            metavar="|".join(values.EMITTED),
            callback=values.one_of(values.EMITTED),
            autocompletion=completion.emitted,
            help="alpha is grey; cutout has straight alpha, in .png, .mov, .webm and DIR/.",
            rich_help_panel=WHERE,
        ),
    ] = "composite"
    raw: Annotated[
        str | None,
        typer.Option(
            "--raw",
            metavar="WxH",
            callback=values.size,
            help="SOURCE holds raw BGR frames (bgr24) of this size.",
            rich_help_panel=WHERE,
        ),
    ] = None
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps",
            min=1,
            max=1000,
            callback=values.number,
            help="Of raw frames.  [default: 30]",
            rich_help_panel=WHERE,
        ),
    ] = None
    model: ModelName = "quality"
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            min=1,
            max=64,
            help="Pictures that are done at the same time; each then has one thread, if --threads does not say more.",
            rich_help_panel=MANY,
        ),
    ] = 1
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="K/N",
            callback=values.share,
            help="The K-th of N shares of the files, by name: each of N machines takes one.",
            rich_help_panel=MANY,
        ),
    ] = None
    json_file: JsonFile = None
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing but errors, and what --json says.", rich_help_panel=MANY)
    ] = False

    @property
    def raw_size(self) -> tuple[int, int] | None:
        """(width, height) of raw frames in the source."""
        return values.parse_size(self.raw) if self.raw else None

    @property
    def share(self) -> tuple[int, int]:
        """(2, 8) for the second of eight shares."""
        return values.parse_share(self.shard) if self.shard else (1, 1)
