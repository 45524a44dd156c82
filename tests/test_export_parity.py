"""The parity check: what it finds, how it says it, and that a file which misses leaves the old one in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from rtseg.arrays import F32, U8
from rtseg.errors import ExportError
from rtseg_export import export as exporter
from rtseg_export.compare import compare, expected, torch_runner
from rtseg_export.export import export
from rtseg_export.parity import TOLERANCES, Difference, Parity, Tolerance, difference
from tiny_exports import (
    changed_net,
    make_frames,
    save_run,
    tiny_checkpoint,
    tiny_expected,
    tiny_export,
    tiny_net,
)  # fmt: skip


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's export takes many seconds: put what it made before in its place."""
    model = onnx.load(tiny_export("fp32").path)
    monkeypatch.setattr(exporter, "alpha_graph", lambda net, static: model)


@pytest.mark.usefixtures("traced")
def test_missed_tolerance_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"the old one")
    with pytest.raises(ExportError, match=r"misses its parity tolerance[\s\S]*frame[\s\S]*cpu[\s\S]*Nothing was"):
        export(tiny_checkpoint(), target, "fp32", make_frames(), tolerance=Tolerance(0.0, 0.0, 1.0), rooms=())
    assert target.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.usefixtures("traced")
def test_int8_scales_from_other_pictures_are_refused(tmp_path: Path) -> None:
    grey = [np.full((96, 128, 3), 127, np.uint8)] * 4
    with pytest.raises(ExportError, match="tolerance"):
        export(tiny_checkpoint(), tmp_path / "x.onnx", "int8", make_frames(), calibration=grey, rooms=())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("gain", "bias"), [(1e6, 0.0), (2e5, 6.0)], ids=["weights", "activations"])
def test_fp16_overflow_is_refused(tmp_path: Path, gain: float, bias: float) -> None:
    wild = changed_net()
    with torch.no_grad():
        wild.encoder.stages[1][0].dw.bn.bias += bias
        wild.encoder.stages[1][0].project.bn.weight *= gain
    with pytest.raises(ExportError, match=r"torch fp16[\s\S]*NaN or Inf[\s\S]*--precision fp32"):
        export(save_run(tmp_path / "run", wild), tmp_path / "wild.onnx", "fp16", make_frames(), rooms=())
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_damaged_weights_are_refused(tmp_path: Path, precision: str) -> None:
    broken = changed_net()
    with torch.no_grad():
        broken.head.bias.fill_(float("nan"))
    with pytest.raises(ExportError, match="NaN or Inf in torch already"):
        export(save_run(tmp_path / "run", broken), tmp_path / "x.onnx", precision, make_frames(), rooms=())
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_no_frames_are_refused() -> None:
    with pytest.raises(ExportError, match="no frames"):
        expected(tiny_net(), [], [(64, 64)])


def test_a_runner_that_goes_wrong_is_reported_by_frame() -> None:
    calls = []

    def runner(frame_bgr: U8, previous: F32) -> F32:
        calls.append(1)
        alpha = torch_runner(tiny_net())(frame_bgr, previous)
        return alpha if len(calls) != 2 else np.full_like(alpha, np.nan)

    parity = compare({"fake": runner}, tiny_expected(), TOLERANCES["fp32"])
    assert [(d.runner, d.frame) for d in parity.failures] == [("fake", 1)]
    assert "NaN" in parity.table()


def test_errors_of_the_previous_alpha_show() -> None:
    def forgetful(frame_bgr: U8, previous: F32) -> F32:
        return torch_runner(tiny_net())(frame_bgr, np.zeros_like(previous))

    parity = compare({"fake": forgetful}, tiny_expected(), TOLERANCES["fp32"])
    assert {d.frame for d in parity.failures} == {1}  # the first frame has nothing to forget


def test_difference_by_hand() -> None:
    wanted = np.zeros((10, 10), np.float32)
    wanted[:5] = 1
    alpha = wanted.copy()
    alpha[0, 0] = 0.25
    d = difference("cpu", (10, 10), 0, alpha, wanted)
    assert (d.max_error, d.mean_error) == (0.75, pytest.approx(0.0075))
    assert (d.flipped, d.iou) == (0.01, pytest.approx(49 / 50))
    assert not d.within(TOLERANCES["fp16"]) and d.within(Tolerance(0.8, 0.01, 0.9))


def test_a_few_pixels_of_nobody_are_a_hundredth_of_the_picture_at_least() -> None:
    nobody = np.zeros((100, 100), np.float32)
    few = nobody.copy()
    few[0, :10] = 1
    assert difference("cpu", (100, 100), 0, few, nobody).iou == pytest.approx(0.9)
    few[:2] = 1
    assert difference("cpu", (100, 100), 0, few, nobody).iou == 0


def figures(runner: str, frame: int, *values: float) -> Difference:
    return Difference(runner, (64, 64), frame, *values)  # largest and mean error, flipped, IoU


@pytest.mark.parametrize(
    ("most", "mean", "iou", "within"),
    [(0.5, 0.1, 0.9, True), (0.51, 0.1, 0.9, False), (0.5, 0.11, 0.9, False), (0.5, 0.1, 0.89, False)],
)
def test_each_figure_has_to_be_within(most: float, mean: float, iou: float, within: bool) -> None:
    assert figures("cpu", 0, most, mean, 0.0, iou).within(Tolerance(0.5, 0.1, 0.9)) == within


def test_cuda_alone_is_held_to_no_more_than_fp16() -> None:
    """It computes fp32 in TF32; a file that may differ by more, as int8, may do so there too."""
    as_fp16 = [figures(runner, 0, 0.1, 1e-3, 0.0, 0.995) for runner in ("cpu", "cuda", "torch fp16")]
    assert [d.runner for d in Parity(as_fp16, TOLERANCES["fp32"]).failures] == ["cpu", "torch fp16"]
    assert not Parity([figures("cuda", 0, 0.9, 0.05, 0.0, 0.82)], TOLERANCES["int8"]).failures
    for values in ((0.2, 1e-3, 0.0, 0.995), (0.1, 3e-3, 0.0, 0.995), (0.1, 1e-3, 0.0, 0.98)):
        assert Parity([figures("cuda", 0, *values)], TOLERANCES["fp32"]).failures


def test_the_worst_of_each_figure_whichever_frame_it_is_of() -> None:
    seen = [figures("cpu", 0, 0.3, 0.01, 0.3, 0.8), figures("cpu", 1, 0.1, 0.05, 0.2, 0.9)]
    for order in (seen, seen[::-1]):
        assert Parity(order, TOLERANCES["fp32"]).worst() == [figures("cpu", 0, 0.3, 0.05, 0.3, 0.8)]


def test_a_net_that_sees_people_in_empty_rooms_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As this one of random weights does."""
    ready = onnx.load(tiny_export("fp32").path)
    monkeypatch.setattr(exporter, "alpha_graph", lambda *_: ready)  # tracing takes many seconds
    with pytest.raises(ExportError, match=r"(?s)x.onnx: .* empty pictures a person.*at 96x64.*Nothing was written"):
        export(tiny_checkpoint(), tmp_path / "x.onnx", "fp32", make_frames())
    assert list(tmp_path.iterdir()) == []
    assert export(tiny_checkpoint(), tmp_path / "x.onnx", "fp32", make_frames(), rooms=()).path.exists()
