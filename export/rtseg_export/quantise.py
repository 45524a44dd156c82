"""int8: weights and activations of a fp32 model file in 8 bits, scales measured on real frames.

Static quantisation in onnxruntime's QDQ form: per-channel int8 weights, uint8 activations. Weights keep to
7 bits of range, because CPUs without VNNI instructions add pairs of products in 16 bits and would overflow.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from rtseg.arrays import F32, U8
from rtseg.models.model import Model
from rtseg_export.compare import cropped_to, feed_back
from rtseg_export.frames import spread
from rtseg_export.int8_graph import keep_frame_bytes, share_scales, shuffle_bytes

CALIBRATION = 64  # frames at most; they are taken evenly from those given
# What runs in 8 bits; the rest (normalisation, sigmoid) costs next to nothing and stays as it is.
QUANTISED = ["Conv", "ConvTranspose", "MaxPool", "Add", "Concat", "Clip", "Relu", "Resize"]


class Calibration(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is untyped
    """Frames at network size with the alphas that the fp32 model gave before, as the camera would feed them."""

    def __init__(self, model: Path, frames: Sequence[U8], sizes: Sequence[tuple[int, int]]) -> None:
        self._feeds = feeds(model, [frames[i] for i in spread(len(frames), CALIBRATION)], sizes)

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        return next(self._feeds, None)


def feeds(
    model: Path, frames: Sequence[U8], sizes: Sequence[tuple[int, int]]
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """The inputs of a run over the frames at each of the sizes."""
    run = Model(model, provider="cpu", threads=1).run
    for size in sizes:
        sequence = [cropped_to(frame, size) for frame in frames]
        previous: F32 = np.zeros(size[::-1], np.float32)
        for frame, alpha in zip(sequence, feed_back(run, sequence), strict=True):
            yield {"frame_bgr": frame[None], "previous_alpha": previous[None, None]}
            previous = alpha


def quantised(model: onnx.ModelProto, frames: Sequence[U8], sizes: Sequence[tuple[int, int]]) -> onnx.ModelProto:
    """An fp32 model in int8, its metadata kept; frames: uint8 HxWx3 BGR of any size; sizes: (width, height) to run."""
    with tempfile.TemporaryDirectory() as folder, no_advice():
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantize_static(
            str(source),
            str(target),
            Calibration(source, frames, sizes),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        small = onnx.load(target)
    for step in (keep_frame_bytes, share_scales, shuffle_bytes):
        step(small)
    del small.graph.value_info[:]
    onnx.helper.set_model_props(small, {p.key: p.value for p in model.metadata_props})
    return small


@contextlib.contextmanager
def no_advice() -> Iterator[None]:
    """Keep onnxruntime from advising, on the root logger, a preparation that this graph does not need."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
