"""The exporter: model files that match torch and describe themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from rtseg.errors import ExportError
from rtseg.models.model import Model
from rtseg.pipeline import Pipeline
from rtseg_export.compare import check_sizes, torch_runner
from rtseg_export.export import Exported, export
from rtseg_export.parity import TOLERANCES
from tiny_exports import AREA, INFO, call, make_frames, tiny_checkpoint, tiny_export, tiny_net, write_frames


@pytest.fixture(scope="module", params=["fp32", "fp16", "int8"])
def made(request: pytest.FixtureRequest) -> Exported:
    return tiny_export(request.param)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    target = tmp_path_factory.mktemp("static") / "static.onnx"
    return export(tiny_checkpoint(), target, "int8", make_frames(), static=(96, 64), rooms=())


def test_export_matches_torch_at_any_size(made: Exported) -> None:
    model = Model(made.path, provider="cpu", threads=1)
    rng = np.random.default_rng(1)
    for width, height in ((64, 64), (32, 96), (160, 64), (32, 32)):
        frame_bgr = rng.integers(0, 256, (height, width, 3), np.uint8)
        previous = rng.random((height, width), np.float32)
        error = np.abs(model.run(frame_bgr, previous) - torch_runner(tiny_net())(frame_bgr, previous))
        assert error.max() <= TOLERANCES[made.info.precision].max_error


def test_export_stays_within_its_own_tolerance(made: Exported) -> None:
    assert not made.parity.failures
    runners = {d.runner for d in made.parity.differences}
    assert "cpu" in runners and ("torch fp16" in runners) == (made.info.precision == "fp16")
    assert {d.size[0] > d.size[1] for d in made.parity.differences} == {True, False}


def test_export_describes_itself(made: Exported) -> None:
    info = Model(made.path, provider="cpu").info
    assert (info.name, info.area, info.precision) == ("tiny", AREA, made.path.stem)
    assert (info.training_data, info.terms, info.scores) == ("noise", "public domain", INFO["scores"])
    assert info.version and info.revision
    model = onnx.load(made.path)
    assert [o.version for o in model.opset_import if o.domain == ""] == [18]
    assert [p.name for p in made.path.parent.iterdir()] == [made.path.name]
    assert not any(path in made.path.read_bytes() for path in (b"site-packages", b"unet.py"))


def test_the_file_is_as_small_as_its_precision(made: Exported) -> None:
    share = made.path.stat().st_size / tiny_checkpoint().stat().st_size
    assert share == pytest.approx({"fp32": 1.0, "fp16": 0.5, "int8": 0.29}[made.info.precision], abs=0.1)


@pytest.mark.usefixtures("unchecked")  # a random net sees people in walls
def test_a_static_file_takes_one_size_and_the_runtime_uses_it(fixed: Exported) -> None:
    model = Model(fixed.path, provider="cpu", threads=1)
    assert model.info.area == 96 * 64 and {d.size for d in fixed.parity.differences} == {(96, 64)}
    assert model.size_for(1280, 720, 40960) == model.size_for(300, 900, 1024) == (96, 64)
    assert [d.dim_value for d in onnx.load(fixed.path).graph.input[0].type.tensor_type.shape.dim] == [1, 64, 96, 3]
    portrait = np.full((300, 100, 3), 90, np.uint8)  # squashed, not refused
    pipeline = Pipeline(model=fixed.path, provider="cpu", threads=1, background="#00ff00")
    assert pipeline(portrait).shape == portrait.shape and pipeline.alpha.shape == (300, 100)


def test_a_file_with_free_sides_follows_the_frame(made: Exported) -> None:
    model = Model(made.path, provider="cpu")
    assert (model.size_for(300, 300, AREA), model.size_for(300, 900, AREA)) == ((64, 64), (32, 96))


def test_a_net_that_knows_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Known(nn.Module):
        def forward(self, frame_bgr: torch.Tensor, previous_alpha: torch.Tensor) -> torch.Tensor:
            grey = frame_bgr.float().mean(3)[:, None] / 255 - previous_alpha
            return grey + torch.linspace(0, 1, grey.shape[3])

    monkeypatch.setattr("rtseg_export.export.open_checkpoint", lambda path: (Known(), INFO))
    with pytest.raises(ExportError, match=r"x\.onnx misses its parity"):
        export(tiny_checkpoint(), tmp_path / "x.onnx", "fp32", make_frames(), rooms=())
    assert not list(tmp_path.iterdir())


def test_sizes_of_a_parity_check() -> None:
    assert check_sizes(40960) == [(256, 160), (192, 256), (384, 224)]
    assert check_sizes(40960, (96, 64)) == [(96, 64)]


def test_area_overrides_the_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = onnx.load(tiny_export("fp32").path)
    monkeypatch.setattr("rtseg_export.export.alpha_graph", lambda net, static: traced)
    frames = write_frames(tmp_path / "frames")
    call(tiny_checkpoint().parent, "--area", 8192, "--pictures", frames)
    assert Model("tiny.onnx", provider="cpu").info.area == 8192


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"area": 1000}, "area is 1000 pixels; give 1024 to"),
        ({"area": 10**9}, "1000000000"),
        ({"static": (250, 160)}, "250x160: .*nearest is 256x160"),
        ({"static": (1, 9000)}, "nearest is 32x4096"),
        ({"static": (64, 64), "area": 4096}, "not both"),
    ],
)
def test_sizes_that_cannot_be_are_refused(tmp_path: Path, settings: dict[str, object], words: str) -> None:
    with pytest.raises(ExportError, match=words):
        export(tiny_checkpoint(), tmp_path / "x.onnx", "fp32", make_frames(), **settings)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
