"""`rtseg eval`: score any model on labelled pictures.

rtseg eval balanced.onnx my/val.csv --sheet worst.png
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtseg.errors import DataError

if TYPE_CHECKING:
    from rich.table import Table

WORST = 24  # pictures on the sheet


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
