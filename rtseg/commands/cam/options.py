"""What `rtseg cam` can be told. Imported at every start: nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rtseg.commands.picture import PictureOptions
from rtseg.options import completion, values
from rtseg.options.panels import MODEL, PICTURE, WHERE
from rtseg.options.shared import ModelName


def from_config(context: typer.Context, value: Path | None) -> Path | None:
    """The config file that was read, whose values are now the command's defaults."""
    if context.resilient_parsing:  # for shell completion
        return value
    from rtseg.options.config import take_config

    return take_config(context, value)


@dataclass(frozen=True, kw_only=True)
class CamOptions(PictureOptions):
    """The options of `rtseg cam`, and the first of `rtseg ui`; a new one is a field here."""

    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            autocompletion=completion.sources,
            help="Camera's number or name, file, pipe, URL, or demo.  [default: the first camera]",
            rich_help_panel=WHERE,
        ),
    ] = None
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE|virtual",
            autocompletion=completion.outputs,
            help="A video (.mp4, .mov, .mkv, .webm), or virtual[:DEVICE], a camera.",
            rich_help_panel=WHERE,
        ),
    ] = None
    window: Annotated[
        bool, typer.Option("--window/--no-window", help="Show a window (q quits).", rich_help_panel=WHERE)
    ] = True
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            callback=values.size,
            help="Ask the camera for this.  [default: 1280x720]",
            rich_help_panel=WHERE,
        ),
    ] = None
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps",
            min=1,
            max=240,
            callback=values.number,
            help="Ask the camera for this; show no more.",
            rich_help_panel=WHERE,
        ),
    ] = None
    mirror: Annotated[
        bool,
        typer.Option("--mirror/--no-mirror", help="Mirror the window, not what is written.", rich_help_panel=PICTURE),
    ] = False
    smoothing: Annotated[
        bool,
        typer.Option(
            "--smoothing/--no-smoothing", help="Steady the edge from frame to frame.", rich_help_panel=PICTURE
        ),
    ] = True
    model: ModelName = "auto"
    save_power: Annotated[
        bool,
        typer.Option(
            "--save-power/--no-save-power", help="Leave the network out while nothing moves.", rich_help_panel=MODEL
        ),
    ] = False
    target_fps: Annotated[
        float | None,
        typer.Option(
            "--target-fps",
            min=1,
            max=240,
            callback=values.number,
            help="Make the network smaller before this rate is missed; with --model auto, take all the time that "
            "leaves.",
            rich_help_panel=MODEL,
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            is_eager=True,
            callback=from_config,
            help="Options from a TOML file, in a section named cam; the command line wins, over bg and blur together.  "
            "[default: your own]",
        ),
    ] = None
    save: Annotated[
        str | None,
        typer.Option("--save-config", metavar="[FILE]", help="Write the options there at the end, or to --config's."),
    ] = None

    @property
    def camera_size(self) -> tuple[int, int] | None:
        """(width, height) to ask the camera for."""
        return values.parse_size(self.size) if self.size else None
