"""Models that are not ours, through adapter files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from onnx import helper

import foreign_nets
from foreign_nets import BYTE, FLOAT, HALF, change, echo, save
from rtseg import Pipeline
from rtseg.arrays import F32, U8
from rtseg.errors import ModelError
from rtseg.models.foreign.adapter import Output
from rtseg.models.foreign.model import ForeignModel, channels_first
from rtseg.models.foreign.model import person as person_of
from rtseg.models.model import Model
from rtseg.models.networks import open_network
from test_cli import rtseg


@pytest.fixture
def fixed(tmp_path: Path, person: F32) -> Path:
    return foreign_nets.fixed(tmp_path, person)


@pytest.fixture
def dynamic(tmp_path: Path, person: F32) -> Path:
    return foreign_nets.dynamic(tmp_path, person)


@pytest.fixture
def recurrent(tmp_path: Path, person: F32) -> Path:
    return foreign_nets.recurrent(tmp_path, person)


def load(path: Path) -> ForeignModel:
    model = open_network(path, effect="picture", provider="cpu", threads=1)
    assert isinstance(model, ForeignModel)
    return model


@pytest.mark.usefixtures("unchecked")  # they see the demo's person in every picture
@pytest.mark.parametrize("kind", ["fixed", "dynamic", "recurrent"])
def test_a_foreign_model_replaces_the_background(
    kind: str, request: pytest.FixtureRequest, demo_frames: list[U8], person: F32
) -> None:
    pipeline = Pipeline(background="#00ff00", model=request.getfixturevalue(kind), provider="cpu", threads=1)
    frame = demo_frames[0]
    for _ in range(4):
        out = pipeline(frame)
    assert (out[:100, :100] == (0, 255, 0)).all()
    assert np.abs(out[220:240, 300:320].astype(int) - frame[220:240, 300:320]).max() <= 2
    expected = cv2.resize(person, frame.shape[1::-1]) > 0.5
    assert ((pipeline.alpha > 0.5) == expected).mean() > 0.98


def test_it_says_what_it_is(fixed: Path, dynamic: Path) -> None:
    model = load(fixed)
    assert (model.info.name, model.info.precision, model.info.terms) == ("by heart", "fp32", "not stated")
    assert (model.path, model.provider, model.threads) == (fixed, "cpu", 1)
    assert load(dynamic).info.name == "dynamic"


def test_sizes(fixed: Path, dynamic: Path) -> None:
    assert load(fixed).size_for(1280, 720, 40_000) == (80, 48)  # its own, whatever is asked
    model = load(dynamic)
    assert model.size_for(1280, 720, 9216) == (128, 80)
    w, h = model.size_for(360, 640, 9216)
    assert h > w and not w % 16 and not h % 16
    change(dynamic, "multiple = 16\narea = 9216", 'size = "96x64"')
    assert load(dynamic).size_for(360, 640, 9216) == (96, 64)


def test_states_last_from_frame_to_frame_until_reset(recurrent: Path, demo_frames: list[U8]) -> None:
    model = load(recurrent)
    frame, nothing = cv2.resize(demo_frames[0], (160, 96)), np.zeros((96, 160), np.float32)
    tops = [float(model.run(frame, nothing).max()) for _ in range(3)]
    np.testing.assert_allclose(tops, [0.5, 0.75, 0.875], atol=0.02)
    model.reset()
    assert float(model.run(frame, nothing).max()) == tops[0]


def test_previous_alpha_is_fed(tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", ["before"], ["y"]), helper.make_node("Identity", ["x"], ["z"])]
    adapter = 'demo_check = false\n[input]\nname = "x"\nlayout = "nhwc"\ncolour_order = "bgr"\nscale = 1\narea = 9216\n'
    adapter += 'previous_alpha = "before"\n[output]\nname = "y"\nactivation = "none"\n'
    picture, alpha = [1, "h", "w", 3], [1, "h", "w", 1]
    shapes: Any = (
        [("x", FLOAT, picture), ("before", HALF, alpha)],
        [("y", HALF, alpha), ("z", FLOAT, picture)],
    )
    model = load(save(tmp_path / "p.onnx", *shapes, nodes, {}, adapter))
    before = np.linspace(0, 1, 64 * 96, dtype=np.float32).reshape(64, 96)
    np.testing.assert_allclose(model.run(np.zeros((64, 96, 3), np.uint8), before), before, atol=1e-3)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("dtype", [FLOAT, HALF, BYTE])
@pytest.mark.parametrize(("order", "channel", "invert"), [("rgb", 0, False), ("bgr", 0, False), ("rgb", 1, True)])
def test_the_picture_arrives_as_the_adapter_says(
    tmp_path: Path, layout: str, dtype: int, order: str, channel: int, invert: bool
) -> None:
    mean, std = ([0.0] * 3, [1.0] * 3) if dtype == BYTE else ([-0.1, -0.2, -0.3], [2.0, 4.0, 8.0])
    scaling = "" if dtype == BYTE else f'scale = "1/255"\nmean = {mean}\nstd = {std}\n'
    adapter = f'demo_check = false\n[input]\nlayout = "{layout}"\ncolour_order = "{order}"\n{scaling}area = 9216\n'
    adapter += f'[output]\nactivation = "none"\nchannel = {channel}\ninvert = {str(invert).lower()}\n'
    model = load(echo(tmp_path / "echo.onnx", dtype, layout, adapter))
    frame = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    colour = frame[..., channel if order == "bgr" else 2 - channel] / 255
    expected = (colour - mean[channel]) / std[channel]
    alpha = model.run(frame, np.zeros((64, 96), np.float32))
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha, 1 - expected if invert else expected, atol=1e-3)


@pytest.mark.parametrize(("activation", "channel"), [("none", 0.75), ("sigmoid", np.log(3)), ("softmax", np.log(3))])
@pytest.mark.parametrize("invert", [False, True])
def test_an_alpha_by_hand(activation: str, channel: float, invert: bool) -> None:
    maps = np.zeros((2, 3, 4), np.float32)
    maps[1] = channel
    alpha = person_of(maps, Output(activation, channel=1, invert=invert))
    assert alpha.dtype == np.float32 and alpha.shape == (3, 4)
    np.testing.assert_allclose(alpha, 0.25 if invert else 0.75, rtol=1e-6)


@pytest.mark.parametrize(
    ("height", "width", "fits"), [(24, 32, True), (25, 31, True), (32, 24, False), (96, 96, False)]
)
def test_a_picture_on_its_side_is_no_answer(fixed: Path, height: int, width: int, fits: bool) -> None:
    """To one of 64x48: an output may be smaller, and rounded, but not of another shape."""
    raw = np.zeros((1, 1, height, width), np.float32)
    with nullcontext() if fits else pytest.raises(ModelError, match=f"that is {width}x{height} for an input of 64x48"):
        assert channels_first(raw, "nchw", (48, 64), load(fixed).adapter).shape == (1, height, width)


def test_a_net_for_other_pictures_may_be_let_in(fixed: Path) -> None:
    change(fixed, 'name = "by heart"', "demo_check = false")
    assert load(change(fixed, '"sigmoid"', '"sigmoid"\ninvert = true')).info.name == "fixed"


@pytest.mark.usefixtures("unchecked")  # they see the demo's person in every picture
@pytest.mark.parametrize(("step", "share"), [(0.3, 1), (1e38, 0)], ids=["more than 1", "nan"])
def test_what_is_no_alpha_later_on_is_an_error_then(tmp_path: Path, step: float, share: float) -> None:
    """0.3 a frame more; or 0 times what grows beyond all numbers, which is 0 and then NaN."""
    nodes = [helper.make_node("Add", ["s", "step"], ["t"]), helper.make_node("Mul", ["t", "share"], ["t0"])]
    nodes.append(helper.make_node("Add", ["t0", "x0"], ["y"]))
    nodes.insert(0, helper.make_node("ReduceMean", ["x"], ["x1"], axes=[1], keepdims=1))
    nodes.insert(1, helper.make_node("Mul", ["x1", "none"], ["x0"]))
    adapter = 'demo_check = false\n[input]\nname = "x"\nlayout = "nchw"\ncolour_order = "rgb"\nscale = 1\n'
    adapter += '[output]\nname = "y"\nactivation = "none"\n[[states]]\ninput = "s"\noutput = "t"\n'
    shapes: Any = [("x", FLOAT, [1, 3, 48, 80]), ("s", FLOAT, [1, 1, 1, 1])], [("y", FLOAT, [1, 1, 48, 80])]
    shapes[1].append(("t", FLOAT, [1, 1, 1, 1]))
    constants = {"step": np.float32(step), "share": np.float32(share), "none": np.float32(0)}
    pipeline = Pipeline(model=save(tmp_path / "s.onnx", *shapes, nodes, constants, adapter), provider="cpu", threads=1)
    frame = np.full((90, 160, 3), 90, np.uint8)
    for _ in range(3):
        pipeline(frame)
    with pytest.raises(ModelError, match=r"outside 0\.\.1"):
        pipeline(frame)
    pipeline(frame)  # from the start again


def test_our_own_file_needs_no_adapter(make_model: Callable[..., Path]) -> None:
    path = make_model()
    path.with_suffix(".toml").write_text("nonsense")
    assert isinstance(open_network(path, effect="blur", provider="cpu"), Model)
    assert isinstance(open_network("fast", effect="blur", provider="cpu"), Model)


def test_without_an_adapter_both_ways_are_said(fixed: Path) -> None:
    fixed.with_suffix(".toml").unlink()
    with pytest.raises(ModelError, match=r"rtseg export.*fixed\.toml beside it \(docs/foreign-models\.md\)"):
        open_network(fixed, effect="blur", provider="cpu")


def test_apply_takes_a_foreign_model(recurrent: Path, demo_frames: list[U8]) -> None:
    cv2.imwrite("in.png", demo_frames[0])
    rtseg("apply", "in.png", "--out", "out.png", "--bg", "#00ff00", "--model", str(recurrent), "--provider", "cpu")
    out = cv2.imread("out.png")
    assert out is not None and (out[:100, :100] == (0, 255, 0)).all() and (out[230, 310] != (0, 255, 0)).any()
