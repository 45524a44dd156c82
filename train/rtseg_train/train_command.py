"""`rtseg train`: train a net on your own pictures.

rtseg train my/train.csv --val my/val.csv --out runs/mine
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rtseg.errors import DataError
from rtseg_train.config import TrainConfig, field_help

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option per field of TrainConfig, with the field's comment as help.

    All default to None, which keeps what the command takes as the field's value.
    """
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"]
    notes, options = field_help(), []
    for name, kind in TrainConfig.option_types().items():
        option = typer.Option(help=notes[name], show_default=False)
        annotation = Annotated[kind | None, option]  # type: ignore[valid-type]  # made at run time
        options.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))

    def run(**values: Any) -> None:
        command(settings={o.name: values.pop(o.name) for o in options}, **values)

    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature(own + options)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in own + options}
    return run


@config_options
def train_command(
    *,
    data: Annotated[
        Path | None,
        typer.Argument(metavar="LIST", help="CSV with the columns image,mask[,source].", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; else runs/NAME.", show_default=False)] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, settings as saved.", show_default=False)
    ] = None,
    settings: dict[str, Any],
) -> None:
    """Train a net on the labelled pictures of LIST, in two phases: decoder first, then everything.

    Example: rtseg train my/train.csv --val my/val.csv --encoder encoder.safetensors --out runs/mine
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if resume is not None:
        if data or out or given:
            extra = ["LIST"] * bool(data) + ["--out"] * bool(out) + [f"--{n.replace('_', '-')}" for n in given]
            raise DataError(f"--resume takes everything from {resume / 'config.json'}; leave out {', '.join(extra)}")
        folder, config = resume, TrainConfig.load(resume / "config.json")
    elif data is None:
        raise DataError("which pictures? Give a LIST.csv with the columns image,mask, or --resume FOLDER")
    else:
        config = TrainConfig(train=str(data), **given)
        folder = out or Path("runs") / config.model_name
    run_training(config, folder, resume is not None)


def run_training(config: TrainConfig, folder: Path, resume: bool) -> None:
    """Train, then say where things are; on Ctrl-C say how to go on and exit with 130."""
    from rich.console import Console

    from rtseg_train.loop import fit

    console = Console(highlight=False, soft_wrap=True)
    try:
        weights = fit(config, folder, resume)
    except KeyboardInterrupt:
        if (folder / "state.safetensors").exists():
            console.print(f"stopped; go on from the last checkpoint with: rtseg train --resume {folder}")
        else:
            console.print(f"stopped before the first checkpoint (every {config.checkpoint_every} steps)")
        raise SystemExit(INTERRUPTED) from None
    for name, what in (("curves.png", "loss and IoU"), ("sheet.png", "predictions"), (weights.name, "the weights")):
        if (folder / name).exists():
            console.print(f"{folder / name}: {what}")
    console.print(f"next: rtseg export {folder}")
