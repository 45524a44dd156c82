"""`rtseg export`: a trained checkpoint to one .onnx file, checked against torch on real pictures.

rtseg export runs/balanced --precision fp16 --out balanced-fp16.onnx
rtseg export runs/balanced --compare balanced-fp16.onnx
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtseg.arrays import U8
from rtseg.options.call import quoted
from rtseg.options.completion import starting
from rtseg.options.panels import InPanels
from rtseg.options.shared import JsonFile
from rtseg.options.values import number, one_of, parse_size, size

if TYPE_CHECKING:
    from rich.console import Console

    from rtseg_export.export import Exported

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


WHAT, AGREES, SAYS = "What it becomes", "Whether it agrees", "What the file says of itself"  # panels of the help
PRECISIONS = ("fp32", "fp16", "int8")  # int8 for CPUs, fp16 for CUDA; fp32 is exact everywhere


def precisions(incomplete: str) -> list[str]:
    """For shell completion."""
    return starting(PRECISIONS, incomplete)


@app.callback()
def main() -> None:
    """Make model files."""


@app.command(
    "export",
    cls=InPanels,
    epilog="rtseg export runs/mine --precision int8\nrtseg export runs/mine --compare mine.onnx",
)
def export_command(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            metavar="CHECKPOINT",
            help="A run's folder, or its model.safetensors; else the newest run in runs/, or the shipped one.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The .onnx to write; else NAME.onnx, NAME-fp16.onnx or NAME-int8.onnx here.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(PRECISIONS),
            callback=one_of(PRECISIONS),
            autocompletion=precisions,
            help="fp16 is for CUDA, int8 twice as fast on CPUs.  "
            "[default: fp32; fp16 with --fused or without CHECKPOINT]",
            rich_help_panel=WHAT,
        ),
    ] = None,
    area: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="Preferred network size, instead of the checkpoint's own.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    static: Annotated[
        str | None,
        typer.Option(
            metavar="WxH",
            callback=size,
            help="Freeze the network's width and height, multiples of 32.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    fused: Annotated[
        bool,
        typer.Option(
            "--fused", help="Whole frames in, composites out, for CUDA; over a background.", rich_help_panel=WHAT
        ),
    ] = False,
    blur: Annotated[
        bool, typer.Option("--blur", help="With --fused: blur the room instead.", rich_help_panel=WHAT)
    ] = False,
    seen: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="FOLDER",
            help="What the parity check looks at; else frames of the bundled demo clip.",
            rich_help_panel=AGREES,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            callback=number,
            help="Largest error of a pixel's alpha; else 0.001 for fp32, 0.15 for fp16, 1 for int8.",
            rich_help_panel=AGREES,
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER|LIST",
            help="Pictures for the scales of int8, as for `rtseg train`; else those of --pictures.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write nothing: compare this .onnx with CHECKPOINT again.",
            rich_help_panel=AGREES,
        ),
    ] = None,
    data_note: Annotated[
        str | None,
        typer.Option(help="What it was trained on, for the file's metadata.", rich_help_panel=SAYS),
    ] = None,
    terms_note: Annotated[
        str | None, typer.Option(help="The terms of the training data, likewise.", rich_help_panel=SAYS)
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Export CHECKPOINT to one self-describing .onnx file, after checking it against torch.

    Alone it makes fp16 of your newest run, and says of which.
    """
    from rtseg.console import messages
    from rtseg.inputs import model_inputs, refuse_inputs
    from rtseg.progress import every_minute
    from rtseg_export.check import check_file
    from rtseg_export.checkpoint import default_name, find_checkpoint, newest_checkpoint
    from rtseg_export.export import export
    from rtseg_export.frames import demo_frames, picture_paths, pictures
    from rtseg_export.parity import tolerance_of
    from rtseg_export.quantise import CALIBRATION

    if compare:
        made_already: dict[str, object] = {"--out": out, "--precision": precision, "--area": area, "--static": static}
        made_already |= {"--calibration": calibration, "--data-note": data_note, "--terms-note": terms_note}
        refuse(made_already, "with --compare: it looks at a file that is already made")
    if blur and not fused:
        raise typer.BadParameter("--blur goes with --fused: only a fused file makes composites")
    if fused and compare:
        raise typer.BadParameter("--fused can't be used with --compare: the file says itself what it is")
    alone = checkpoint is None
    kind = precision or ("fp16" if fused or alone else "fp32")
    if kind != "int8":
        refuse({"--calibration": calibration}, f"with --precision {kind}: it is for int8")
    if area is not None:
        refuse({"--static": static}, "with --area: a static size is its own area")
    fixed = parse_size(static) if static else None
    effect = ("blur" if blur else "picture") if fused else None
    checkpoint, why = (checkpoint, "") if checkpoint else newest_checkpoint()
    weights = find_checkpoint(checkpoint)
    target = None if compare else out or Path(default_name(weights, kind, fixed, effect))
    reads = [("a picture of the check", path) for path in picture_paths(seen, "--pictures")] if seen else []
    if calibration:
        reads += [("a picture of --calibration", path) for path in picture_paths(calibration, "--calibration")]
    reads += [("the list", path) for path in (seen, calibration) if path and path.is_file()]
    compared = model_inputs(compare) if compare else []
    refuse_inputs((target, json_file), [*model_inputs(weights), *reads, *compared])
    said = messages(json_file)
    if alone:
        said.print(f"taking {checkpoint}, {why}{'' if compare else f', as {kind}'}")
    frames = pictures(seen) if seen else demo_frames()
    with every_minute(said, f"comparing {compare}" if compare else f"exporting {target}"):
        if target is None:
            assert compare
            made = check_file(compare, weights, frames, max_error=tolerance)
        else:
            made = export(
                weights,
                target,
                kind,
                frames,
                area=area,
                static=fixed,
                effect=effect,
                calibration=pictures(calibration, CALIBRATION, "--calibration") if calibration else None,
                tolerance=tolerance_of(kind, fused=fused).at_most(tolerance),
                training_data=data_note,
                terms=terms_note,
            )
    tell(made, frames, said, json_file)
    if alone and not compare and kind == "fp16":
        said.print(f"for a CPU: rtseg export {quoted(str(checkpoint))} --precision int8")


def refuse(options: Mapping[str, object], why: str) -> None:
    """Raise a usage error when one of the options was given."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise typer.BadParameter(f"{', '.join(given)} can't be used {why}")


def tell(made: Exported, frames: Sequence[U8], console: Console, json_file: Path | None) -> None:
    """The report on the screen and, where asked for, as JSON."""
    from rtseg.files import write_json
    from rtseg_export.report import as_json, report, show

    found = report(made, frames[0])
    show(found, console)
    if json_file:
        write_json(json_file, as_json(found))
