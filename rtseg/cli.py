"""The command line: assembles the commands and turns errors into messages. `rtseg --help` starts here.

Everything heavy is imported inside a command's body, so that --help answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rtseg.errors import RtsegError

app = typer.Typer(
    name="rtseg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Blur or replace the background of a webcam, video or picture. Add --debug to any command for tracebacks.",
)
FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

Background = Annotated[
    str | None,
    typer.Option("--bg", metavar="PICTURE|#RRGGBB|blur", help="A picture (beach.jpg ships), a colour, or blur."),
]
Blur = Annotated[float | None, typer.Option("--blur", help="Blur strength 1..100 instead of a background.")]
ModelName = Annotated[str, typer.Option("--model", help="balanced or fast, which ship, or an .onnx file.")]
Provider = Annotated[str, typer.Option("--provider", help="auto, cuda or cpu.")]
Threads = Annotated[int | None, typer.Option("--threads", help="CPU threads of the network. [half the cores]")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"rtseg {installed('rtseg')}")
        raise typer.Exit


@app.command()
def cam(
    bg: Background = None,
    blur: Blur = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Camera, video file, pipe, URL, or demo. [first camera]")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write a video (.mp4, .mov, .mkv).")] = None,
    window: Annotated[bool, typer.Option("--window/--no-window", help="Show a window (q quits).")] = True,
    model: ModelName = "balanced",
    provider: Provider = "auto",
    threads: Threads = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="WxH", help="Ask the camera for this. [1280x720]")
    ] = None,
    fps: Annotated[
        float | None, typer.Option("--fps", min=1, max=240, help="Ask the camera for this; show no more.")
    ] = None,
    mirror: Annotated[bool, typer.Option("--mirror", help="Mirror the window, not what is written.")] = False,
) -> None:
    """Run on a camera, file or stream, in a window and/or to a file."""
    from rtseg.cam import CamOptions, parse_size, run

    bg, blur = effect(bg, blur)
    asked = parse_size(size) if size else None
    run(CamOptions(bg, blur, source, out, window, model, provider, threads, asked, fps, mirror), console())


@app.command()
def apply(
    source: Annotated[Path, typer.Argument(help="A picture, a video, or a folder of them.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write; a folder for a folder.")],
    bg: Background = None,
    blur: Blur = None,
    emit: Annotated[
        str, typer.Option("--emit", help="composite, alpha (grey) or cutout (transparent PNG).")
    ] = "composite",
    model: ModelName = "balanced",
    provider: Provider = "auto",
    threads: Threads = None,
) -> None:
    """Process files: same stems, every frame, sound and timestamps kept."""
    from rtseg.apply import run
    from rtseg.pipeline import Pipeline

    bg, blur = effect(bg, blur)
    pipeline = Pipeline(background=bg, blur=blur, model=model, provider=provider, threads=threads)
    run(source, out, pipeline, emit, console())


@app.command()
def bench(
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures here.")] = None,
    sizes: Annotated[str, typer.Option("--sizes", help="Comma-separated: 480p, 720p, 1080p.")] = "480p,720p,1080p",
    frames: Annotated[int, typer.Option("--frames", min=5, help="Timed frames per configuration.")] = 100,
    model: ModelName = "balanced",
    provider: Provider = "auto",
    threads: Threads = None,
) -> None:
    """Measure milliseconds per frame on the demo clip, by size, effect and stage."""
    from rtseg.bench import measure, report, show
    from rtseg.sinks import check_target, write_json

    if json_file:
        check_target(json_file)
    results, pipeline = measure(sizes.split(","), frames, [threads], model=model, provider=provider)
    show(results, pipeline, console())
    if json_file:
        write_json(json_file, report(results, pipeline))


@app.command(context_settings=FORWARD, help="Train a model on your own photos (needs the train extra).")
def train(context: typer.Context) -> None:
    forward("rtseg_train.cli", ["train", *context.args])


@app.command("eval", context_settings=FORWARD, help="Score a model on labelled pictures (needs the train extra).")
def evaluate(context: typer.Context) -> None:
    forward("rtseg_train.cli", ["eval", *context.args])


@app.command(context_settings=FORWARD, help="Adapt a model to yourself and your room (needs the train extra).")
def tune(context: typer.Context) -> None:
    forward("rtseg_train.cli", ["tune", *context.args])


@app.command(context_settings=FORWARD, help="Turn a checkpoint into an .onnx model (needs the train extra).")
def export(context: typer.Context) -> None:
    forward("rtseg_export.cli", ["export", *context.args])


def forward(module: str, arguments: list[str]) -> None:
    """Hand a command to the trainer or exporter, which import torch."""
    import importlib

    try:
        command = typer.main.get_command(importlib.import_module(module).app)
        code = command.main(args=arguments, prog_name="rtseg", standalone_mode=False)
    except ModuleNotFoundError as e:
        what = f"`rtseg {arguments[0]}` needs {e.name}, which is not installed"
        raise RtsegError(f"{what}; pip install 'rtseg[train]'") from e
    if code:
        raise typer.Exit(int(code))


def effect(bg: str | None, blur: float | None) -> tuple[str | None, float | None]:
    """(background, blur strength) of --bg and --blur; `--bg blur` is the default strength."""
    if bg == "blur":
        bg = None
    if bg is not None and blur is not None:
        raise typer.BadParameter("give --bg or --blur, not both")
    return bg, blur


def console() -> Any:
    """Messages go to the terminal as they are: no wrapping of paths, no guessed colours."""
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False)


def main() -> None:
    """Entry point: one clear message and exit 1 for what went wrong; the traceback with --debug."""
    debug = "--debug" in sys.argv
    sys.argv[1:] = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        app()
    except Exception as e:
        if debug:
            raise
        known = isinstance(e, RtsegError)
        what = str(e) if known else f"{type(e).__name__}: {e} (a bug in rtseg; run again with --debug and report it)"
        typer.echo(f"error: {what}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)
