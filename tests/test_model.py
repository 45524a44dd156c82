import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conftest import INFO
from rtseg.errors import ModelError, ProviderError
from rtseg.models import providers
from rtseg.models.model import Model, ModelInfo, find_model, part_of
from rtseg.models.session import open_session

Maker = Callable[..., Path]


def run(model: Model) -> np.ndarray:
    return model.run(np.zeros((32, 64, 3), np.uint8), np.zeros((32, 64), np.float32))


def test_shipped_model_describes_itself() -> None:
    model = Model("balanced", provider="cpu")
    assert model.provider == "cpu"
    assert model.info.name == "balanced"
    notes = Path(__file__).parents[1] / "train" / "rtseg_train" / "balanced.json"
    assert model.info.area == json.loads(notes.read_text())["area"]
    assert model.info.scores["PORTRAIT"]["iou"] > 95
    assert "licence" in model.info.terms


def test_shipped_model_takes_any_multiple_of_32() -> None:
    model = Model("balanced", provider="cpu", threads=1)
    for h, w in ((32, 32), (160, 256), (256, 96)):
        alpha = model.run(np.full((h, w, 3), 127, np.uint8), np.zeros((h, w), np.float32))
        assert alpha.shape == (h, w) and alpha.dtype == np.float32


def test_threads_sleep_between_two_frames() -> None:
    """While they spin they take a core from everybody else, this program's OpenCV too."""
    options = open_session(find_model("fast"), "cpu", 2).ort.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)


def test_metadata_round_trip() -> None:
    assert ModelInfo.read(INFO.metadata(), Path("x.onnx")) == INFO


def test_missing_metadata_is_named(make_model: Maker) -> None:
    metadata = INFO.metadata()
    del metadata["rtseg.area"], metadata["rtseg.terms"]
    with pytest.raises(ModelError, match=r"rtseg\.area, rtseg\.terms"):
        Model(make_model(metadata=metadata), provider="cpu")


@pytest.mark.parametrize("area", ["many", "-5", "99999999999"])
def test_damaged_metadata_is_refused(make_model: Maker, area: str) -> None:
    with pytest.raises(ModelError, match="damaged"):
        Model(make_model(metadata=INFO.metadata() | {"rtseg.area": area}), provider="cpu")


def test_another_format_is_refused(make_model: Maker) -> None:
    with pytest.raises(ModelError, match="format 9"):
        Model(make_model(metadata=INFO.metadata() | {"rtseg.format": "9"}), provider="cpu")


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"junk" * 50, "not a readable ONNX"), (None, "no such file")]
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=words):
        Model(path, provider="cpu")


def test_truncated_model_is_refused(tmp_path: Path, make_model: Maker) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(make_model().read_bytes()[:60])
    with pytest.raises(ModelError, match=r"cut\.onnx"):
        Model(path, provider="cpu")


@pytest.mark.parametrize("kind", ["nan", "two"])
def test_output_that_is_no_alpha_is_an_error(make_model: Maker, kind: str) -> None:
    with pytest.raises(ModelError, match=r"outside 0\.\.1"):
        run(Model(make_model(kind), provider="cpu"))


def test_cuda_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtseg.models.session.cuda_problem", lambda: "libexample.so.1 is missing")
    with pytest.raises(ProviderError, match=r"libexample\.so\.1 is missing"):
        Model("balanced", provider="cuda")


def test_auto_says_why_it_is_not_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtseg.models.session.cuda_problem", lambda: "libexample.so.1 is missing")
    model = Model("balanced", provider="auto")
    assert (model.provider, model.fallback_reason) == ("cpu", "libexample.so.1 is missing")


def test_missing_driver_is_found_out() -> None:
    problem = providers.cuda_problem()
    if problem is None:
        pytest.skip("CUDA works here, so there is no problem to name")
    assert "CUDA" in problem or "NVIDIA" in problem


@pytest.mark.parametrize("threads", [0, -1, 10_000])
def test_absurd_threads_are_refused(threads: int) -> None:
    with pytest.raises(ModelError, match="threads"):
        Model("balanced", provider="cpu", threads=threads)


@pytest.mark.parametrize(("area", "share", "pixels"), [(61440, 0.25, 15360), (20480, 0.25, 8192), (4096, 0.5, 4096)])
def test_an_area_is_taken_down_only_as_far_as_a_person_can_be_told_from_a_room(
    area: int, share: float, pixels: int
) -> None:
    assert part_of(area, share) == pixels
