"""The exporter: model files that match torch, describe themselves, and are refused when they don't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from rtseg.errors import DataError, ExportError
from rtseg.model import Model
from rtseg_export import export as exporter
from rtseg_export.cli import default_name, find_checkpoint
from rtseg_export.export import Exported, export
from rtseg_export.frames import demo_frames, folder_frames
from rtseg_export.parity import TOLERANCES, Tolerance, compare, difference, torch_runner
from rtseg_train.checkpoint import save_weights
from rtseg_train.unet import UNet

AREA = 4096  # pixels: 64x64
INFO: dict[str, object] = {"name": "tiny", "arch": "balanced", "area": AREA, "scores": {"ALL": {"iou": 50.0}}}
INFO |= {"terms": "public domain"}


def make_frames(count: int = 2) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (count, 6, 8, 3), np.uint8)
    return [np.kron(x, np.ones((16, 16, 1), np.uint8)) for x in coarse]


@pytest.fixture(scope="module")
def net() -> UNet:
    """Random weights, with the head scaled until the alphas use the whole range."""
    torch.manual_seed(0)
    net = UNet().eval()
    with torch.inference_mode():
        logits = net(torch.from_numpy(make_frames()[0])[None], torch.zeros(1, 1, 96, 128))
    with torch.no_grad():
        net.head.weight *= 3 / logits.std()
    return net


@pytest.fixture(scope="module")
def checkpoint(net: UNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    save_weights(net, path, INFO)
    return path


@pytest.fixture(scope="module", params=["fp32", "fp16", "int8"])
def made(request: pytest.FixtureRequest, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    target = tmp_path_factory.mktemp("exported") / f"{request.param}.onnx"
    return export(checkpoint, target, request.param, make_frames(), training_data="noise")


def test_export_matches_torch_at_any_size(made: Exported, net: UNet) -> None:
    model = Model(made.path, provider="cpu", threads=1)
    rng = np.random.default_rng(1)
    for width, height in ((64, 64), (32, 96), (160, 64), (32, 32)):
        frame_bgr = rng.integers(0, 256, (height, width, 3), np.uint8)
        previous = rng.random((height, width), np.float32)
        error = np.abs(model.run(frame_bgr, previous) - torch_runner(net)(frame_bgr, previous))
        assert error.max() <= TOLERANCES[made.info.precision].max_error


def test_export_stays_within_its_own_tolerance(made: Exported) -> None:
    assert not made.parity.failures
    runners = {d.runner for d in made.parity.differences}
    assert "cpu" in runners and ("torch fp16" in runners) == (made.info.precision == "fp16")
    assert {d.size[0] > d.size[1] for d in made.parity.differences} == {True, False}


def test_int8_runs_in_8_bits(made: Exported) -> None:
    operations = [node.op_type for node in onnx.load(made.path).graph.node]
    convolutions = operations.count("Conv")
    if made.info.precision == "int8":
        assert operations.count("DequantizeLinear") > 2 * convolutions
    else:
        assert "QuantizeLinear" not in operations


def test_int8_scales_from_other_pictures_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    black = [np.zeros((96, 128, 3), np.uint8)] * 4
    with pytest.raises(ExportError, match="tolerance"):
        export(checkpoint, tmp_path / "x.onnx", "int8", make_frames(), calibration=black)
    assert not list(tmp_path.iterdir())


def test_export_describes_itself(made: Exported) -> None:
    info = Model(made.path, provider="cpu").info
    assert (info.name, info.area, info.precision) == ("tiny", AREA, made.path.stem)
    assert (info.training_data, info.terms, info.scores) == ("noise", "public domain", INFO["scores"])
    assert info.version and info.revision
    model = onnx.load(made.path)
    assert [o.version for o in model.opset_import if o.domain == ""] == [18]
    assert [p.name for p in made.path.parent.iterdir()] == [made.path.name]
    assert not any(path in made.path.read_bytes() for path in (b"site-packages", b"unet.py"))


def test_the_file_is_as_small_as_its_precision(made: Exported, checkpoint: Path) -> None:
    share = made.path.stat().st_size / checkpoint.stat().st_size
    assert share == pytest.approx({"fp32": 1.0, "fp16": 0.5, "int8": 0.29}[made.info.precision], abs=0.1)


def test_missed_tolerance_leaves_the_old_file(
    made: Exported, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch's export takes many seconds: put what it made before in its place
    monkeypatch.setattr(exporter, "to_onnx", lambda net, info: onnx.load(made.path))
    target = tmp_path / "model.onnx"
    target.write_bytes(b"the old one")
    with pytest.raises(ExportError, match=r"misses its parity tolerance[\s\S]*frame[\s\S]*cpu"):
        export(checkpoint, target, "fp32", make_frames(), tolerance=Tolerance(0.0, 0.0, 1.0))
    assert target.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("gain", "bias"), [(1e6, 0.0), (2e5, 6.0)], ids=["weights", "activations"])
def test_fp16_overflow_is_refused(net: UNet, tmp_path: Path, gain: float, bias: float) -> None:
    torch.manual_seed(0)
    wild = UNet()
    wild.load_state_dict(net.state_dict())
    with torch.no_grad():
        wild.encoder.stages[1][0].dw.bn.bias += bias
        wild.encoder.stages[1][0].project.bn.weight *= gain
    save_weights(wild, tmp_path / "wild.safetensors", INFO)
    with pytest.raises(ExportError, match=r"torch fp16[\s\S]*NaN or Inf[\s\S]*--precision fp32"):
        export(tmp_path / "wild.safetensors", tmp_path / "wild.onnx", "fp16", make_frames())
    assert not list(tmp_path.glob("*.onnx")) and not list(tmp_path.glob(".*"))


def test_damaged_weights_are_refused(net: UNet, tmp_path: Path) -> None:
    broken = UNet()
    broken.load_state_dict(net.state_dict())
    with torch.no_grad():
        broken.head.bias.fill_(float("nan"))
    with pytest.raises(ExportError, match="NaN or Inf in torch already"):
        compare({}, broken, make_frames(), TOLERANCES["fp32"], AREA)


def test_a_runner_that_goes_wrong_is_reported_by_frame(net: UNet) -> None:
    calls = []

    def runner(frame_bgr: NDArray[np.uint8], previous: NDArray[np.float32]) -> NDArray[np.float32]:
        calls.append(1)
        alpha = torch_runner(net)(frame_bgr, previous)
        return alpha if len(calls) != 2 else np.full_like(alpha, np.nan)

    parity = compare({"fake": runner}, net, make_frames(3), TOLERANCES["fp32"], AREA)
    assert [(d.runner, d.frame) for d in parity.failures] == [("fake", 1)]
    assert "NaN" in parity.table()


def test_difference_by_hand() -> None:
    wanted = np.zeros((10, 10), np.float32)
    wanted[:5] = 1
    alpha = wanted.copy()
    alpha[0, 0] = 0.25
    d = difference("cpu", (10, 10), 0, alpha, wanted)
    assert (d.max_error, d.mean_error) == (0.75, pytest.approx(0.0075))
    assert (d.flipped, d.iou) == (0.01, pytest.approx(49 / 50))
    assert not d.within(TOLERANCES["fp16"]) and d.within(Tolerance(0.8, 0.01, 0.9))


def test_foreign_checkpoints_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    def refused(match: str) -> None:
        with pytest.raises(DataError, match=match):
            export(path, tmp_path / "out.onnx", "fp32", make_frames())

    path, notes = tmp_path / "model.safetensors", tmp_path / "model.json"
    path.write_bytes(checkpoint.read_bytes())
    refused("model.json")
    notes.write_text("[]")
    refused("holds no settings")
    notes.write_text("{}")
    refused("names no arch")
    notes.write_text('{"arch": "balanced"}')
    refused("lacks name, area or scores")
    notes.write_text(checkpoint.with_suffix(".json").read_text())
    path.write_bytes(checkpoint.read_bytes()[:5000])
    refused("cut off or not safetensors")
    path.write_text("hello")
    refused("cut off or not safetensors")
    assert not (tmp_path / "out.onnx").exists()


def test_names_and_places(checkpoint: Path, tmp_path: Path) -> None:
    assert find_checkpoint(checkpoint.parent) == checkpoint
    assert default_name(checkpoint, "fp32") == "tiny.onnx"
    assert default_name(checkpoint, "fp16") == "tiny-fp16.onnx"
    with pytest.raises(DataError, match="no checkpoint"):
        find_checkpoint(tmp_path)
    with pytest.raises(ExportError, match="cannot write"):
        export(checkpoint, tmp_path / "nowhere" / "x.onnx", "fp32", make_frames())
    with pytest.raises(ExportError, match="int3"):
        export(checkpoint, tmp_path / "x.onnx", "int3", make_frames())


def test_frames(tmp_path: Path) -> None:
    assert len(demo_frames(count=5)) == 5
    with pytest.raises(ExportError, match="no pictures"):
        folder_frames(tmp_path)
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(ExportError, match=r"a\.jpg"):
        folder_frames(tmp_path)
    with pytest.raises(ExportError, match="not a folder"):
        folder_frames(tmp_path / "b")
