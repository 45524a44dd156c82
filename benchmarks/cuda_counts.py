"""What a fused file asks of a GPU in one frame of 1080p, counted without one: nodes, and bytes over whole frames.

    python benchmarks/cuda_counts.py rtseg/assets/*-fused*.onnx

"sizes fixed": what onnxruntime leaves of the file for frames of one size, as on CUDA, before it looks at providers.
What only gives memory another shape launches nothing. Counts are no times.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import onnx
import onnxruntime as ort

from rtseg.errors import RtsegError
from rtseg.models.fused import FusedModel
from rtseg_export.count import VIEWS, moved

SIZE = (1920, 1080)


def fixed(model: FusedModel, dimensions: dict[str, int]) -> list[str]:
    """The operators of the nodes that are left where sizes are known, without the casts that a CPU needs for fp16."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    for name, value in dimensions.items():
        options.add_free_dimension_override_by_name(name, value)
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "fixed.onnx")
        ort.InferenceSession(str(model.path), options, providers=["CPUExecutionProvider"])
        left = onnx.load(options.optimized_model_filepath)
    return [node.op_type for node in left.graph.node if not node.name.startswith("InsertedPrecisionFreeCast")]


def counts(file: Path) -> str:
    """A line of them. Raises ModelError."""
    model, (width, height) = FusedModel(file, provider="cpu"), SIZE
    graph, dimensions = onnx.load(file), model.dimensions(width, height, model.info.area)
    plane = (1, 1, dimensions["32*h"], dimensions["32*w"])
    shapes = {"frame_bgr": (1, height, width, 3), "background": (1, height, width, 3), "blur": (), "edge": (3,)}
    shapes |= {"previous_alpha": plane, "previous_grey": plane}
    nodes = fixed(model, dimensions)
    gigabytes = moved(graph, {i.name: shapes[i.name] for i in graph.graph.input}, width * height) / 1e9
    launched = sum(operator not in VIEWS for operator in nodes)
    return f"{len(graph.graph.node)} nodes, {len(nodes)} with sizes fixed, {launched} launched; {gigabytes:.2f} GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    wrong = []
    for file in parser.parse_args().files:
        try:
            print(f"{file.name}: {counts(file)}", flush=True)
        except RtsegError as e:
            wrong.append(str(e))
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
