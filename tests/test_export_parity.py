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
from rtseg_export.parity import TOLERANCES, Tolerance, difference
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


def test_a_net_that_sees_people_in_empty_rooms_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As this one of random weights does."""
    ready = onnx.load(tiny_export("fp32").path)
    monkeypatch.setattr(exporter, "alpha_graph", lambda *_: ready)  # tracing takes many seconds
    with pytest.raises(ExportError, match=r"(?s)x.onnx: .* empty pictures a person.*at 96x64.*Nothing was written"):
        export(tiny_checkpoint(), tmp_path / "x.onnx", "fp32", make_frames())
    assert list(tmp_path.iterdir()) == []
    assert export(tiny_checkpoint(), tmp_path / "x.onnx", "fp32", make_frames(), rooms=()).path.exists()
