"""The graph of a model file: batch norm folded, traced by torch, stripped to what runs, checked, written."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from rtseg.errors import ExportError
from rtseg.pixels.geometry import STRIDE
from rtseg_train.unet import ConvBN

OPSET = 18  # older CUDA providers lack Resize-19 and would run it on the CPU
NETWORK_SIDE = 4096  # pixels
CHATTY = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")  # loggers


class AlphaNet(nn.Module):
    """The graph of a model file: (frame_bgr uint8 1xHxWx3, previous_alpha float32 1x1xHxW) -> alpha 1x1xHxW."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame_bgr: Tensor, previous_alpha: Tensor) -> Tensor:
        return torch.sigmoid(self.net(frame_bgr, previous_alpha))


def fold(net: nn.Module) -> nn.Module:
    """A copy with every batch norm folded into its convolution: rounded to fp16 once, not twice."""
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        if isinstance(module, ConvBN):
            module.conv = nn.utils.fuse_conv_bn_eval(module.conv, module.bn)
            module.add_module("bn", nn.Identity())
    return net


def alpha_graph(net: nn.Module, static: tuple[int, int] | None = None) -> onnx.ModelProto:
    """A net as the graph of a model file; sides are free in steps of 32, or `static`, (width, height).

    It is traced at one size in either case, which takes half the time of torch.export's free sides: no node of a net
    that is convolutions and doubled sides knows its size, and a net of which one does fails parity at the other sizes.
    Raises ExportError.
    """
    wide, high = static or (5 * STRIDE, 3 * STRIDE)
    inputs = {
        "frame_bgr": torch.zeros(1, high, wide, 3, dtype=torch.uint8),
        "previous_alpha": torch.zeros(1, 1, high, wide),
    }
    model = trace(AlphaNet(net), inputs, ["alpha"])
    if not static:
        for value, first in zip((*model.graph.input, *model.graph.output), (1, 2, 2), strict=True):
            for dim, name in zip(value.type.tensor_type.shape.dim[first:], "hw", strict=False):
                dim.dim_param = f"{STRIDE}*{name}"
    return model


def trace(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    dynamic_shapes: Mapping[str, Mapping[int, Any]] | None = None,
) -> onnx.ModelProto:
    """A module as an ONNX graph of opset 18; inputs: examples by name; dynamic_shapes: as torch.export takes them.

    Raises ExportError.
    """
    try:
        with quiet():
            program = torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes={name: dict(axes) for name, axes in dynamic_shapes.items()} if dynamic_shapes else None,
            )
    except torch.onnx.OnnxExporterError as e:
        raise ExportError(f"torch {torch.__version__} could not export this net: {e}") from e
    if program is None:
        raise ExportError("torch.onnx.export gave no program; is this torch older than 2.9?")
    model: onnx.ModelProto = program.model_proto
    strip(model)
    return model


def strip(model: onnx.ModelProto) -> None:
    """Drop what does not run: stack traces with this machine's paths, shapes that every reader infers again."""
    graph = model.graph
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.metadata_props[:], graph.value_info[:]
    graph.doc_string = model.doc_string = ""


def save(model: onnx.ModelProto, path: Path) -> None:
    """Check the graph and write it; raises ExportError."""
    validate(model, "the exported graph")
    path.write_bytes(model.SerializeToString())


def validate(model: onnx.ModelProto, what: str) -> None:
    """onnx.checker with shapes and types; raises ExportError."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as e:
        raise ExportError(f"{what} is not valid ONNX: {' '.join(str(e).split())[:300]}") from e


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
