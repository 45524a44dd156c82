"""What a graph holds and what one run of it costs: nodes, parameters, multiply-adds, bytes."""

from __future__ import annotations

import math

import onnx

# Operations that multiply and add; where their weights are among the inputs. The rest is not counted.
WEIGHTS = {
    "Conv": 1, "ConvTranspose": 1, "ConvInteger": 1, "QLinearConv": 3, "MatMul": 1, "MatMulInteger": 1,
    "QLinearMatMul": 3, "Gemm": 1,
}  # fmt: skip
BIASES = {"Conv": 2, "ConvTranspose": 2, "QLinearConv": 8, "Gemm": 2}
VIEWS = {"Flatten", "Identity", "Reshape", "Shape", "Squeeze", "Unsqueeze"}  # give the same memory another shape
Shapes = dict[str, tuple[int, ...]]


def parameters(model: onnx.ModelProto) -> int:
    """Weights and biases of everything that multiplies and adds, shared ones once; not the scales of int8."""
    sizes = {i.name: math.prod(i.dims) for i in model.graph.initializer}
    stored = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    names = set()
    for node in model.graph.node:
        for places in (WEIGHTS, BIASES):
            place = places.get(node.op_type)
            if place is not None and place < len(node.input):
                names.add(stored.get(node.input[place], node.input[place]))
    return sum(sizes.get(name, 0) for name in names)


def gmac(model: onnx.ModelProto, inputs: Shapes) -> float:
    """Thousand million multiply-adds of one run with inputs of these shapes."""
    shapes = {name: shape for name, (shape, _) in tensors(model, inputs).items()}
    return sum(macs(node, shapes) for node in model.graph.node) / 1e9


def moved(model: onnx.ModelProto, inputs: Shapes, least: int) -> int:
    """Bytes that the nodes of one run read and write, of tensors with `least` values or more; views move none."""
    found = tensors(model, inputs)
    sizes = {name: math.prod(shape) * size for name, (shape, size) in found.items() if math.prod(shape) >= least}
    nodes = [node for node in model.graph.node if node.op_type not in VIEWS]
    return sum(sizes.get(name, 0) for node in nodes for name in (*node.input, *node.output))


def tensors(model: onnx.ModelProto, inputs: Shapes) -> dict[str, tuple[tuple[int, ...], int]]:
    """Shape and bytes of an element of every tensor, by name, in a run with inputs of these shapes."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    del fixed.graph.value_info[:]
    for value in fixed.graph.input:
        for dim, side in zip(value.type.tensor_type.shape.dim, inputs[value.name], strict=True):
            dim.dim_value = side
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True).graph
    found = {i.name: (tuple(i.dims), bytes_of(i.data_type)) for i in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        of = value.type.tensor_type
        found[value.name] = tuple(d.dim_value for d in of.shape.dim), bytes_of(of.elem_type)
    return found


def bytes_of(kind: int) -> int:
    """Of one element of this ONNX type."""
    return int(onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize)


def macs(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Multiply-adds of one node; 0 for what only adds, moves or compares."""
    place = WEIGHTS.get(node.op_type)
    if place is None:
        return 0
    weight, result = shapes[node.input[place]], shapes[node.output[0]]
    if node.op_type == "ConvTranspose":  # every input pixel meets a weight of (in, out / groups, high, wide)
        return math.prod(shapes[node.input[0]]) * math.prod(weight[1:])
    if "Conv" in node.op_type:  # every output pixel is a sum over (in / groups, high, wide)
        return math.prod(result) * math.prod(weight[1:])
    first = shapes[node.input[0]]
    turned = node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
    return math.prod(result) * (first[0] if turned else first[-1])
