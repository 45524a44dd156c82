"""An existing model file against the checkpoint that it claims to come from. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from rtseg.arrays import U8
from rtseg.errors import ExportError
from rtseg.models.fused import FusedModel
from rtseg.models.model import Model, ModelInfo
from rtseg.models.session import open_session
from rtseg_export.checkpoint import open_checkpoint
from rtseg_export.compare import check, check_sizes, expected
from rtseg_export.export import Exported, require_nobody_in
from rtseg_export.fused import GRAPHS
from rtseg_export.fused_parity import check_fused
from rtseg_export.graph import fold, validate
from rtseg_export.parity import TOLERANCES, tolerance_of
from rtseg_export.weights import stray_weights

ADVICE = "The file is not this checkpoint's, or was damaged or changed since; export it again"


def check_file(
    path: Path,
    checkpoint: Path,
    frames: Sequence[U8],
    *,
    max_error: float | None = None,
    rooms: Sequence[float] | None = None,
) -> Exported:
    """Repeat what an exported file was held against: its checkpoint (.safetensors with its .json), and empty rooms.

    Args:
        frames: uint8 HxWx3 BGR of any size.
        max_error: of a pixel's alpha, instead of that of the file's precision.
        rooms: shares of the area, as of `export`.

    Raises:
        DataError: the checkpoint can't be used.
        ModelError: the file can't be run, or is not an rtseg model.
        ExportError: the file is not valid ONNX, misses the tolerance of its precision, holds other weights, or sees
            people where nobody is.
    """
    graph = read_graph(path)
    validate(graph, str(path))
    session = open_session(path, "cpu")
    model = FusedModel(session) if FusedModel.fits(session) else Model(session)
    known(model.info, path)
    tolerance = tolerance_of(model.info.precision, fused=isinstance(model, FusedModel)).at_most(max_error)
    net, _ = open_checkpoint(checkpoint)
    sizes = check_sizes(model.info.area, model.static)
    if isinstance(model, FusedModel):
        parity = check_fused(path, GRAPHS[model.effect](fold(net)), frames, sizes, tolerance)
    else:
        parity = check(path, expected(net, frames, sizes), tolerance)
    parity.require(f"{path}, compared with {checkpoint},", ADVICE)
    if stray := stray_weights(graph, fold(net)):
        raise ExportError(f"{path} is within its tolerance, but is not made from {checkpoint}: {stray}\n{ADVICE}")
    require_nobody_in(path, str(path), rooms, "Do not use it. Train it further")
    return Exported(path, model.info, parity)


def read_graph(path: Path) -> onnx.ModelProto:
    """The graph of a file that holds everything itself; raises ExportError for what is none."""
    try:
        graph = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as e:
        raise ExportError(f"cannot read {path}: {e.strerror or e}") from e
    except DecodeError as e:
        raise ExportError(f"cannot read {path}: it is cut off or not an ONNX file ({e})") from e
    outside = [i.name for i in graph.graph.initializer if i.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        raise ExportError(f"{path} keeps {outside[0]} in another file; an rtseg model is one file")
    return graph


def known(info: ModelInfo, path: Path) -> None:
    """Raise ExportError for a precision that has no tolerance."""
    if info.precision not in TOLERANCES:
        raise ExportError(f"{path} says its precision is {info.precision!r}; there are {', '.join(TOLERANCES)}")
