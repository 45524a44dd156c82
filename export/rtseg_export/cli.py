"""`rtseg export`: a trained checkpoint to one .onnx file, checked against torch on real pictures.

rtseg export runs/balanced --precision fp16 --out balanced-fp16.onnx
rtseg export runs/balanced --check balanced-fp16.onnx
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtseg.messages import shown
from rtseg.options.call import quoted
from rtseg.options.shared import JsonFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rtseg_export.export import Exported

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


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
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            help="A run's folder, or its model.safetensors; else the newest run in runs/, or the shipped one.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The .onnx to write; else NAME.onnx, NAME-fp16.onnx or NAME-int8.onnx here.")
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="fp16 is for CUDA, int8 twice as fast on CPUs.  "
            "[default: fp32; fp16 with --fused or without CHECKPOINT]"
        ),
    ] = None,
    area: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Preferred network size, instead of the checkpoint's own.")
    ] = None,
    static: Annotated[
        str | None, typer.Option(metavar="HxW", help="Freeze the network's height and width, multiples of 32.")
    ] = None,
    fused: Annotated[
        bool, typer.Option("--fused", help="Whole frames in, composites out, for CUDA; over a background.")
    ] = False,
    blur: Annotated[bool, typer.Option("--blur", help="With --fused: blur the room instead.")] = False,
    frames: Annotated[
        Path | None, typer.Option(help="Pictures for the parity check, a folder; else the bundled demo clip.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0.0, help="Largest error of a pixel's alpha; else 0.001 for fp32, 0.15 for fp16, 1 for int8."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Pictures for the scales of int8: a folder or a training list; else those of --frames."),
    ] = None,
    data_note: Annotated[str | None, typer.Option(help="What it was trained on, for the file's metadata.")] = None,
    terms_note: Annotated[str | None, typer.Option(help="The terms of the training data, likewise.")] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write nothing: check this .onnx against CHECKPOINT again.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Export CHECKPOINT to one self-describing .onnx file, after checking it against torch.

    Alone it makes fp16 of your newest run, and says of which.

    Example: rtseg export runs/balanced --precision int8
    """
    from rtseg.inputs import model_inputs, refuse_inputs
    from rtseg_export.checkpoint import default_name, find_checkpoint, newest_checkpoint
    from rtseg_export.frames import demo_frames, picture_paths, pictures
    from rtseg_export.quantise import CALIBRATION

    if check:
        made_already: dict[str, object] = {"--out": out, "--precision": precision, "--area": area, "--static": static}
        made_already |= {"--calibration": calibration, "--data-note": data_note, "--terms-note": terms_note}
        refuse(made_already, "with --check: it looks at a file that is already made")
    if blur and not fused:
        raise typer.BadParameter("--blur goes with --fused: only a fused file makes composites")
    if fused and check:
        raise typer.BadParameter("--fused can't be used with --check: the file says itself what it is")
    alone = checkpoint is None
    if precision is None and not check and (fused or alone):
        precision = Precision.fp16
    if precision != Precision.int8:
        refuse({"--calibration": calibration}, f"with --precision {precision or Precision.fp32}: it is for int8")
    if area is not None:
        refuse({"--static": static}, "with --area: a static size is its own area")
    size = parse_static(static) if static else None
    effect = ("blur" if blur else "picture") if fused else None
    checkpoint, why = (checkpoint, "") if checkpoint else newest_checkpoint()
    weights = find_checkpoint(checkpoint)
    target = None if check else out or Path(default_name(weights, precision or Precision.fp32, size, effect))
    seen_in = [("a picture of the check", path) for path in picture_paths(frames, "--frames")] if frames else []
    if calibration:
        seen_in += [("a picture of --calibration", path) for path in picture_paths(calibration, "--calibration")]
    seen_in += [("the list", path) for path in (frames, calibration) if path and path.is_file()]
    checked = model_inputs(check) if check else []
    refuse_inputs((target, json_file), [*model_inputs(weights), *seen_in, *checked])
    if alone:
        typer.echo(shown(f"taking {checkpoint}, {why}{'' if check else f', as {precision}'}"))
    seen = pictures(frames) if frames else demo_frames()
    if check:
        from rtseg_export.check import check_file

        made = check_file(check, weights, seen, max_error=tolerance)
    else:
        from rtseg_export.export import export
        from rtseg_export.parity import tolerance_of

        assert target
        kind = precision or Precision.fp32
        made = export(
            weights,
            target,
            kind,
            seen,
            area=area,
            static=size,
            effect=effect,
            calibration=pictures(calibration, CALIBRATION, "--calibration") if calibration else None,
            tolerance=tolerance_of(kind, fused=fused).at_most(tolerance),
            training_data=data_note,
            terms=terms_note,
        )
    tell(made, seen, json_file)
    if alone and precision == Precision.fp16:
        typer.echo(shown(f"for a CPU: rtseg export {quoted(str(checkpoint))} --precision int8"))


def refuse(options: Mapping[str, object], why: str) -> None:
    """Raise a usage error when one of the options was given."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise typer.BadParameter(f"{', '.join(given)} can't be used {why}")


def parse_static(text: str) -> tuple[int, int]:
    """(width, height) of HxW; what sizes are good is for `export` to say."""
    parts = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", text)
    if not parts:
        raise typer.BadParameter(f"--static {text}: give height x width in pixels, such as 160x288")
    return int(parts[2]), int(parts[1])


def tell(made: Exported, frames: Sequence[NDArray[np.uint8]], json_file: Path | None) -> None:
    """The report on the screen and, where asked for, as JSON."""
    from rtseg.console import Messages
    from rtseg.files import write_json
    from rtseg_export.report import as_json, report, show

    found = report(made, frames[0])
    show(found, Messages(soft_wrap=False))
    if json_file:
        write_json(json_file, as_json(found))
