"""`rtseg train` and `rtseg eval`: train a net on your pictures, and score any model on labelled ones.

rtseg train my/train.csv --val my/val.csv --encoder encoder.safetensors --out runs/mine
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtseg.errors import DataError
from rtseg_train.config import TrainConfig, field_help

if TYPE_CHECKING:
    from rich.table import Table


app = typer.Typer(add_completion=False, no_args_is_help=True)
WORST = 24  # pictures on the sheet of `rtseg eval`
INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


@app.callback()
def main() -> None:
    """Train and score models."""


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


@app.command("train")
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
        folder = out or Path("runs") / config.name
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


@app.command("eval")
def eval_command(
    model: Annotated[Path, typer.Argument(help="A model file (.onnx) or a checkpoint (.safetensors or its folder).")],
    data: Annotated[Path, typer.Argument(metavar="LIST", help="CSV with the columns image,mask[,source].")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")] = None,
    sheet: Annotated[Path | None, typer.Option(help=f"Write a PNG of the {WORST} worst pictures.")] = None,
    area: Annotated[int | None, typer.Option(help="Pixels at network size; else what the model prefers.")] = None,
    provider: Annotated[str, typer.Option(help="auto, cuda or cpu; for .onnx only.")] = "auto",
) -> None:
    """Score MODEL on the labelled pictures of LIST: person IoU, boundary IoU, false alarms, by source.

    An .onnx runs through the whole pipeline with its edge filter, a checkpoint through the bare net.

    Example: rtseg eval balanced.onnx my/val.csv --sheet worst.png
    """
    from rich.console import Console
    from rich.progress import track

    from rtseg.files import whole_file
    from rtseg_train.data import read_list
    from rtseg_train.evaluate import evaluate, load_predictor
    from rtseg_train.metrics import summary
    from rtseg_train.report import draw_sheet

    pairs = read_list(data)
    predict = load_predictor(model, area, provider)
    scores = list(track(evaluate(predict, pairs), "scoring", total=len(pairs), transient=True))
    table = summary(scores)
    Console().print(score_table(table, f"{model} on {data}"))
    try:
        if json_file:
            with whole_file(json_file) as temporary:
                temporary.write_text(json.dumps({"model": str(model), "list": str(data), "scores": table}, indent=2))
        if sheet:
            # An empty picture is as bad as the share of it that was called person.
            worst = sorted(range(len(pairs)), key=lambda i: 1 - scores[i].person if scores[i].empty else scores[i].iou)
            draw_sheet(predict, [pairs[i] for i in worst[:WORST]], sheet)
    except OSError as e:
        raise DataError(f"cannot write the results: {e}") from e


def score_table(scores: dict[str, dict[str, float]], title: str) -> Table:
    """`summary` as a rich table, in percent."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    columns = {"pictures": "pictures", "iou": "IoU", "boundary_iou": "boundary IoU"}
    columns |= {"false_alarm": "false alarm", "mae": "mean error"}
    table.add_column("source")
    for column in columns.values():
        table.add_column(column, justify="right")
    for name, row in scores.items():
        cells = [f"{row[c]:.0f}" if c == "pictures" else f"{row[c]:.2f}" if c in row else "" for c in columns]
        table.add_row(name, *cells, style="bold" if name.isupper() else "")
    return table
