"""Tiny networks that are not ours, and their adapters; some have learnt the demo's first frame by heart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rtseg.arrays import F32

Tensor = tuple[str, int, Sequence[int | str]]
FLOAT, HALF, BYTE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8

FIXED = """
name = "by heart"
[input]
layout = "nhwc"
colour_order = "rgb"
scale = "1/255"
[output]
activation = "sigmoid"
"""
DYNAMIC = """
[input]
name = "x"
layout = "nchw"
colour_order = "rgb"
scale = "1/255"
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
multiple = 16
area = 9216
[output]
activation = "softmax"
channel = 1
"""
RECURRENT = """
[input]
name = "src"
layout = "nchw"
colour_order = "rgb"
scale = "1/255"
area = 9216
[output]
name = "pha"
activation = "none"
[[states]]
input = "r1i"
output = "r1o"
shape = [1, 1, 1, 1]
[constants]
downsample_ratio = [1.0]
"""


def save(
    path: Path,
    inputs: list[Tensor],
    outputs: list[Tensor],
    nodes: list[Any],
    constants: dict[str, Any],
    adapter: str | None,
) -> Path:
    """A model file and, where there is one, its adapter."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*i) for i in inputs],
        [helper.make_tensor_value_info(*o) for o in outputs],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    if adapter is not None:
        path.with_suffix(".toml").write_text(adapter)
    return path


def fixed(folder: Path, person: F32) -> Path:
    """NHWC, 80x48, one channel of logits: the demo's person, and somebody everywhere the brighter the picture is."""
    logits = 12 * cv2.resize(person, (80, 48))[None, ..., None] - 13
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3]),
        helper.make_node("Mul", ["mean", "gain"], ["light"]),
        helper.make_node("Add", ["light", "logits"], ["y"]),
    ]
    constants = {"gain": np.float32(14), "logits": logits.astype(np.float32)}
    return save(
        folder / "fixed.onnx", [("x", FLOAT, [1, 48, 80, 3])], [("y", FLOAT, [1, 48, 80, 1])], nodes, constants, FIXED
    )


def dynamic(folder: Path, person: F32) -> Path:
    """NCHW of any size, two channels of logits at half the size."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], start=2),
        helper.make_node("Div", ["shape", "two"], ["half"]),
        helper.make_node("Concat", ["ones", "half"], ["sizes"], axis=0),
        helper.make_node("Resize", ["logits", "", "", "sizes"], ["known"], mode="linear"),
        helper.make_node("ReduceMean", ["x"], ["light"], axes=[1, 2, 3]),
        helper.make_node("Add", ["known", "light"], ["person"]),
        helper.make_node("Neg", ["person"], ["nobody"]),
        helper.make_node("Concat", ["nobody", "person"], ["y"], axis=1),
    ]
    constants = {
        "two": np.array([2, 2]),
        "ones": np.array([1, 1]),
        "logits": (8 * person[None, None] - 4).astype(np.float32),
    }
    shapes: list[Tensor] = [("x", FLOAT, [1, 3, "h", "w"])], [("y", FLOAT, [1, 2, "h2", "w2"])]  # type: ignore[assignment]
    return save(folder / "dynamic.onnx", *shapes, nodes, constants, DYNAMIC)


def recurrent(folder: Path, person: F32) -> Path:
    """As RobustVideoMatting: a state of any size, zeros of 1x1x1x1 at first, and one number more to give."""
    nodes = [
        helper.make_node("Shape", ["src"], ["shape"], start=2),
        helper.make_node("Concat", ["ones", "shape"], ["sizes"], axis=0),
        helper.make_node("Resize", ["known", "", "", "sizes"], ["seen"], mode="linear"),
        helper.make_node("Mul", ["seen", "downsample_ratio"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "r1i"], ["news"]),
        helper.make_node("Mul", ["news", "rate"], ["step"]),
        helper.make_node("Add", ["r1i", "step"], ["r1o"]),
        helper.make_node("Identity", ["r1o"], ["pha"]),
        helper.make_node("Identity", ["src"], ["fgr"]),
    ]
    constants = {"ones": np.array([1, 1]), "rate": np.float32(0.5), "known": person[None, None]}
    picture, state = [1, 3, "h", "w"], [1, 1, "a", "b"]
    return save(
        folder / "recurrent.onnx",
        [("src", FLOAT, picture), ("r1i", FLOAT, state), ("downsample_ratio", FLOAT, [1])],
        [("fgr", FLOAT, picture), ("pha", FLOAT, [1, 1, "h", "w"]), ("r1o", FLOAT, [1, 1, "c", "d"])],
        nodes,
        constants,
        RECURRENT,
    )


def rvm(folder: Path, person: F32) -> Path:
    """All of RobustVideoMatting's inputs and outputs, no adapter beside: four states, each of half the last one's size.

    The person's alpha comes in halves of what is missing, as the first state holds it. `downsample_ratio` is the
    share of the frame's sides that the states have.
    """
    nodes = [
        helper.make_node("Shape", ["src"], ["shape"], start=2),
        helper.make_node("Concat", ["ones", "shape"], ["full"], axis=0),
        helper.make_node("Resize", ["known", "", "", "full"], ["person"], mode="linear"),
        helper.make_node("Mul", ["half", "r1i"], ["kept"]),
        helper.make_node("Concat", ["one_one", "downsample_ratio", "downsample_ratio"], ["scales"], axis=0),
        helper.make_node("Resize", ["person", "", "scales"], ["seen"], mode="linear"),
        helper.make_node("Mul", ["half", "seen"], ["fresh"]),
        helper.make_node("Add", ["kept", "fresh"], ["r1o"]),
        helper.make_node("Resize", ["r1o", "", "", "full"], ["pha"], mode="linear"),
        helper.make_node("Identity", ["src"], ["fgr"]),
    ]
    constants: dict[str, Any] = {"ones": np.array([1, 1]), "one_one": np.ones(2, np.float32), "half": np.float32(0.5)}
    constants["known"] = person[None, None]
    for number in (2, 3, 4):  # each comes back half as large as the one before, and has to add up with it
        above = "r1o" if number == 2 else f"pooled{number - 1}"
        pooled = helper.make_node("AveragePool", [above], [f"pooled{number}"], kernel_shape=[2, 2], strides=[2, 2])
        nodes += [pooled, helper.make_node("Max", [f"pooled{number}", f"r{number}i"], [f"r{number}o"])]
    picture = [1, 3, "h", "w"]
    before = [(f"r{n}i", FLOAT, [1, f"c{n}", f"h{n}", f"w{n}"]) for n in (1, 2, 3, 4)]
    after = [(f"r{n}o", FLOAT, [1, f"d{n}", f"g{n}", f"v{n}"]) for n in (1, 2, 3, 4)]
    return save(
        folder / "rvm.onnx",
        [("src", FLOAT, picture), *before, ("downsample_ratio", FLOAT, [1])],  # type: ignore[list-item]
        [("fgr", FLOAT, picture), ("pha", FLOAT, [1, 1, "h", "w"]), *after],  # type: ignore[list-item]
        nodes,
        constants,
        None,
    )


def echo(path: Path, dtype: int, layout: str, adapter: str) -> Path:
    """A model that gives back its picture as 0..1, three channels."""
    shape = [1, 3, "h", "w"] if layout == "nchw" else [1, "h", "w", 3]
    nodes = [helper.make_node("Cast", ["x"], ["real"], to=FLOAT), helper.make_node("Mul", ["real", "unit"], ["y"])]
    unit = np.float32(1 / 255 if dtype == BYTE else 1)
    return save(path, [("x", dtype, shape)], [("y", FLOAT, shape)], nodes, {"unit": unit}, adapter)


def probabilities(path: Path, values: float, activation: str) -> Path:
    """A model that gives the same two channels for every frame."""
    adapter = '[input]\nlayout = "nchw"\ncolour_order = "rgb"\nscale = 1\n[output]\nchannel = 1\n'
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["m", "c"], ["k"]),
    ]
    nodes.append(helper.make_node("Add", ["k", "value"], ["one"]))
    nodes.append(helper.make_node("Concat", ["one", "one"], ["y"], axis=1))
    shapes: Any = [("x", FLOAT, [1, 3, 48, 80])], [("y", FLOAT, [1, 2, 48, 80])]
    constants = {"c": np.float32(0), "value": np.float32(values)}
    return save(path, *shapes, nodes, constants, f'{adapter}activation = "{activation}"\n')


def change(model: Path, old: str, new: str) -> Path:
    """The model with another adapter."""
    text = model.with_suffix(".toml").read_text()
    assert old in text
    model.with_suffix(".toml").write_text(text.replace(old, new, 1))
    return model
