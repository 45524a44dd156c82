"""Options that several commands have, or that are more than a value. Imported at every start: nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rtseg.options import completion, values
from rtseg.options.panels import MANY, MODEL, PAGE, PICTURE, WHERE
from rtseg.pixels.edge import LIMITS


def from_config(context: typer.Context, value: Path | None) -> Path | None:
    """The config file that was read, whose values are now the command's defaults."""
    if context.resilient_parsing:  # for shell completion
        return value
    from rtseg.options.config import take_config

    return take_config(context, value)


def limited(name: str, text: str) -> Any:
    """A number within the limits that the pipeline has for it."""
    low, high = LIMITS[name]
    return typer.Option(f"--{name}", min=low, max=high, callback=values.number, help=text, rich_help_panel=PICTURE)


Background = Annotated[
    str | None,
    typer.Option(
        "--bg",
        metavar="FILE|FOLDER|COLOUR|blur",
        autocompletion=completion.backgrounds,
        help="A picture (beach.jpg ships), a looped video, a folder of both, a colour (red, #ff0000), transparent "
        "(green), or blur.",
        rich_help_panel=PICTURE,
    ),
]
Blur = Annotated[
    float | None,
    typer.Option(
        "--blur",
        min=1,
        max=100,
        callback=values.number,
        help="Strength of the room's blur; with --bg, of the background's.",
        rich_help_panel=PICTURE,
    ),
]
Edge = Annotated[
    float, limited("edge", "Above 0 keeps more at the edge: hair, what you hold; below 0 less: a rim of the room.")
]
Feather = Annotated[float, limited("feather", "How soft the edge is.")]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow/--no-follow", help="On a CPU: look closer at the people, where they are.", rich_help_panel=MODEL
    ),
]
Specks = Annotated[float, limited("specks", "Leave out stray pieces smaller than this, in percent of the picture.")]
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
SourceName = Annotated[
    str | None,
    typer.Option(
        "--source",
        autocompletion=completion.sources,
        help="Camera's number or name, file, pipe, URL, or demo.  [default: the first camera]",
        rich_help_panel=WHERE,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="FILE|virtual",
        autocompletion=completion.outputs,
        help="A video (.mp4, .mov, .mkv, .webm), or virtual[:DEVICE], a camera.",
        rich_help_panel=WHERE,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH",
        callback=values.size,
        help="Ask the camera for this.  [default: 1280x720]",
        rich_help_panel=WHERE,
    ),
]
CameraFps = Annotated[
    float | None,
    typer.Option(
        "--fps",
        min=1,
        max=240,
        callback=values.number,
        help="Ask the camera for this; show no more.",
        rich_help_panel=WHERE,
    ),
]
TargetFps = Annotated[
    float | None,
    typer.Option(
        "--target-fps",
        min=1,
        max=240,
        callback=values.number,
        help="Make the network smaller before this rate is missed; with --model auto, take all the time that leaves.",
        rich_help_panel=MODEL,
    ),
]
Emit = Annotated[
    str,
    typer.Option(
        "--emit",
        metavar="|".join(values.EMITTED),
        callback=values.one_of(values.EMITTED),
        autocompletion=completion.emitted,
        help="alpha is grey; cutout has straight alpha, in .png, .mov, .webm and DIR/.",
        rich_help_panel=WHERE,
    ),
]
RawSize = Annotated[
    str | None,
    typer.Option(
        "--raw",
        metavar="WxH",
        callback=values.size,
        help="SOURCE holds raw BGR frames (bgr24) of this size.",
        rich_help_panel=WHERE,
    ),
]
RawFps = Annotated[
    float | None,
    typer.Option(
        "--fps", min=1, max=1000, callback=values.number, help="Of raw frames.  [default: 30]", rich_help_panel=WHERE
    ),
]
Sizes = Annotated[
    str,
    typer.Option(
        "--sizes",
        metavar="SIZE,...",
        callback=values.some_of(values.BENCH_SIZES),
        autocompletion=completion.bench_sizes,
        help=f"Of the frames: some of {', '.join(values.BENCH_SIZES)}.",
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
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        help="Of the page; 0 for a free one.  [default: 8765, or a free one]",
        rich_help_panel=PAGE,
    ),
]
Host = Annotated[
    str,
    typer.Option(
        "--host",
        help="Another address to serve the page on, which lets others in; 0.0.0.0 for all.",
        rich_help_panel=PAGE,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        is_eager=True,
        callback=from_config,
        help="Options from a TOML file, in a section named cam; the command line wins, over bg and blur together.  "
        "[default: your own]",
    ),
]
SaveConfig = Annotated[
    str | None,
    typer.Option("--save-config", metavar="[FILE]", help="Write the options there at the end, or to --config's."),
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        min=1,
        max=64,
        help="Pictures that are done at the same time; each then has one thread, if --threads does not say more.",
        rich_help_panel=MANY,
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        callback=values.share,
        help="The K-th of N shares of the files, by name: each of N machines takes one.",
        rich_help_panel=MANY,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="Say nothing but errors, and what --json says.", rich_help_panel=MANY)
]
