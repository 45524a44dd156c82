"""Adapters that are wrong: each mistake is refused, with the file, the key, its value and what to give."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest

import foreign_nets
from foreign_nets import change, probabilities
from rtseg import Pipeline
from rtseg.arrays import F32
from rtseg.errors import ModelError
from test_foreign import load

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
    ("recurrent", '"r1o"', '"fgr"', r"does not fit: inference failed on cpu"),  # with its second frame
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
def test_a_wrong_adapter_is_refused(kind: str, old: str, new: str, words: str, tmp_path: Path, person: F32) -> None:
    model = change(getattr(foreign_nets, kind)(tmp_path, person), old, new)
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


@pytest.mark.parametrize(("grown", "found"), [(3, True), (9, False)])
def test_the_person_has_to_be_about_where_ours_is(tmp_path: Path, person: F32, grown: int, found: bool) -> None:
    """By 0.85 of both together: a net that is fed 0..255 in place of 0..1 may still see 0.78."""
    wide = np.asarray(cv2.dilate(person, np.ones((grown, grown))), np.float32)
    overlap = (person > 0.5).sum() / (wide > 0.5).sum()
    assert (overlap > 0.87) if found else (0.6 < overlap < 0.83)
    model = foreign_nets.dynamic(tmp_path, wide)
    with nullcontext() if found else pytest.raises(ModelError, match="overlap"):
        load(model)
