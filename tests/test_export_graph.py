"""The exported graphs: nothing in them that need not run, and int8 that computes with bytes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from rtseg_export.export import Exported
from rtseg_export.int8_graph import Graph, keep_frame_bytes, share_scales, shuffle_bytes
from tiny_exports import tiny_export, tiny_net


@pytest.fixture(scope="module", params=["fp32", "fp16", "int8"])
def made(request: pytest.FixtureRequest) -> Exported:
    return tiny_export(request.param)


@pytest.fixture
def fp32() -> onnx.ModelProto:
    return onnx.load(tiny_export("fp32").path)


def operations(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_the_graph_is_the_smallest(made: Exported) -> None:
    graph, count = onnx.load(made.path).graph, operations(onnx.load(made.path))
    # fp32: the frame's bytes; fp16: those, the net's input and its output; int8: the bytes are used as they are
    assert count["Cast"] == {"fp32": 1, "fp16": 3, "int8": 0}[made.info.precision]
    assert count["Transpose"] == 1
    assert count["Conv"] == sum(isinstance(module, torch.nn.Conv2d) for module in tiny_net().modules())
    for needless in ("BatchNormalization", "Identity", "Pad", "Constant", "Shape", "Reshape", "Unsqueeze", "Dropout"):
        assert count[needless] == 0, needless
    read = {name for node in graph.node for name in node.input} | {o.name for o in graph.output}
    assert {i.name for i in graph.initializer} <= read
    assert {name for node in graph.node for name in node.output} <= read
    assert not graph.value_info


def test_int8_computes_with_bytes() -> None:
    model = onnx.load(tiny_export("int8").path)
    graph, count = Graph(model), operations(model)
    assert count["Mul"] == count["Sub"] == count["Clip"] == 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            assert all(graph.made_by(name, "DequantizeLinear") for name in node.input)
            assert graph.value(graph.maker[node.input[1]].input[0]).dtype == np.int8
            assert graph.reader(node.output[0], "QuantizeLinear")
        if node.op_type == "Concat":
            after = graph.reader(node.output[0], "QuantizeLinear")
            joined = [graph.made_by(name, "DequantizeLinear") for name in node.input]
            assert after is None or (joined[0] and joined[0].input[1] == after.input[1])  # what is upsampled is copied


def test_a_frame_of_bytes_is_what_was_normalised() -> None:
    model = onnx.load(tiny_export("int8").path)
    graph = Graph(model)
    concat = next(n for n in model.graph.node if n.op_type == "Concat" and "alpha_bytes" in n.input)
    back = graph.reader(concat.output[0], "DequantizeLinear")
    assert back is not None
    assert (float(graph.value(back.input[1])), int(graph.value(back.input[2]))) == (1 / 128, 127)


def test_another_graph_is_left_alone(fp32: onnx.ModelProto) -> None:
    concat = next(n for n in fp32.graph.node if n.op_type == "Concat")
    concat.input[1] = concat.input[0]
    before = operations(fp32)
    values = {i.name: numpy_helper.to_array(i) for i in fp32.graph.initializer}
    for step in (keep_frame_bytes, share_scales, shuffle_bytes):
        step(fp32)
    assert operations(fp32) == before
    assert all((numpy_helper.to_array(i) == values[i.name]).all() for i in fp32.graph.initializer)
