"""`rtseg export`: a trained checkpoint to one .onnx file, checked against torch on real pictures.

rtseg export runs/balanced --precision fp16 --out balanced-fp16.onnx
"""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtseg.errors import DataError, ExportError

if TYPE_CHECKING:
    from rich.table import Table

    from rtseg_export.export import Exported
    from rtseg_export.parity import Parity

app = typer.Typer(add_completion=False, no_args_is_help=True)


class Precision(StrEnum):
    """Of the weights and the arithmetic: fp16 for CUDA, int8 for CPUs; fp32 is exact everywhere."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


@app.callback()
def main() -> None:
    """Make model files."""


@app.command("export")
def export_command(
    checkpoint: Annotated[Path, typer.Argument(help="A run's folder, or its model.safetensors.")],
    out: Annotated[
        Path | None, typer.Option(help="The .onnx to write; else NAME.onnx, NAME-fp16.onnx or NAME-int8.onnx here.")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="fp32; fp16 for CUDA; int8, twice as fast on CPUs.")
    ] = Precision.fp32,
    frames: Annotated[
        Path | None, typer.Option(help="Folder of pictures for the parity check; else the bundled demo clip.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0.0, help="Largest error of a pixel's alpha; else 0.001 for fp32, 0.15 for fp16, 1 for int8."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder of pictures for the scales of int8; else those of --frames.")
    ] = None,
    data_note: Annotated[str | None, typer.Option(help="What it was trained on, for the file's metadata.")] = None,
    terms_note: Annotated[str | None, typer.Option(help="The terms of the training data, likewise.")] = None,
) -> None:
    """Export CHECKPOINT to one self-describing .onnx file, after checking it against torch.

    Example: rtseg export runs/balanced --precision fp16
    """
    from rtseg_export.export import export
    from rtseg_export.frames import demo_frames, folder_frames
    from rtseg_export.parity import TOLERANCES
    from rtseg_export.quantise import CALIBRATION

    weights = find_checkpoint(checkpoint)
    target = out or Path(default_name(weights, precision))
    limits = TOLERANCES[precision]
    if tolerance is not None:
        limits = dataclasses.replace(limits, max_error=tolerance)
    if calibration and precision != Precision.int8:
        raise ExportError(f"--calibration is for int8, not for {precision}; leave it out")
    made = export(
        weights,
        target,
        precision,
        folder_frames(frames) if frames else demo_frames(),
        calibration=folder_frames(calibration, CALIBRATION, "--calibration") if calibration else None,
        tolerance=limits,
        training_data=data_note,
        terms=terms_note,
    )
    report(made)


def find_checkpoint(path: Path) -> Path:
    """The .safetensors of a run's folder or file; raises DataError when there is none."""
    weights = path / "model.safetensors" if path.is_dir() else path
    if not weights.is_file():
        raise DataError(f"no checkpoint {weights}; give a run's folder or the model.safetensors that training wrote")
    return weights


def default_name(weights: Path, precision: str) -> str:
    """A file name for the working directory: the model's own name, from the JSON beside the weights."""
    from rtseg_train.checkpoint import read_notes

    name = read_notes(weights).get("name")
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise ExportError(f"{weights.with_suffix('.json')} gives no usable name ({name!r}); name the file with --out")
    return f"{name}.onnx" if precision == Precision.fp32 else f"{name}-{precision}.onnx"


def report(made: Exported) -> None:
    """The parity table, the file and the next command."""
    from rich.console import Console

    console = Console()
    console.print(parity_table(made.parity))
    megabytes = made.path.stat().st_size / 1e6
    what = f"{megabytes:.1f} MB, {made.info.precision}, area {made.info.area} pixels"
    console.print(f"{made.path}: {what}", highlight=False, soft_wrap=True)
    console.print(f"try it: rtseg cam --model {made.path}", highlight=False, soft_wrap=True)


def parity_table(parity: Parity) -> Table:
    """A rich table, one row per runner and size."""
    from rich.table import Table

    table = Table(title=f"parity with torch fp32 (tolerance: {parity.tolerance})", title_justify="left")
    for column in ("runs on", "size", "max error", "mean error", "flipped", "IoU"):
        table.add_column(column, justify="left" if column == "runs on" else "right")
    for row in parity.worst():
        size = f"{row.size[0]}x{row.size[1]}"
        table.add_row(
            row.runner, size, f"{row.max_error:.2g}", f"{row.mean_error:.2g}", f"{row.flipped:.3%}", f"{row.iou:.5f}"
        )
    return table
