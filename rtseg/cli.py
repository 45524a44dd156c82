"""The command line: assembles the commands and turns errors into messages. `rtseg --help` starts here.

Everything heavy is imported inside a command's body, so that --help answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rtseg.errors import RtsegError
from rtseg.options import completion
from rtseg.options.shared import Background, Blur, Config, ModelName, Provider, SaveConfig, Threads
from rtseg.stopping import Commands, Stopped, end_cleanly

app = typer.Typer(
    name="rtseg",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Blur or replace the background of a webcam, video or picture. Add --debug to any command for tracebacks.",
)
FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"rtseg {installed('rtseg')}")
        raise typer.Exit


@app.command()
def cam(
    context: typer.Context,
    bg: Background = None,
    blur: Blur = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            autocompletion=completion.sources,
            help="Camera's number or name, file, pipe, URL, or demo. [first camera]",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="FILE|virtual", help="A video (.mp4, .mov, .mkv, .webm), or virtual[:DEVICE], a camera."
        ),
    ] = None,
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
    mirror: Annotated[
        bool, typer.Option("--mirror/--no-mirror", help="Mirror the window, not what is written.")
    ] = False,
    smoothing: Annotated[
        bool, typer.Option("--smoothing/--no-smoothing", help="Steady the edge from frame to frame.")
    ] = True,
    save_power: Annotated[
        bool, typer.Option("--save-power/--no-save-power", help="Leave the network out while nothing moves.")
    ] = False,
    target_fps: Annotated[
        float | None,
        typer.Option("--target-fps", min=1, max=240, help="Make the network smaller before this rate is missed."),
    ] = None,
    config: Config = None,
    save: SaveConfig = None,
) -> None:
    """Run on a camera, file or stream, in a window and/or to a file."""
    from rtseg.cam import CamOptions, parse_size, run
    from rtseg.options.call import call_of, typed_effect
    from rtseg.options.config import config_target, save_config

    bg, blur = typed_effect(context, bg, blur)
    call = call_of(context).changed(bg=bg, blur=blur)
    target = None if save is None else config_target(save, config)
    if config:
        console().print(f"config: {config}")
    bg, blur = effect(bg, blur)
    asked = parse_size(size) if size else None
    options = CamOptions(
        bg, blur, source, out, window, model, provider, threads, asked, fps, mirror, smoothing, save_power, target_fps
    )
    call = run(options, call, console())
    if target:
        save_config(target, call)
        console().print(f"saved the options in {target}")


@app.command()
def apply(
    source: Annotated[Path, typer.Argument(help="A picture, a video, a folder of them, or - for raw frames.")],
    out: Annotated[
        str, typer.Option("--out", help="A file; a folder for a folder; DIR/: a PNG of each frame; - for raw frames.")
    ],
    bg: Background = None,
    blur: Blur = None,
    emit: Annotated[
        str, typer.Option("--emit", help="composite, alpha (grey) or cutout (straight alpha: .png, .mov, .webm, DIR/).")
    ] = "composite",
    raw: Annotated[
        str | None, typer.Option("--raw", metavar="WxH", help="SOURCE holds raw BGR frames (bgr24) of this size.")
    ] = None,
    fps: Annotated[float | None, typer.Option("--fps", min=1, max=1000, help="Of raw frames. [30]")] = None,
    model: ModelName = "balanced",
    provider: Provider = "auto",
    threads: Threads = None,
) -> None:
    """Process files or pipes: same stems, every frame, sound and timestamps kept.

    Raw frames out (--out -) are bgr24, gray for alpha, bgra for cutout; messages then go to standard error.
    """
    from rtseg.apply import run
    from rtseg.cam import parse_size
    from rtseg.pipeline import Pipeline

    bg, blur = effect(bg, blur)
    size = parse_size(raw) if raw else None
    pipeline = Pipeline(background=bg, blur=blur, model=model, provider=provider, threads=threads)
    run(source, out, pipeline, emit, console(stderr=out == "-"), raw=size, fps=fps)


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
    from rtseg.files import check_target, write_json

    if json_file:
        check_target(json_file)
    results, pipeline = measure(sizes.split(","), frames, [threads], model=model, provider=provider)
    show(results, pipeline, console())
    if json_file:
        write_json(json_file, report(results, pipeline))


@app.command()
def doctor(
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write what was found here.")] = None,
) -> None:
    """Say what is here, what is missing and what cures it; exit 1 when something stands against `rtseg cam`."""
    from rtseg.doctor import run

    if not run(console(), json_file):
        raise typer.Exit(1)


@app.command()
def cameras(
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the list here.")] = None,
) -> None:
    """List the cameras: number, name, path, formats. `rtseg cam --source` takes any of the first three."""
    from rtseg.cameras import run

    run(console(), json_file)


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
    """(background, blur strength) of --bg and --blur; `--bg blur` is the room at the default strength."""
    return None if bg == "blur" else bg, blur


def console(stderr: bool = False) -> Any:
    """Messages go to the terminal as they are: no wrapping of paths, no guessed colours."""
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False, stderr=stderr)


def optional_value(option: str, words: list[str]) -> list[str]:
    """The words of a command line with `option=` for an option that stands without a value, which typer has not."""
    following = [*words[1:], "-"]
    return [f"{w}=" if w == option and after[:1] == "-" else w for w, after in zip(words, following, strict=False)]


def main() -> None:
    """Entry point: one clear message and exit 1 for what went wrong; the traceback with --debug."""
    debug = "--debug" in sys.argv
    sys.argv[1:] = optional_value("--save-config", [a for a in sys.argv[1:] if a != "--debug"])
    end_cleanly()
    try:
        app()
    except Stopped as e:
        typer.echo("\n".join([str(e), *e.__notes__]), err=True)
        sys.exit(128 + e.number)
    except Exception as e:
        if debug:
            raise
        known = isinstance(e, RtsegError)
        what = str(e) if known else f"{type(e).__name__}: {e} (a bug in rtseg; run again with --debug and report it)"
        typer.echo("\n".join([f"error: {what}", *getattr(e, "__notes__", [])]), err=True)
        sys.exit(1)
