"""Options that several commands have. Imported at every start: nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtseg.options import completion, values
from rtseg.options.panels import MODEL

ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="quality|balanced|fast|auto|FILE",
        autocompletion=completion.models,
        help="One that ships, or an .onnx file. auto is the best that leaves half of a core at the camera's rate; "
        "quality for files and on CUDA.",
        rich_help_panel=MODEL,
    ),
]
Provider = Annotated[
    str,
    typer.Option(
        "--provider",
        metavar="|".join(values.PROVIDERS),
        callback=values.one_of(values.PROVIDERS),
        autocompletion=completion.providers,
        help="What the network runs on; auto is CUDA where that works.",
        rich_help_panel=MODEL,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=256,
        help="CPU threads of the network.  [default: half the cores, at most 4]",
        rich_help_panel=MODEL,
    ),
]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE|-",
        callback=values.report,
        help="Also write the figures here; -: to standard output, which then has nothing else.",
    ),
]
