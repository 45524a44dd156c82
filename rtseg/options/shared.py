"""Options that several commands have, or that are more than a value. Imported at every start: nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtseg.options import completion


def from_config(context: typer.Context, value: Path | None) -> Path | None:
    """The config file that was read, whose values are now the command's defaults."""
    if context.resilient_parsing:  # for shell completion
        return value
    from rtseg.options.config import take_config

    return take_config(context, value)


Background = Annotated[
    str | None,
    typer.Option(
        "--bg",
        metavar="FILE|FOLDER|#RRGGBB|blur",
        autocompletion=completion.backgrounds,
        help="A picture (beach.jpg ships), a looped video, a folder of both, a colour, transparent (green), or blur.",
    ),
]
Blur = Annotated[
    float | None, typer.Option("--blur", help="Strength 1..100 of the room's blur; with --bg, of the background's.")
]
ModelName = Annotated[
    str,
    typer.Option("--model", autocompletion=completion.models, help="balanced or fast, which ship, or an .onnx file."),
]
Provider = Annotated[str, typer.Option("--provider", autocompletion=completion.providers, help="auto, cuda or cpu.")]
Threads = Annotated[int | None, typer.Option("--threads", help="CPU threads of the network. [half the cores]")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        is_eager=True,
        callback=from_config,
        help="Options from a TOML file, in a section named cam; the command line wins. Default: your own, if any.",
    ),
]
SaveConfig = Annotated[
    str | None,
    typer.Option("--save-config", metavar="[FILE]", help="Write the options there at the end, or to --config's."),
]
