"""What can be chosen, by name: colours, and the lists of backgrounds and models."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from rtseg.backgrounds.background import load_background
from rtseg.backgrounds.colour import colour, is_plain
from rtseg.backgrounds.opening import open_background
from rtseg.commands.listings import backgrounds, models
from rtseg.errors import BackgroundError


@pytest.mark.parametrize(
    ("text", "bgr"),
    [("red", (0, 0, 255)), ("Navy", (128, 0, 0)), ("whitesmoke", (245, 245, 245)), ("#0f8", (136, 255, 0))],
)
def test_colours_have_names(text: str, bgr: tuple[int, int, int]) -> None:
    np.testing.assert_array_equal(load_background(text), [[bgr]])
    np.testing.assert_array_equal(open_background(text).at(None, 4, 2), np.full((2, 4, 3), bgr, np.uint8))
    assert is_plain(text)


def test_a_file_of_that_name_comes_first() -> None:
    cv2.imwrite("red.png", np.full((4, 6, 3), (1, 2, 3), np.uint8))
    Path("red.png").rename("red")
    assert colour("red") is None and load_background("red").shape == (4, 6, 3)


def test_what_is_no_colour_is_told_that_there_are_names() -> None:
    with pytest.raises(BackgroundError, match=r"colour .#rrggbb or its name"):
        load_background("no-colour-at-all")


def said(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_backgrounds_are_listed_and_can_be_used(console: Console) -> None:
    backgrounds(console, Path("b.json"))
    shipped = json.loads(Path("b.json").read_text())["shipped"]
    assert "beach.jpg" in shipped and all(f"{name}\n" in said(console) for name in shipped)
    for name in shipped:
        open_background(name)


def test_models_are_listed_with_those_in_this_folder(console: Console) -> None:
    Path("my net.onnx").touch()
    models(console, Path("m.json"))
    found = json.loads(Path("m.json").read_text())
    assert [m["name"] for m in found["shipped"]] == ["quality", "balanced", "fast"]
    assert found["here"] == ["my net.onnx"]
    assert "int8" in said(console) and "rtseg cam --model 'my net.onnx'" in said(console)
