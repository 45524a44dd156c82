"""From a checkpoint to one self-describing .onnx file, checked against torch before it gets its name."""

from __future__ import annotations

import contextlib
import copy
import importlib.metadata
import io
import logging
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim

from rtseg.errors import DataError, ExportError
from rtseg.files import whole_file
from rtseg.geometry import STRIDE
from rtseg.model import AREA_LIMITS, ModelInfo
from rtseg_export.parity import TOLERANCES, Parity, Tolerance, check, check_half
from rtseg_export.quantise import quantised
from rtseg_train.checkpoint import load_weights
from rtseg_train.unet import ConvBN

U8 = NDArray[np.uint8]
OPSET = 18  # older CUDA providers lack Resize-19 and would run it on the CPU
MAX_SIDE = 128  # strides of 32 pixels: 4096 pixels
NOT_STATED = "not stated"
CHATTY = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")  # loggers


@dataclass(frozen=True)
class Exported:
    """What an export made."""

    path: Path
    info: ModelInfo
    parity: Parity


class AlphaNet(nn.Module):
    """The graph of a model file: (frame_bgr uint8 1xHxWx3, previous_alpha float32 1x1xHxW) -> alpha 1x1xHxW."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame_bgr: Tensor, previous_alpha: Tensor) -> Tensor:
        return torch.sigmoid(self.net(frame_bgr, previous_alpha))


def export(
    checkpoint: Path,
    target: Path,
    precision: str,
    frames: Sequence[U8],
    *,
    calibration: Sequence[U8] | None = None,
    tolerance: Tolerance | None = None,
    training_data: str | None = None,
    terms: str | None = None,
) -> Exported:
    """Write `checkpoint` (.safetensors with its .json) as the model file `target`.

    Args:
        precision: "fp32", "fp16" or "int8".
        frames: uint8 HxWx3 BGR of any size, on which the file must agree with torch.
        calibration: the same, from which int8 takes its scales; None for `frames`.
        tolerance: of that agreement; None for the precision's own.
        training_data, terms: for the model file; None for what the checkpoint's JSON says.

    Raises:
        DataError: the checkpoint can't be used.
        ExportError: the file can't be written, or misses its tolerance. `target` is as it was before.
    """
    if precision not in TOLERANCES:
        raise ExportError(f"unknown precision {precision!r}; choose from {', '.join(TOLERANCES)}")
    if target.is_dir() or not target.parent.is_dir():
        raise ExportError(f"cannot write {target}: it is a folder, or its folder does not exist")
    tolerance = tolerance or TOLERANCES[precision]
    net, notes = load_weights(checkpoint)
    info = model_info(checkpoint, notes, precision, training_data, terms)
    folded = fold(net)
    early = []
    if precision == "fp16":
        half = check_half(folded, net, frames, tolerance, info.area)
        half.require(f"{checkpoint} in fp16")
        early = half.differences
        folded = folded.half()
    try:
        with whole_file(target) as temporary:
            model = to_onnx(folded, info)
            if precision == "int8":
                model = quantised(model, calibration or frames, info.area)
            save(model, temporary)
            parity = check(temporary, net, frames, tolerance, info.area)
            parity = Parity(early + parity.differences, tolerance)
            parity.require(target.name)
    except OSError as e:
        raise ExportError(f"cannot write {target}: {e}") from e
    return Exported(target, info, parity)


def fold(net: nn.Module) -> nn.Module:
    """A copy with every batch norm folded into its convolution: rounded to fp16 once, not twice."""
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        if isinstance(module, ConvBN):
            module.conv = nn.utils.fuse_conv_bn_eval(module.conv, module.bn)
            module.add_module("bn", nn.Identity())
    return net


def to_onnx(net: nn.Module, info: ModelInfo) -> onnx.ModelProto:
    """Export and describe; H and W stay free in steps of 32. Raises ExportError."""
    h, w = Dim("h", min=1, max=MAX_SIDE), Dim("w", min=1, max=MAX_SIDE)
    high, wide = 3 * STRIDE, 5 * STRIDE  # sides that differ, so that export can't take them for one
    inputs = (torch.zeros(1, high, wide, 3, dtype=torch.uint8), torch.zeros(1, 1, high, wide))
    try:
        with quiet():
            program = torch.onnx.export(
                AlphaNet(net).eval(),
                inputs,
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                input_names=["frame_bgr", "previous_alpha"],
                output_names=["alpha"],
                dynamic_shapes={
                    "frame_bgr": {1: STRIDE * h, 2: STRIDE * w},
                    "previous_alpha": {2: STRIDE * h, 3: STRIDE * w},
                },
            )
    except torch.onnx.OnnxExporterError as e:
        raise ExportError(f"torch {torch.__version__} could not export this net: {e}") from e
    if program is None:
        raise ExportError("torch.onnx.export gave no program; is this torch older than 2.9?")
    model: onnx.ModelProto = program.model_proto
    strip(model)
    onnx.helper.set_model_props(model, info.metadata())
    return model


def save(model: onnx.ModelProto, path: Path) -> None:
    """Check the graph and write it; raises ExportError."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as e:
        raise ExportError(f"the exported graph is not valid ONNX: {e}") from e
    path.write_bytes(model.SerializeToString())


def strip(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes for debugging: stack traces with this machine's paths, half the nodes' bytes."""
    graph = model.graph
    for item in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.metadata_props[:]
    graph.doc_string = model.doc_string = ""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's progress lines and warnings about its own insides from the user."""
    loggers = [logging.getLogger(name) for name in CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def model_info(
    checkpoint: Path, notes: dict[str, object], precision: str, training_data: str | None, terms: str | None
) -> ModelInfo:
    """The metadata of a model file, from the checkpoint's JSON; raises DataError when that lacks name or area."""
    name, area, scores = notes.get("name"), notes.get("area"), notes.get("scores", {})
    if not isinstance(name, str) or not isinstance(area, int) or not isinstance(scores, dict):
        raise DataError(f"{checkpoint.with_suffix('.json')} lacks name, area or scores; it is not from `rtseg train`")
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
