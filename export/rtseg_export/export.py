"""From a checkpoint to one self-describing .onnx file, checked against torch before it gets its name."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from rtseg.arrays import U8
from rtseg.errors import DataError, ExportError, ModelError, OutputError
from rtseg.files import check_target, whole_file
from rtseg.live.pace import LEVELS
from rtseg.models.fused import FusedModel
from rtseg.models.model import AREA_LIMITS, Model, ModelInfo
from rtseg.models.rooms import require_empty_rooms
from rtseg.models.session import open_session
from rtseg.pixels.geometry import STRIDE
from rtseg_export.checkpoint import open_checkpoint
from rtseg_export.compare import check, check_half, check_sizes, expected
from rtseg_export.fused import GRAPHS, fused_graph
from rtseg_export.fused_parity import check_fused
from rtseg_export.graph import NETWORK_SIDE, alpha_graph, fold, save
from rtseg_export.parity import TOLERANCES, Parity, Tolerance, tolerance_of
from rtseg_export.quantise import quantised

NOT_STATED = "not stated"
ADVICE = "Nothing was written. Weights that overflow fp16 may still export with --precision fp32; else look at the "
ADVICE += "checkpoint, and for int8 at the pictures of --calibration"


@dataclass(frozen=True)
class Exported:
    """A model file that agrees with its checkpoint."""

    path: Path
    info: ModelInfo
    parity: Parity


def export(
    checkpoint: Path,
    target: Path,
    precision: str,
    frames: Sequence[U8],
    *,
    area: int | None = None,
    static: tuple[int, int] | None = None,
    effect: str | None = None,
    calibration: Sequence[U8] | None = None,
    tolerance: Tolerance | None = None,
    training_data: str | None = None,
    terms: str | None = None,
    rooms: Sequence[float] | None = None,
) -> Exported:
    """Write `checkpoint` (.safetensors with its .json) as the model file `target`.

    Args:
        precision: "fp32", "fp16" or "int8".
        frames: uint8 HxWx3 BGR of any size, on which the file must agree with torch.
        area: pixels at network size that the file prefers; None for what the checkpoint's JSON says.
        static: (width, height) that the file takes and no other; None for all multiples of 32.
        effect: "picture" or "blur" for a fused file, that makes whole composites; None for one that gives alphas.
        calibration: frames from which int8 takes its scales; None for `frames`.
        tolerance: of that agreement; None for the precision's own.
        training_data, terms: for the model file; None for what the checkpoint's JSON says.
        rooms: shares of the area at which it may see nobody in empty rooms; None for those that `cam` comes down to.

    Raises:
        DataError: the checkpoint can't be used.
        ExportError: the file can't be written, misses its tolerance, or sees people where nobody is. `target` is as
            it was before.
    """
    check_settings(target, precision, area, static)
    if effect and precision == "int8":
        raise ExportError("a fused file is for CUDA, which runs int8 slower than fp16; use --precision fp16 or fp32")
    tolerance = tolerance or tolerance_of(precision, fused=effect is not None)
    net, notes = open_checkpoint(checkpoint)
    info = model_info(checkpoint, notes, precision, static[0] * static[1] if static else area, training_data, terms)
    sizes = check_sizes(info.area, static)
    wanted = expected(net, frames, sizes)
    folded = fold(net)
    early = []
    if precision == "fp16":
        half = check_half(folded, wanted, tolerance)
        half.require(f"{checkpoint} in fp16", ADVICE)
        early = half.differences
        folded = folded.half()
    try:
        with whole_file(target) as temporary:
            model = fused_graph(folded, effect, static) if effect else alpha_graph(folded, static)
            onnx.helper.set_model_props(model, info.metadata())
            if precision == "int8":
                model = quantised(model, calibration or frames, sizes)
            save(model, temporary)
            if effect:
                found = check_fused(temporary, GRAPHS[effect](fold(net)), frames, sizes, tolerance)
            else:
                found = check(temporary, wanted, tolerance)
            parity = Parity(early + found.differences, tolerance)
            parity.require(target.name, ADVICE)
            require_nobody_in(temporary, target.name, rooms, "Nothing was written. Train it further")
    except OSError as e:
        raise ExportError(f"cannot write {target}: {e.strerror or e}") from e
    return Exported(target, info, parity)


def require_nobody_in(path: Path, name: str, shares: Sequence[float] | None, cure: str) -> None:
    """Raise ExportError when the file sees people in empty rooms, walls and patterns.

    shares: of its area; None for those that `cam` comes down to. cure: what to do, before "with empty rooms ...".
    """
    shares = LEVELS if shares is None else shares
    session = open_session(path, "cpu")
    model = FusedModel(session) if FusedModel.fits(session) else Model(session)
    if isinstance(model, FusedModel):  # of the same weights, and ten times slower on a CPU
        shares = sorted(shares)[:1] + sorted(shares)[-1:]
    try:
        require_empty_rooms(model, shares)
    except ModelError as e:
        raise ExportError(f"{name}: {e}\n{cure}, with empty rooms among its pictures") from e


def check_settings(target: Path, precision: str, area: int | None, static: tuple[int, int] | None) -> None:
    """Raise ExportError for what can't be, before the minute's work is done."""
    if precision not in TOLERANCES:
        raise ExportError(f"unknown precision {precision!r}; choose from {', '.join(TOLERANCES)}")
    if target.suffix.lower() != ".onnx":
        raise ExportError(f"cannot write {target}: a model file's name ends in .onnx; use {target.stem}.onnx")
    try:
        check_target(target)
    except (OutputError, OSError) as e:  # OSError: a name that no file can have
        raise ExportError(f"cannot write {target}: {e.strerror if isinstance(e, OSError) else e}") from e
    if area is not None and static is not None:
        raise ExportError("give an area or a static size, not both: a static size is its own area")
    if area is not None and not AREA_LIMITS[0] <= area <= AREA_LIMITS[1]:
        raise ExportError(f"area is {area} pixels; give {AREA_LIMITS[0]} to {AREA_LIMITS[1]}")
    if static is not None:
        good = tuple(min(NETWORK_SIDE, max(STRIDE, STRIDE * round(side / STRIDE))) for side in static)
        if good != static:
            raise ExportError(
                f"static size {static[0]}x{static[1]}: both must be multiples of {STRIDE} up to {NETWORK_SIDE}; "
                f"the nearest is {good[0]}x{good[1]}"
            )


def model_info(
    checkpoint: Path,
    notes: dict[str, object],
    precision: str,
    area: int | None,
    training_data: str | None,
    terms: str | None,
) -> ModelInfo:
    """The metadata of a model file, from the checkpoint's JSON; raises DataError when that lacks name or area."""
    name, own_area, scores = notes.get("name"), notes.get("area"), notes.get("scores", {})
    if not isinstance(name, str) or not isinstance(own_area, int) or not isinstance(scores, dict):
        raise DataError(f"{checkpoint.with_suffix('.json')} lacks name, area or scores; it is not from `rtseg train`")
    area = own_area if area is None else area
    if not AREA_LIMITS[0] <= area <= AREA_LIMITS[1]:
        raise DataError(f"{checkpoint.with_suffix('.json')}: area is {area}; need {AREA_LIMITS[0]}..{AREA_LIMITS[1]}")
    try:
        version = importlib.metadata.version("rtseg")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    return ModelInfo(
        name=name,
        version=version,
        area=area,
        precision=precision,
        training_data=training_data or str(notes.get("training_data", NOT_STATED)),
        terms=terms or str(notes.get("terms", NOT_STATED)),
        scores=scores,
        revision=source_revision(),
    )


def source_revision() -> str:
    """The commit this source is at, `-dirty` when changed since; `unknown` outside its own git checkout."""
    here = Path(__file__).resolve()

    def git(*args: str) -> str:
        command = ["git", "-C", str(here.parent), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        # Installed into a virtual environment inside somebody else's repository, git would name that one.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != here.parents[2]:
            return "unknown"
        return git("describe", "--always", "--dirty", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
