"""The commands that only look: `bench`, `doctor`, `cameras`, `backgrounds`, `models`. At every start: nothing heavy."""

from __future__ import annotations

from typing import Annotated

import typer

from rtseg.options import completion, values
from rtseg.options.panels import InPanels
from rtseg.options.shared import JsonFile, ModelName, Provider, Threads

PANEL = "Look"  # of the list of commands
app = typer.Typer()


@app.command(cls=InPanels, rich_help_panel=PANEL, epilog="rtseg bench --sizes 720p --json bench.json")
def bench(
    json_file: JsonFile = None,
    sizes: Annotated[
        str,
        typer.Option(
            "--sizes",
            metavar="SIZE,...",
            callback=values.some_of(values.BENCH_SIZES),
            autocompletion=completion.bench_sizes,
            help=f"Of the frames: some of {', '.join(values.BENCH_SIZES)}.",
        ),
    ] = "480p,720p,1080p",
    frames: Annotated[int, typer.Option("--frames", min=5, help="Timed frames per configuration.")] = 100,
    model: ModelName = "balanced",
    provider: Provider = "auto",
    threads: Threads = None,
) -> None:
    """Measure milliseconds per frame, by size, effect and stage.

    The frames are those of the demo clip. Last comes what --model auto takes for a camera with 30 fps, and why.
    """
    from rtseg.commands.bench import auto_choices, measure, report, show
    from rtseg.console import messages
    from rtseg.files import write_json
    from rtseg.inputs import model_inputs, refuse_inputs
    from rtseg.progress import every_minute

    refuse_inputs([json_file], model_inputs(model))
    said = messages(json_file)
    with every_minute(said, "measuring"):
        results, pipeline = measure(sizes.split(","), frames, [threads], model=model, provider=provider)
        auto = auto_choices(sizes.split(","), threads, provider)
    show(results, pipeline, said, auto)
    if json_file:
        write_json(json_file, report(results, pipeline, auto))


@app.command(cls=InPanels, rich_help_panel=PANEL)
def doctor(
    json_file: JsonFile = None,
) -> None:
    """Say what is here, what is missing, and what cures it.

    Exit code 1 means that something stands against `rtseg cam`.
    """
    from rtseg.commands.doctor.run import run
    from rtseg.console import messages

    if not run(messages(json_file), json_file):
        raise typer.Exit(1)


@app.command(cls=InPanels, rich_help_panel=PANEL)
def cameras(
    json_file: JsonFile = None,
) -> None:
    """List the cameras: number, name, path, formats.

    `rtseg cam --source` takes any of the first three.
    """
    from rtseg.commands.cameras import run
    from rtseg.console import messages

    run(messages(json_file), json_file)


@app.command(cls=InPanels, rich_help_panel=PANEL)
def backgrounds(
    json_file: JsonFile = None,
) -> None:
    """List what --bg takes: the pictures that ship, and words."""
    from rtseg.commands.listings import backgrounds as run
    from rtseg.console import messages

    run(messages(json_file), json_file)


@app.command(cls=InPanels, rich_help_panel=PANEL)
def models(
    json_file: JsonFile = None,
) -> None:
    """List what --model takes: the models that ship, and those in this folder."""
    from rtseg.commands.listings import models as run
    from rtseg.console import messages

    run(messages(json_file), json_file)
