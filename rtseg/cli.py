"""The command line: assembles the commands and turns errors into messages. `rtseg --help` starts here.

Everything heavy is imported inside a command's body, so that --help answers at once.
"""

from __future__ import annotations

import errno
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rtseg.commands import backgrounds, cameras, console, doctor, models
from rtseg.errors import RtsegError
from rtseg.files import STDOUT
from rtseg.messages import shown
from rtseg.options.borrowed import with_options_of
from rtseg.options.forwarded import SETTINGS, Forwarded, forward
from rtseg.options.panels import MODEL, PAGE, PICTURE, WHERE, InPanels, commands_in_panels
from rtseg.options.shared import (
    Background,
    Blur,
    CameraFps,
    Config,
    Edge,
    Emit,
    Feather,
    Follow,
    Host,
    Jobs,
    JsonFile,
    ModelName,
    Output,
    Port,
    Provider,
    Quiet,
    RawFps,
    RawSize,
    SaveConfig,
    Shard,
    Size,
    Sizes,
    SourceName,
    Specks,
    TargetFps,
    Threads,
)
from rtseg.options.values import parse_share, parse_size
from rtseg.options.wording import plain_usage_errors
from rtseg.stopping import Stopped, end_cleanly

USE, LOOK, OWN = "Use", "Look", "Your own model"  # panels of the commands


class Commands(TyperGroup):
    """Commands whose interruption reaches `main` with what is noted on it, and whose usage errors obey no escapes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands_in_panels(self, ctx, formatter)

    def make_context(self, *args: Any, **options: Any) -> Any:
        with plain_usage_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        try:
            with plain_usage_errors():
                return super().invoke(ctx)
        except KeyboardInterrupt as e:
            raise Stopped(e) from e


app = typer.Typer(
    name="rtseg",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # in 80 columns rich cuts long names off, and [words] in brackets are markup to it
    help="Blur or replace the background of a webcam, video or picture. Add --debug to any command for tracebacks.",
)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from rtseg import __version__

        typer.echo(f"rtseg {__version__}")
        raise typer.Exit


@app.command(
    cls=InPanels,
    rich_help_panel=USE,
    epilog="rtseg cam --bg beach.jpg\nrtseg cam --source talk.mp4 --blur 30 --out talk-blur.mp4 --no-window",
)
def cam(
    context: typer.Context,
    bg: Background = None,
    blur: Blur = None,
    source: SourceName = None,
    out: Output = None,
    window: Annotated[
        bool, typer.Option("--window/--no-window", help="Show a window (q quits).", rich_help_panel=WHERE)
    ] = True,
    model: ModelName = "auto",
    provider: Provider = "auto",
    threads: Threads = None,
    size: Size = None,
    fps: CameraFps = None,
    mirror: Annotated[
        bool,
        typer.Option("--mirror/--no-mirror", help="Mirror the window, not what is written.", rich_help_panel=PICTURE),
    ] = False,
    smoothing: Annotated[
        bool,
        typer.Option(
            "--smoothing/--no-smoothing", help="Steady the edge from frame to frame.", rich_help_panel=PICTURE
        ),
    ] = True,
    edge: Edge = 0.0,
    feather: Feather = 0.0,
    specks: Specks = 0.0,
    save_power: Annotated[
        bool,
        typer.Option(
            "--save-power/--no-save-power", help="Leave the network out while nothing moves.", rich_help_panel=MODEL
        ),
    ] = False,
    target_fps: TargetFps = None,
    follow: Follow = True,
    config: Config = None,
    save: SaveConfig = None,
) -> None:
    """Run on a camera, file or stream, in a window and/or to a file."""
    from rtseg.capture import capture

    capture(context, console())


@app.command(
    cls=InPanels,
    rich_help_panel=USE,
    epilog="rtseg ui\nrtseg ui --bg beach.jpg --out virtual --no-open --port 8765",
)
@with_options_of(cam, hidden=("window",))
def ui(
    context: typer.Context,
    port: Port = None,
    host: Host = "127.0.0.1",
    browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.", rich_help_panel=PAGE)
    ] = True,
    backgrounds: Annotated[
        Path | None,
        typer.Option(
            "--backgrounds",
            metavar="FOLDER",
            help="Of your own pictures and films.  [default: a folder of rtseg's]",
            rich_help_panel=PAGE,
        ),
    ] = None,
) -> None:
    """As cam, but with a page in the browser in the window's place.

    The page's address is printed on a line of its own; no display is needed. It ends with Ctrl-C.
    """
    from rtseg.capture import capture
    from rtseg.ui.run import open_page

    capture(context, console(), open_page(context.params, console()))


@app.command(
    cls=InPanels,
    rich_help_panel=USE,
    epilog="rtseg apply portrait.jpg --out portrait-beach.jpg --bg beach.jpg\n"
    "rtseg apply photos --out cut --emit cutout --jobs 2",
)
def apply(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE", help="Pictures, videos, folders of them, or - for raw frames."),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar="FILE|FOLDER|-",
            help="A file, or a folder to put it in; DIR/: a PNG of each frame; - for raw frames.",
            rich_help_panel=WHERE,
        ),
    ],
    bg: Background = None,
    blur: Blur = None,
    emit: Emit = "composite",
    raw: RawSize = None,
    fps: RawFps = None,
    model: ModelName = "quality",
    provider: Provider = "auto",
    threads: Threads = None,
    edge: Edge = 0.0,
    feather: Feather = 0.0,
    specks: Specks = 0.0,
    follow: Follow = True,
    jobs: Jobs = 1,
    shard: Shard = None,
    json_file: JsonFile = None,
    quiet: Quiet = False,
) -> None:
    """Process files or pipes; frames, sound and timestamps are kept.

    Raw frames out (--out -) are bgr24, gray for alpha, bgra for cutout; messages then go to standard error.
    """
    from rtseg.apply import run
    from rtseg.models.model import at_leisure
    from rtseg.pipeline import Pipeline

    if out == "-" and json_file == STDOUT:
        raise typer.BadParameter("standard output takes the frames of --out -; give --json a file")
    bg, blur = effect(bg, blur)
    pipelines = []
    for _ in range(jobs):
        one_each = 1 if jobs > 1 and threads is None else threads
        pipeline = Pipeline(background=bg, blur=blur, model=at_leisure(model), provider=provider, threads=one_each)
        pipeline.edge, pipeline.feather, pipeline.specks = edge, feather, specks
        pipeline.follow = follow
        pipelines.append(pipeline)
    said = console(json_file, stderr=out == "-", quiet=quiet)
    size, share = parse_size(raw) if raw else None, parse_share(shard) if shard else (1, 1)
    run(sources, out, pipelines[0], emit, said, raw=size, fps=fps, share=share, more=pipelines[1:], json_file=json_file)


@app.command(cls=InPanels, rich_help_panel=LOOK, epilog="rtseg bench --sizes 720p --json bench.json")
def bench(
    json_file: JsonFile = None,
    sizes: Sizes = "480p,720p,1080p",
    frames: Annotated[int, typer.Option("--frames", min=5, help="Timed frames per configuration.")] = 100,
    model: ModelName = "balanced",
    provider: Provider = "auto",
    threads: Threads = None,
) -> None:
    """Measure milliseconds per frame, by size, effect and stage.

    The frames are those of the demo clip. Last comes what --model auto takes for a camera with 30 fps, and why.
    """
    from rtseg.bench import auto_choices, measure, report, show
    from rtseg.files import write_json
    from rtseg.inputs import model_inputs, refuse_inputs
    from rtseg.progress import every_minute

    refuse_inputs([json_file], model_inputs(model))
    said = console(json_file)
    with every_minute(said, "measuring"):
        results, pipeline = measure(sizes.split(","), frames, [threads], model=model, provider=provider)
        auto = auto_choices(sizes.split(","), threads, provider)
    show(results, pipeline, said, auto)
    if json_file:
        write_json(json_file, report(results, pipeline, auto))


for look in (doctor, cameras, backgrounds, models):
    app.command(cls=InPanels, rich_help_panel=LOOK)(look)

MAY_BE_EMPTY = ("--save-config", "--data-note", "--terms-note")
OUTSIDE = {
    "train": "Train a model on your own photos (needs the train extra).",
    "eval": "Score a model on labelled pictures (needs the train extra).",
    "tune": "Adapt a model to yourself and your room (needs the train extra).",
    "export": "Turn a checkpoint into an .onnx model (needs the train extra).",
}
for name, help_text in OUTSIDE.items():
    app.command(name, cls=Forwarded, context_settings=SETTINGS, help=help_text, rich_help_panel=OWN)(forward)


def effect(bg: str | None, blur: float | None) -> tuple[str | None, float | None]:
    """(background, blur strength) of --bg and --blur; `--bg blur` is the room at the default strength."""
    return None if bg == "blur" else bg, blur


def optional_value(option: str, words: list[str]) -> list[str]:
    """The words of a command line with `option=` for an option that stands without a value, which typer has not."""
    following = [*words[1:], "-"]
    return [f"{w}=" if w == option and after[:1] == "-" else w for w, after in zip(words, following, strict=False)]


def empty_option(words: list[str]) -> str | None:
    """What on a command line is an empty text, as from a variable that is not set; as a path it is this folder."""
    for before, word in zip(["", *words], words, strict=False):
        if word == "" and before not in MAY_BE_EMPTY:
            return before if before.startswith("--") and "=" not in before else "an argument"
        if word.startswith("--") and word.endswith("=") and word[:-1] not in MAY_BE_EMPTY:
            return word[:-1]
    return None


def explained(e: Exception) -> str:
    """What went wrong, in words."""
    if isinstance(e, RtsegError):
        return str(e)
    if isinstance(e, OSError) and "--install-completion" in sys.argv:
        return f"completion can't be installed: {e}; `rtseg --show-completion` prints it, for where your shell reads it"
    if isinstance(e, OSError) and e.errno == errno.ENOSPC:
        return f"no space left: {e}"
    return f"{type(e).__name__}: {e} (a bug in rtseg; run again with --debug and report it)"


def complain(*lines: str) -> None:
    """On standard error."""
    typer.echo(shown("\n".join(lines)), err=True)


def main() -> None:
    """Entry point: one clear message and exit 1 for what went wrong; the traceback with --debug."""
    debug = "--debug" in sys.argv
    if empty := empty_option(sys.argv[1:]):
        complain(f"error: {empty} is empty; is it from a variable that is not set?")
        sys.exit(2)
    sys.argv[1:] = optional_value("--save-config", [a for a in sys.argv[1:] if a != "--debug"])
    end_cleanly()
    try:
        app()
    except Stopped as e:
        complain(str(e), *e.__notes__)
        sys.exit(128 + e.number)
    except Exception as e:
        if debug:
            complain(traceback.format_exc().rstrip())
        else:
            complain(f"error: {explained(e)}", *getattr(e, "__notes__", []))
        sys.exit(1)
