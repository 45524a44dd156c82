"""Whether a file's weights are a checkpoint's: two nets that are both good may agree within the tolerance of int8."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from rtseg.arrays import F32
from rtseg.pixels.compiled import LUMA
from rtseg.pixels.geometry import STRIDE

CHANNEL_AXIS = {"Conv": 0, "ConvTranspose": 1}  # of the output channels
# Of a channel's largest weight. int8 with 7 bits of range is off by 1/128 at most, fp16 by 1/2048.
LARGEST_ERROR = 0.01


def stray_weights(model: onnx.ModelProto, net: nn.Module) -> str:
    """Where the convolutions of a file are not those of the net (batch norm folded); "" when all are."""
    # The pixel work of a fused graph has filters in one direction alone, luma's and a sum's, which are no weights.
    found = [
        (kind, w) for kind, w in weights_of(model) if w.ndim == 4 and w.shape[2] == w.shape[3] and not is_pixels(w)
    ]
    wanted = weights_in_order(net)
    if len(found) != len(wanted):
        return f"it has {len(found)} convolutions, the checkpoint {len(wanted)}"
    for number, ((kind, weight), right) in enumerate(zip(found, wanted, strict=True), start=1):
        if weight.shape != right.shape:
            return f"convolution {number} has weights of {weight.shape}, the checkpoint's of {right.shape}"
        others = tuple(axis for axis in range(weight.ndim) if axis != CHANNEL_AXIS[kind])
        error, largest = np.abs(weight - right).max(others), np.abs(right).max(others)
        if not (error <= LARGEST_ERROR * largest + 1e-7).all():  # false for NaN too
            return f"the weights of convolution {number} of {len(wanted)} are others"
    return ""


def is_pixels(weight: F32) -> bool:
    """Whether a convolution makes a picture grey, or adds its three planes."""
    sums = (LUMA, (1, 1, 1))
    return weight.shape == (1, 3, 1, 1) and any(np.allclose(weight.ravel(), s, rtol=1e-3) for s in sums)  # in fp16 too


def weights_of(model: onnx.ModelProto) -> list[tuple[str, F32]]:
    """(operation, weights as float32) of a file's convolutions, in the order in which they run."""
    constants = {i.name: i for i in model.graph.initializer}
    maker = {n.output[0]: n for n in model.graph.node}
    result = []
    for node in model.graph.node:
        if node.op_type in CHANNEL_AXIS:
            name, scale = node.input[1], np.float32(1)
            back = maker.get(name)
            if back is not None and back.op_type == "DequantizeLinear" and set(back.input[:2]) <= constants.keys():
                name, scale = back.input[0], scales(back, constants)
            value = numpy_helper.to_array(constants[name]) if name in constants else np.empty(0)
            result.append((node.op_type, value.astype(np.float32) * scale))
    return result


def scales(back: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> Any:
    """The scales of a DequantizeLinear over weights, which have no zero point, shaped to multiply them."""
    axis = next((a.i for a in back.attribute if a.name == "axis"), 1)
    scale = numpy_helper.to_array(constants[back.input[1]])
    weight = constants[back.input[0]]
    return scale.reshape([-1 if i == axis else 1 for i in range(len(weight.dims))])


def weights_in_order(net: nn.Module) -> list[F32]:
    """The weights of a net's convolutions, in the order in which they run."""
    seen: list[F32] = []

    def note(module: nn.Module, _inputs: tuple[Tensor, ...], _result: Tensor) -> None:
        assert isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
        seen.append(module.weight.detach().numpy())

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, kinds)]
    with torch.inference_mode():
        net.eval()(torch.zeros(1, STRIDE, STRIDE, 3, dtype=torch.uint8), torch.zeros(1, 1, STRIDE, STRIDE))
    for hook in hooks:
        hook.remove()
    return seen
