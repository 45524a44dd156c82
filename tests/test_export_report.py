"""The report: counts that can be checked by hand, times, the next command, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from rich.console import Console
from torch import nn

from rtseg_export.count import gmac, parameters
from rtseg_export.export import Exported
from rtseg_export.report import as_json, report, show
from tiny_exports import AREA, make_frames, tiny_export, tiny_net

SIZE = (96, 64)  # of the network for 16:9 at AREA pixels


def small_model(nodes: list[onnx.NodeProto], shape: list[int | str], **weights: tuple[int, ...]) -> onnx.ModelProto:
    """A graph from `x` to `y` with weights of these shapes."""
    constants = [helper.make_tensor(n, TensorProto.FLOAT, s, np.zeros(s).ravel()) for n, s in weights.items()]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", shape), ("y", None))]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_a_convolution_by_hand() -> None:
    conv = helper.make_node("Conv", ["x", "w", "b"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1], group=2)
    model = small_model([conv], [1, 8, "h", "w"], w=(16, 4, 3, 3), b=(16,))
    assert parameters(model) == 16 * 4 * 9 + 16
    # 16 channels of 32x16 pixels, each a sum over 4 channels of 3x3
    assert gmac(model, {"x": (1, 8, 64, 32)}) == pytest.approx(16 * 32 * 16 * 4 * 9 / 1e9)


def test_a_transposed_convolution_by_hand() -> None:
    conv = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    model = small_model([conv], [1, 6, "h", "w"], w=(6, 5, 2, 2))
    assert gmac(model, {"x": (1, 6, 10, 20)}) == pytest.approx(6 * 10 * 20 * 5 * 4 / 1e9)


def test_matrix_products_by_hand() -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "a", "c"], ["z"], transA=1),
        helper.make_node("MatMul", ["z", "b"], ["y"]),
    ]
    model = small_model(nodes, ["k", 4], a=(10, 3), c=(3,), b=(3, 7))
    assert parameters(model) == 30 + 3 + 21
    assert gmac(model, {"x": (10, 4)}) == pytest.approx((4 * 10 * 3 + 4 * 3 * 7) / 1e9)


@pytest.fixture(scope="module", params=["fp32", "int8"])
def made(request: pytest.FixtureRequest) -> Exported:
    return tiny_export(request.param)


def test_counts_are_those_of_the_torch_net(made: Exported) -> None:
    found: list[int] = []

    def count(module: nn.Module, _inputs: object, result: torch.Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        found.append(result.numel() * module.weight[0].numel())

    net = tiny_net()
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    hooks = [m.register_forward_hook(count) for m in convolutions]
    with torch.inference_mode():
        net(torch.zeros(1, SIZE[1], SIZE[0], 3, dtype=torch.uint8), torch.zeros(1, 1, SIZE[1], SIZE[0]))
    for hook in hooks:
        hook.remove()
    seen = report(made, make_frames()[0], seconds=0.0)
    assert (seen.size, seen.gmac) == (SIZE, pytest.approx(sum(found) / 1e9))
    assert seen.parameters == sum(m.weight.numel() + m.out_channels for m in convolutions)
    assert seen.nodes == len(onnx.load(made.path).graph.node) and seen.bytes == made.path.stat().st_size


def test_the_report_in_words_and_as_json(made: Exported, console: Console) -> None:
    found = report(made, make_frames()[0], seconds=0.0)
    show(found, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"area {AREA} pixels" in said and "million parameters" in said and "GMAC at 96x64" in said
    assert "CPU, one thread" in said and said.endswith(f"try it: rtseg cam --model {made.path}\n")
    Path("report.json").write_text(json.dumps(as_json(found), allow_nan=False))
    written = json.loads(Path("report.json").read_text())
    assert written["gmac"] == pytest.approx(found.gmac, abs=1e-6)
    counts = {"bytes": found.bytes, "nodes": found.nodes, "parameters": found.parameters, "next": found.next}
    assert {name: written[name] for name in counts} == counts
    assert 0 < written["speed"]["cpu"]["median_ms"] <= written["speed"]["cpu"]["p95_ms"]
    assert {row["size"] for row in written["parity"]["worst"]} == {"64x64", "96x64", "64x96", "128x64", "64x128"} & {
        f"{d.size[0]}x{d.size[1]}" for d in made.parity.differences
    }
    assert written["parity"]["tolerance"]["iou"] == made.parity.tolerance.iou and written["versions"]["onnx"]
