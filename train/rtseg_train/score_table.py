"""Scores as a table on the screen."""

from __future__ import annotations

from rich import box
from rich.table import Table

COLUMNS = {
    "pictures": "pictures",
    "iou": "IoU",
    "boundary_iou": "boundary\nIoU",
    "mean_iou": "mIoU",
    "false_alarm": "false\nalarm",
    "mae": "mean\nerror",
    "gradient": "gradient",
    "sad": "SAD",
    "half_transparent": "soft",
    "half_transparent_label": "soft\nlabel",
    "dtssd": "dtSSD",
    "flicker": "edge\nflicker",
}


def score_table(scores: dict[str, dict[str, float]], title: str) -> Table:
    """`summary` as a rich table, in percent but for gradient, SAD and dtSSD; columns without a figure are left out."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    columns = [c for c in COLUMNS if any(c in row for row in scores.values())]
    table.add_column("source", no_wrap=True)
    for column in columns:
        table.add_column(COLUMNS[column], justify="right", min_width=5)
    for name, row in scores.items():
        cells = [f"{row[c]:.0f}" if c == "pictures" else f"{row[c]:.2f}" if c in row else "" for c in columns]
        table.add_row(name, *cells, style="bold" if name.isupper() else "")
    return table
