"""The fused graph, as CUDA runs it, on the CPU provider: the same pictures as OpenCV around the network."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from rtseg import Pipeline
from rtseg.arrays import U8
from rtseg.errors import BackgroundError, ModelError, ProviderError
from rtseg.files import ASSETS
from rtseg.models import nobody
from rtseg.models.fused import FusedModel
from rtseg.paths.cuda import CudaPath
from rtseg.pixels.edge import Edge
from rtseg.pixels.geometry import cover
from rtseg_export.compare import torch_runner
from rtseg_train.checkpoint import load_weights
from tiny_exports import CHECKPOINT, fused_export

FILES = {"picture": ASSETS / "fast-fused.onnx", "blur": ASSETS / "fast-fused-blur.onnx"}
AREA = 20480  # pixels at network size
ROOM: dict[str, dict[str, object]] = {"picture": {"background": "beach.jpg"}, "blur": {"blur": 20}}


def both(effect: str) -> tuple[Pipeline, Pipeline]:
    """(fused, OpenCV around the same network in torch)."""
    models, options = (fused_export(effect).path, "fast"), {"provider": "cpu", "threads": 1, "area": AREA}
    fused, plain = (Pipeline(model=m, **options, **ROOM[effect]) for m in models)  # type: ignore[arg-type]
    plain.model.run = torch_runner(load_weights(CHECKPOINT)[0])  # type: ignore[method-assign]
    plain.follow = False  # a fused graph sees the whole frame
    return fused, plain


@pytest.mark.parametrize("effect", ["picture", "blur"])
@pytest.mark.parametrize("size", [(640, 360), (361, 539), (1280, 720)], ids=["landscape", "odd portrait", "720p"])
def test_composites_are_those_of_the_other_way(effect: str, size: tuple[int, int], demo_frames: list[U8]) -> None:
    fused, plain = both(effect)
    for frame in demo_frames[:6]:
        frame = cover(frame, *size)
        composite, expected = fused(frame).astype(int), plain(frame).astype(int)
        assert np.abs(fused.alpha - plain.alpha).mean() < 0.002
        edge = cv2.dilate(((plain.alpha > 0.02) & (plain.alpha < 0.98)).astype(np.uint8), np.ones((9, 9))) > 0
        difference = np.abs(composite - expected)
        assert difference[~edge].mean() < 1 and difference[edge].mean() < 2
    assert 0.1 < plain.alpha.mean() < 0.9


@pytest.mark.parametrize("effect", ["picture", "blur"])
def test_the_edge_is_set_as_the_other_way_does(effect: str, demo_frames: list[U8]) -> None:
    """What is set makes much more of a difference than the way does."""
    frame = np.full_like(demo_frames[0], 128)
    # Somebody of 4.5 % of the picture, and nothing beside: where a network is of two minds, rounding decides.
    frame[202:, 230:410] = cv2.resize(demo_frames[0], (280, 158))[:, 50:230]
    alphas, composites = [], []
    for values in ((0, 0, 0), (0.8, 0, 0), (-0.8, 0, 0), (0, 0.6, 0), (0, 0, 5), (0.5, 0.25, 5)):
        for pipeline in both(effect):
            pipeline.edge, pipeline.feather, pipeline.specks = values
            composites.append(pipeline(frame).astype(int))
            alphas.append(pipeline.alpha)
        for pictures in (alphas, composites):
            ways = np.abs(pictures[-1] - pictures[-2]).mean() - np.abs(pictures[1] - pictures[0]).mean()
            assert len(pictures) == 2 or ways < 0.2 * np.abs(pictures[-1] - pictures[1]).mean(), values


def test_a_cut_and_a_reset_forget_the_state(demo_frames: list[U8]) -> None:
    fused = Pipeline(background="beach.jpg", model=FILES["picture"], provider="cpu", threads=1)
    first = fused(demo_frames[0])
    for frame in demo_frames[1:4]:
        fused(frame)
    assert np.abs(fused(demo_frames[0]).astype(int) - first).max() > 0, "the state makes no difference"
    fused.reset()
    np.testing.assert_array_equal(fused(demo_frames[0]), first)
    fused(255 - demo_frames[1])  # nothing of the scene is left
    np.testing.assert_array_equal(fused(demo_frames[0]), first)


def test_what_it_gives_is_not_changed_later(demo_frames: list[U8]) -> None:
    fused = Pipeline(background="beach.jpg", model=FILES["picture"], provider="cpu", threads=1)
    first = fused(demo_frames[0])
    kept = first.copy()
    fused(demo_frames[5])
    np.testing.assert_array_equal(first, kept)


def test_another_background_is_sent(demo_frames: list[U8]) -> None:
    height, width = demo_frames[0].shape[:2]
    path = CudaPath(FusedModel(FILES["picture"], provider="cpu"), width, height, 20480)
    for level in (0, 255):
        composite = path.composite(demo_frames[0], np.full((height, width, 3), level, np.uint8), 0.0)
        assert (composite[:20, :20] == level).all()


def test_a_graph_of_one_size_gives_the_same(demo_frames: list[U8]) -> None:
    height, width = demo_frames[0].shape[:2]
    room = np.zeros_like(demo_frames[0])
    model = FusedModel(FILES["picture"], provider="cpu")
    free, fixed = (CudaPath(model, width, height, 20480, capture=capture) for capture in (False, True))
    assert fixed.remark is None
    for frame in demo_frames[:3]:
        for controls in (Edge(), Edge(0.5, 0.5, 1.0)):
            first, second = (path.composite(frame, room, 0, controls).astype(int) for path in (free, fixed))
            assert np.abs(first - second).max() <= 1


def test_a_file_from_before_is_named_with_its_cure(tmp_path: Path) -> None:
    model = onnx.load(FILES["blur"])
    (edge,) = [i for i in model.graph.input if i.name == "edge"]
    model.graph.input.remove(edge)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(3, np.float32), "edge"))
    onnx.save(model, tmp_path / "old.onnx")
    with pytest.raises(
        ModelError,
        match=r"old\.onnx is a fused model of another version .* export it again: rtseg export .* --fused --blur",
    ):
        Pipeline(blur=20, model=tmp_path / "old.onnx", provider="cpu")


def ruined(tmp_path: Path, value: float) -> Path:
    """The shipped file with one bias of its last layer replaced."""
    model = onnx.load(FILES["picture"])
    convolution = next(n for n in model.graph.node if n.op_type == "DepthToSpace").input[0]
    (last,) = [n for n in model.graph.node if convolution in n.output]
    (bias,) = [t for t in model.graph.initializer if t.name == last.input[2]]
    values = onnx.numpy_helper.to_array(bias).copy()
    values[:] = value
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    onnx.save(model, tmp_path / "ruined.onnx")
    return tmp_path / "ruined.onnx"


def test_nan_is_an_error_and_no_picture(tmp_path: Path, demo_frames: list[U8]) -> None:
    pipeline = Pipeline(background="beach.jpg", model=ruined(tmp_path, float("nan")), provider="cpu")
    with pytest.raises(ModelError, match="not finite"):
        pipeline(demo_frames[0])
    with pytest.raises(ModelError, match="no alpha yet"):
        _ = pipeline.alpha


def test_a_file_does_one_effect() -> None:
    with pytest.raises(BackgroundError, match=r"blurs the room.*--fused"):
        Pipeline(background="beach.jpg", model=FILES["blur"], provider="cpu")
    with pytest.raises(BackgroundError, match=r"replaces the background.*--fused --blur"):
        Pipeline(blur=20, model=FILES["picture"], provider="cpu")


def test_a_plain_model_is_no_fused_one(make_model: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="a fused model takes"):
        FusedModel(make_model(), provider="cpu")


class Failing:
    """A session that fails from its third run on, as CUDA does when memory runs out."""

    def __init__(self, session: object) -> None:
        self.session, self.runs = session, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.session, name)

    def run_with_iobinding(self, *arguments: object) -> None:
        self.runs += 1
        if self.runs > 2:
            raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of memory")
        self.session.run_with_iobinding(*arguments)  # type: ignore[attr-defined]


def failing_pipeline(provider: str, frame: U8) -> Pipeline:
    """A pipeline that believes to be on CUDA and loses it after two frames."""
    pipeline = Pipeline(background="#00ff00", model=FILES["picture"], provider="cpu", threads=1)
    pipeline._models.provider = provider
    pipeline(frame)
    pipeline.model.provider = "cuda"
    path = pipeline._path
    assert isinstance(path, CudaPath)
    path._session = Failing(path._session)
    pipeline(frame), pipeline(frame)
    return pipeline


def test_auto_does_the_frame_again_on_the_cpu_when_cuda_fails(demo_frames: list[U8]) -> None:
    pipeline = failing_pipeline("auto", demo_frames[0])
    composite = pipeline(demo_frames[1])
    assert pipeline.model.provider == "cpu" and "out of memory" in str(pipeline.model.fallback_reason)
    assert "out of memory" in str(pipeline.remark) and "going on on the CPU" in str(pipeline.remark)
    fresh = Pipeline(background="#00ff00", model=FILES["picture"], provider="cpu", threads=1)
    np.testing.assert_array_equal(composite, fresh(demo_frames[1]))


def test_where_the_cpu_fails_too_there_is_no_picture(
    demo_frames: list[U8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = failing_pipeline("auto", demo_frames[0])
    monkeypatch.setattr(nobody, "found", lambda _: None)  # it would be refused before its first frame
    pipeline._models.name = ruined(tmp_path, float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        pipeline(demo_frames[1])
    with pytest.raises(ModelError, match="no alpha yet"):
        _ = pipeline.alpha
    assert (pipeline.hidden(64, 36) == (0, 255, 0)).all()


def test_cuda_that_fails_at_its_first_run_is_said_and_replaced(demo_frames: list[U8]) -> None:
    """As when a library is missing that only a run needs."""
    pipeline = failing_pipeline("auto", demo_frames[0])
    pipeline.warm_up(demo_frames[0].shape[1], demo_frames[0].shape[0])
    assert pipeline.model.provider == "cpu" and "out of memory" in str(pipeline.remark)
    assert pipeline(demo_frames[1]).shape == demo_frames[1].shape


def test_a_file_of_one_effect_refuses_the_other_while_it_runs(demo_frames: list[U8]) -> None:
    pipeline = Pipeline(background="#00ff00", model=FILES["picture"], provider="cpu", threads=1)
    first = pipeline(demo_frames[0])
    with pytest.raises(BackgroundError, match="--fused --blur"):
        pipeline.change(blur=20)
    pipeline.reset()
    np.testing.assert_array_equal(pipeline(demo_frames[0]), first)


def test_cuda_that_was_asked_for_is_not_replaced(demo_frames: list[U8]) -> None:
    pipeline = failing_pipeline("cuda", demo_frames[0])
    for _ in range(2):
        with pytest.raises(ProviderError, match="out of memory"):
            pipeline(demo_frames[1])
