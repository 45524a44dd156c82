"""What an int8 graph need not do in floats: the frame's way in, concatenations, the last shuffle of pixels.

Each step looks for the shape that our UNets have, and leaves another graph as it is. Resize stays in floats:
onnxruntime's CPU provider takes four times as long over bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


class Graph:
    """Who makes and who reads each tensor of a model, and its constants."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = model.graph.node
        self.initializers = model.graph.initializer
        self.maker = {name: node for node in self.nodes for name in node.output}
        self._constants = {i.name: i for i in self.initializers}

    def reader(self, name: str, kind: str) -> onnx.NodeProto | None:
        """The only node that reads the tensor, if it is of this kind."""
        readers = [node for node in self.nodes if name in node.input]
        return readers[0] if len(readers) == 1 and readers[0].op_type == kind else None

    def made_by(self, name: str, kind: str) -> onnx.NodeProto | None:
        """The node that makes the tensor, if it is of this kind."""
        node = self.maker.get(name)
        return node if node is not None and node.op_type == kind else None

    def value(self, name: str) -> NDArray[Any]:
        """A constant."""
        array: NDArray[Any] = numpy_helper.to_array(self._constants[name])
        return array

    def set(self, name: str, value: NDArray[Any]) -> None:
        """Give a constant another value, or make a new one."""
        if name not in self._constants:
            self._constants[name] = self.initializers.add()
        self._constants[name].CopyFrom(numpy_helper.from_array(value, name))

    def replace(self, nodes: Iterable[onnx.NodeProto]) -> None:
        """Put these nodes in the place of all, and drop constants that nobody reads any more."""
        kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self.nodes[:]
        self.nodes.extend(kept)
        used = {name for node in kept for name in node.input}
        for initializer in [i for i in self.initializers if i.name not in used]:
            self.initializers.remove(initializer)


def keep_frame_bytes(model: onnx.ModelProto) -> None:
    """Let the frame's bytes be what int8 computes with: they are its levels already, so nothing is normalised.

    (x - 127) / 128 is a byte of scale 1/128 and zero point 127, and so is an alpha of 0..1 within 127..255.
    """
    graph = Graph(model)
    for concat in [node for node in graph.nodes if node.op_type == "Concat" and len(node.input) == 2]:
        frame, alpha = (unquantised(graph, name) for name in concat.input)
        quantise = graph.reader(concat.output[0], "QuantizeLinear")
        subtract = graph.made_by(frame, "Sub") if alpha == "previous_alpha" else None
        multiply = graph.made_by(subtract.input[0], "Mul") if subtract else None
        cast = graph.made_by(multiply.input[0], "Cast") if multiply else None
        if not (quantise and subtract and multiply and cast):
            continue
        scale = float(graph.value(multiply.input[1]))
        zero = float(graph.value(subtract.input[1])) / scale
        if not zero.is_integer() or not 0 <= zero <= 255 - 1 / scale:
            continue
        graph.set(quantise.input[1], np.array(scale, np.float32))
        graph.set(quantise.input[2], np.array(zero, np.uint8))
        new = [
            helper.make_node("QuantizeLinear", ["previous_alpha", *quantise.input[1:]], ["alpha_bytes"]),
            helper.make_node("Concat", [cast.input[0], "alpha_bytes"], list(quantise.output), concat.name, axis=1),
        ]
        drop = [*chain(graph, concat.input[0], cast), *chain(graph, concat.input[1], None), concat, quantise]
        graph.replace(n for node in graph.nodes for n in (new if node is quantise else [] if node in drop else [node]))
        return


def unquantised(graph: Graph, name: str) -> str:
    """The tensor before it was quantised and back."""
    back = graph.made_by(name, "DequantizeLinear")
    forth = graph.made_by(back.input[0], "QuantizeLinear") if back else None
    return forth.input[0] if forth else name


def chain(graph: Graph, name: str, last: onnx.NodeProto | None) -> list[onnx.NodeProto]:
    """The nodes behind a tensor, back through their first inputs as far as `last` or the graph's input."""
    nodes: list[onnx.NodeProto] = []
    while name in graph.maker and (last is None or last not in nodes):
        nodes.append(graph.maker[name])
        name = nodes[-1].input[0]
    return nodes


def share_scales(model: onnx.ModelProto) -> None:
    """Give an upsampled tensor the scale of the concatenation that reads it: rounded once, then copied."""
    graph = Graph(model)
    for resize in [node for node in graph.nodes if node.op_type == "Resize"]:
        forth = graph.reader(resize.output[0], "QuantizeLinear")
        back = graph.reader(forth.output[0], "DequantizeLinear") if forth else None
        concat = graph.reader(back.output[0], "Concat") if back else None
        after = graph.reader(concat.output[0], "QuantizeLinear") if concat else None
        if forth and back and after:
            forth.input[1:] = back.input[1:] = after.input[1:]
    graph.replace(list(graph.nodes))


def shuffle_bytes(model: onnx.ModelProto) -> None:
    """Let DepthToSpace move bytes instead of the floats that they stand for."""
    graph = Graph(model)
    nodes = list(graph.nodes)
    for shuffle in [node for node in nodes if node.op_type == "DepthToSpace"]:
        back = graph.made_by(shuffle.input[0], "DequantizeLinear")
        if back is None or graph.reader(back.output[0], "DepthToSpace") is None:
            continue
        levels = f"{shuffle.output[0]}_bytes"
        shuffle.input[0], back.input[0], back.output[0] = back.input[0], levels, shuffle.output[0]
        shuffle.output[0] = levels
        i, j = nodes.index(back), nodes.index(shuffle)
        nodes[i], nodes[j] = shuffle, back
        graph.replace(nodes)
        return
