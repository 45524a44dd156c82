"""Fused files out of the exporter: checked like the others, refused like the others."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from rtseg import Pipeline
from rtseg.arrays import U8
from rtseg.errors import ExportError, ModelError
from rtseg.models.fused import NO_PICTURE, FusedModel
from rtseg.pixels.matte import motion, remembered, steadied
from rtseg_export import export as exporter
from rtseg_export import fused_parity
from rtseg_export.check import check_file
from rtseg_export.checkpoint import default_name
from rtseg_export.count import moved
from rtseg_export.export import Exported, export
from rtseg_export.frames import demo_frames
from rtseg_export.fused import FusedPicture
from rtseg_export.parity import Tolerance
from rtseg_export.report import report
from tiny_exports import CHECKPOINT, fused_export


@pytest.fixture(scope="module")
def frames() -> list[U8]:
    return demo_frames(2)


@pytest.fixture(scope="module", params=["picture", "blur"])
def made(request: pytest.FixtureRequest) -> Exported:
    return fused_export(request.param)


def test_a_fused_file_is_one_clean_graph(made: Exported) -> None:
    model = onnx.load(made.path)
    onnx.checker.check_model(model, full_check=True)
    operations = [node.op_type for node in model.graph.node]
    assert len(operations) < 380  # each is a kernel or two to launch, and a frame on a GPU is mostly that
    sides = {"frame_bgr": (1, 720, 1280, 3), "background": (1, 720, 1280, 3), "blur": (), "edge": (3,)}
    sides |= dict.fromkeys(("previous_alpha", "previous_grey"), (1, 1, 96, 192))
    whole = moved(model, {i.name: sides[i.name] for i in model.graph.input}, 720 * 1280) / (720 * 1280)
    assert whole < 215  # bytes a pixel: 12 and more for each step over the frame in fp32, 6 in half
    # The frame twice (whole and small), background or room, step, coefficients, to fp16 and back, the bytes out; two in
    # each round in which pieces are looked for, what of them is solid, and a few sizes.
    assert operations.count("Cast") <= 19
    assert "GatherND" not in operations  # CUDA's copies its sizes in each run, which can't be recorded
    assert not {"BatchNormalization", "Identity", "If", "Loop"} & set(operations)
    assert [o.version for o in model.opset_import if o.domain == ""] == [18]
    assert {d.runner for d in made.parity.differences} == {"torch fp16", "cpu"} and not made.parity.failures


def test_it_runs_and_checks_and_reports(made: Exported, frames: list[U8]) -> None:
    model = FusedModel(made.path, provider="cpu")
    effect = {"blur": 20} if model.effect == "blur" else {"background": "beach.jpg"}
    pipeline = Pipeline(model=made.path, provider="cpu", **effect)  # type: ignore[arg-type]
    assert pipeline(frames[0]).shape == frames[0].shape
    again = check_file(made.path, CHECKPOINT, frames, rooms=())
    assert not again.parity.failures
    found = report(made, frames[0], seconds=0.01)
    assert found.fused and found.gmac > 0.01 and ("--blur 20" in found.next) == (model.effect == "blur")


def test_files_that_differ_are_refused(
    made: Exported, frames: list[U8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "fused_graph", lambda *_: onnx.load(made.path))  # tracing takes many seconds
    effect = FusedModel(made.path, provider="cpu").effect
    with pytest.raises(ExportError, match="misses its parity tolerance"):
        strict = Tolerance(0.0, 0.0, 1.0)
        export(CHECKPOINT, tmp_path / "x.onnx", "fp16", frames[:1], area=8192, effect=effect, tolerance=strict)
    monkeypatch.setattr(fused_parity, "LEVELS", 0.0)
    with pytest.raises(ExportError, match=r"composites differ by .* of 255"):
        export(CHECKPOINT, tmp_path / "x.onnx", "fp16", frames[:1], area=8192, effect=effect)
    with pytest.raises(ExportError, match="slower than fp16"):
        export(CHECKPOINT, tmp_path / "x.onnx", "int8", frames[:1], effect=effect)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_deaf_to_the_edge_is_refused(
    made: Exported, frames: list[U8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = onnx.load(made.path)
    deaf.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(3, np.float32), "silence"))
    for node in deaf.graph.node:
        node.input[:] = ["silence" if name == "edge" else name for name in node.input]
    monkeypatch.setattr(exporter, "fused_graph", lambda *_: deaf)
    effect = FusedModel(made.path, provider="cpu").effect
    with pytest.raises(ExportError, match=r"their alphas by 0\.0"):
        export(CHECKPOINT, tmp_path / "x.onnx", "fp16", frames, area=8192, effect=effect)


def test_names() -> None:
    assert default_name(CHECKPOINT, "fp16", None, "picture") == "fast-fused.onnx"
    assert default_name(CHECKPOINT, "fp32", (288, 160), "blur") == "fast-fused-blur-fp32-288x160.onnx"


def test_a_fused_file_of_one_size(frames: list[U8], tmp_path: Path) -> None:
    made = export(CHECKPOINT, tmp_path / "x.onnx", "fp16", frames, static=(160, 96), effect="picture", rooms=())
    model = FusedModel(made.path, provider="cpu")
    assert model.static == (160, 96) == model.size_for(1920, 1080, 10**6)
    pipeline = Pipeline(background="#000000", model=made.path, provider="cpu")
    assert pipeline(frames[0]).shape == frames[0].shape
    with pytest.raises(ModelError, match="works at 160x96 alone, not at an area of 40960"):
        Pipeline(background="#000000", model=made.path, provider="cpu", area=40960)


def test_what_is_remembered_is_that_of_the_other_way() -> None:
    """A drawn network's alphas through the graph in torch, beside matte.py: ghosts, holes, an edge that trembles."""
    rng = np.random.default_rng(5)
    frames = np.full((4, 96, 160, 3), 90, np.float32) + rng.normal(0, 2, (4, 96, 160, 3)).astype(np.float32)
    frames[2:, 20:60, :40] += 60  # something moves there
    alphas = np.clip(cv2.GaussianBlur(rng.random((96, 160, 4), np.float32), (0, 0), 5) * 24 - 11.5, 0, 1)
    alphas = np.float32(0.6) * alphas + np.float32(0.4) * alphas[..., :1]
    told: list[Tensor] = []

    class Drawn(torch.nn.Module):
        def forward(self, frame_bgr: Tensor, previous_alpha: Tensor) -> Tensor:
            told.append(previous_alpha)
            return torch.logit(torch.from_numpy(alphas[..., len(told) - 1].copy())[None, None])

    graph = FusedPicture(Drawn())
    before, last = torch.zeros(1, 1, 96, 160), torch.full((1, 1, 96, 160), NO_PICTURE)
    was, seen = np.zeros((96, 160), np.float32), None
    for number, frame in enumerate(frames):
        _, last, before = graph.person(torch.from_numpy(frame).permute(2, 0, 1)[None], before, last)
        grey = last[0, 0].numpy()
        moved = None if seen is None else motion(grey, seen)
        alpha = alphas[..., number].copy()
        expected = np.zeros_like(alpha) if moved is None else remembered(was, moved)
        np.testing.assert_allclose(told[number][0, 0].numpy(), expected, atol=5e-3)
        was, seen = alpha if moved is None else steadied(alpha, was, moved), grey
        np.testing.assert_allclose(before[0, 0].numpy(), was, atol=5e-3)
    assert np.abs(was - alphas[..., 3]).mean() > 0.01
