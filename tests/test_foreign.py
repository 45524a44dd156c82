"""Models that are not ours, through adapter files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from onnx import helper

import foreign_nets
from foreign_nets import BYTE, FLOAT, HALF, echo, probabilities, save
from rtseg import Pipeline
from rtseg.arrays import F32, U8
from rtseg.errors import ModelError
from rtseg.models.foreign.model import ForeignModel
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


def change(model: Path, old: str, new: str) -> Path:
    """The model with another adapter."""
    text = model.with_suffix(".toml").read_text()
    assert old in text
    model.with_suffix(".toml").write_text(text.replace(old, new, 1))
    return model


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


WRONG = [
    ("fixed", '"nhwc"', '"nchw"', r"takes x float32 1x48x80x3: expected .* 1x3xHxW"),
    ("fixed", '"nhwc"', '"hwc"', r'layout is .hwc.; give "nchw" or "nhwc"'),
    ("fixed", '"rgb"', '"grb"', r"colour_order is .grb."),
    ("fixed", 'scale = "1/255"', "", r"scale is missing: the model takes x float32"),
    ("fixed", '"1/255"', '"1/0"', r'scale is "1/0"'),
    ("fixed", '"1/255"', "nan", r"scale is nan"),
    ("fixed", '"1/255"', '"1e999999999"', r'scale is "1e999999999"'),
    ("fixed", '"1/255"', '"1/1e999999999"', r'scale is "1/1e999999999"'),
    ("fixed", '"1/255"', "1" + "0" * 400, r"scale is 1000\d*\.\.\.0*; give"),
    ("fixed", '"1/255"', "0x" + "f" * 9999, r"scale is a number of thousands of digits"),
    ("fixed", '"1/255"', '"1/255"\nmean = ' + "[" * 40 + "1" + "]" * 40, r"not a readable adapter file: it nests"),
    ("fixed", '"1/255"', '"1/255"\nmean = ' + "[" * 99_999, r"not a readable adapter file: it nests"),
    ("fixed", '"1/255"', '"1/255"\nmean' + ".a" * 99_999 + " = 1", r"not a readable adapter file: .* parts"),
    ("recurrent", "[1, 1, 1, 1]", f"[{'2, ' * 99_999}1]", r"shape is \[2, 2.*\.\.\..*give a list"),
    ("fixed", '"1/255"', "1", r"overlap \d\d%.* With scale = .1/255., mean = 0, std = 1 it does"),
    ("fixed", '"1/255"', '"1/65025"', r"does not find the person.* With scale = .1/255."),
    ("fixed", '"1/255"', '"1/255"\nmean = [0.5, 0.5]', r"mean is \[0.5, 0.5\]; give a number or three"),
    ("fixed", '"1/255"', '"1/255"\nstd = 0', r"std is 0; give a number above 0"),
    ("fixed", '"1/255"', '"1/255"\nmaen = 1', r"\[input\] maen is not known; did you mean mean\?"),
    ("fixed", '"1/255"', '"1/255"\nname = "image"', r"name is 'image'.*its inputs: x float32 1x48x80x3"),
    ("fixed", '"1/255"', '"1/255"\nsize = "48x80"', r"size is 48x80, but the model takes 80x48"),
    ("fixed", '"1/255"', '"1/255"\narea = 9216', r"area and multiple .* this one is fixed"),
    ("fixed", '"sigmoid"', '"none"', r'goes from .* not 0 to 1; try "sigmoid"'),
    ("fixed", '"sigmoid"', '"softmax"', r'has one channel; give "sigmoid"'),
    ("fixed", '"sigmoid"', '"relu"', r'activation is "relu"'),
    ("fixed", '"sigmoid"', '"sigmoid"\nchannel = 1', r"has 1 channel; \[output\] channel is 1"),
    ("fixed", '"sigmoid"', '"sigmoid"\nlayout = "nchw"', r"that is 1x80 for an input of 80x48"),
    ("fixed", '"sigmoid"', '"sigmoid"\nlayout = "nhw"', r"the model gives y float32 1x48x80x1"),
    ("fixed", '"sigmoid"', '"sigmoid"\ninvert = true', r"With invert = false it does"),
    ("fixed", '"sigmoid"', '"sigmoid"\nname = "z"', r"\[output\] name is 'z'.*its outputs: y float32"),
    ("fixed", "[input]", "[imput]", r"imput is not known; did you mean input"),
    ("fixed", 'name = "by heart"', "name = 3", r"name is 3; give a text"),
    ("fixed", 'name = "by heart"', "demo_check = 1", r"demo_check is 1; give true or false"),
    ("fixed", 'name = "by heart"', "name = ", r"not a readable adapter file"),
    ("fixed", 'name = "by heart"', "states = 1", r"states is 1; give one \[\[states\]\]"),
    ("dynamic", "channel = 1", "", r"has 2 channels; say .* which channel"),
    ("dynamic", "channel = 1", "channel = 2", r"has 2 channels; \[output\] channel is 2"),
    ("dynamic", "channel = 1", "channel = 0", r"With invert = true it does"),
    ("dynamic", '"softmax"', '"none"', r'try "softmax"'),
    ("dynamic", "area = 9216", "", r"takes x float32 1x3x\?x\?, any size: give \[input\] area"),
    ("dynamic", "area = 9216", "area = 5", r"area is 5; give a whole number"),
    ("dynamic", "area = 9216", 'size = "9"', r'size is "9"; give "WIDTHxHEIGHT"'),
    ("recurrent", '"pha"', '"fgr"', r"has 3 channels; say"),
    ("recurrent", 'name = "pha"\n', "", r"name is missing, and the model has several outputs: fgr"),
    ("recurrent", '"r1o"', '"r2o"', r"\[\[states\]\] output is 'r2o'.*fgr float32.*r1o"),
    ("recurrent", '"r1i"', '"src"', r"input is 'src', which another key names"),
    ("recurrent", "shape = [1, 1, 1, 1]", "", r"shape is missing: the model takes r1i float32 1x1x\?x\?"),
    ("recurrent", "[1, 1, 1, 1]", "[1, 2, 1, 1]", r"shape is \[1, 2, 1, 1\], but the model takes r1i"),
    ("fixed", "[input]", "[[input]]", r"input is \[\{layout = .*; give the table \[input\]"),
    ("recurrent", 'input = "r1i"', "", r"\[\[states\]\] number 1: input is missing; give the name of a tensor"),
    ("recurrent", "[1, 1, 1, 1]", "[1, 1.5]", r"number 1: shape is \[1, 1.5\]; give a list of whole numbers"),
    ("recurrent", "[constants]\ndownsample_ratio = [1.0]", "", r"also takes downsample_ratio float32 1: name each"),
    ("recurrent", "= [1.0]", "= 1.0", r"downsample_ratio is of shape \[\], but the model takes"),
    ("recurrent", "= [1.0]", '= ["1.0"]', r'\[constants\] downsample_ratio is \["1.0"\]; give a number'),
]


@pytest.mark.parametrize(("kind", "old", "new", "words"), WRONG)
def test_a_wrong_adapter_is_refused(kind: str, old: str, new: str, words: str, request: pytest.FixtureRequest) -> None:
    model = change(request.getfixturevalue(kind), old, new)
    with pytest.raises(ModelError, match=words) as error:
        Pipeline(model=model, provider="cpu", threads=1)
    assert str(error.value).startswith(str(model.with_suffix(".toml")))


@pytest.mark.parametrize(
    ("value", "activation", "words"),
    [
        (0.5, "softmax", "add up to 1 already"),
        (0.7, "sigmoid", "in 0..1 already"),
        (float("nan"), "softmax", "not finite"),
        (200.0, "none", r"goes from 200 to 200, .*look at \[output\] name"),
        (0.7, "none", r"overlap .* Look at \[input\] scale"),  # the same whatever the frame
    ],
)
def test_output_that_can_not_be_right_is_refused(tmp_path: Path, value: float, activation: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        load(probabilities(tmp_path / "m.onnx", value, activation))


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
