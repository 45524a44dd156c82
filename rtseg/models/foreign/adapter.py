"""An adapter file: how to feed an ONNX person segmenter that is not ours, and how to read its answer.

`selfie.toml` beside `selfie.onnx`; docs/foreign-models.md has every key and worked examples.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeGuard

import numpy as np

from rtseg.arrays import F64
from rtseg.errors import ModelError
from rtseg.models.model import AREA_LIMITS
from rtseg.texts import parse_toml, read_settings_text

Triple = tuple[float, float, float]
SIDE_LIMITS = (16, 4096)  # pixels
STATE_LIMIT = 2**26  # numbers in a state
MOST_SIDES = 8  # of a state's shape
LARGEST = 1e30  # of numbers; what is beyond is a slip, and float32 ends soon after
LONGEST = 200  # letters of a value that an error repeats


@dataclass(frozen=True)
class Input:
    """[input]: the picture. A pixel becomes (value * scale - mean) / std, channel by channel."""

    layout: str  # nchw or nhwc
    colour_order: str  # rgb or bgr
    name: str | None  # of the tensor; None for the only one
    scale: float | None  # None for a model that takes uint8
    mean: Triple  # in the model's colour order, like std
    std: Triple
    size: tuple[int, int] | None  # (width, height), where the model itself leaves it open
    multiple: int | None  # of which both sides are, where the frame's shape is kept; None for 32
    area: int | None  # pixels, where the frame's shape is kept
    previous_alpha: str | None  # tensor that takes the alpha of the frame before


@dataclass(frozen=True)
class Output:
    """[output]: the map of persons."""

    activation: str  # that is still to be applied: none, sigmoid or softmax
    name: str | None  # of the tensor; None for the only one
    layout: str | None  # nchw, nhwc or nhw; None for the input's
    channel: int | None  # None where there is only one
    invert: bool  # the channel says where nobody is


@dataclass(frozen=True)
class State:
    """[[states]]: an output that comes back as an input with the next frame; zeros at first."""

    input: str
    output: str
    shape: tuple[int, ...] | None  # of the zeros; None for the model's own


@dataclass(frozen=True)
class Adapter:
    """A whole adapter file; its names are not yet compared with a model's."""

    path: Path
    name: str
    version: str
    terms: str  # of the weights or their training data
    demo_check: bool  # the net has to find the person in the bundled clip
    input: Input
    output: Output
    states: tuple[State, ...]
    constants: Mapping[str, F64]


def read_adapter(path: Path) -> Adapter:
    """Read and check an adapter file; raises ModelError that names the table, the key and its value."""
    try:
        values = parse_toml(read_settings_text(path))
    except (OSError, ValueError) as e:
        raise ModelError(f"{path} is not a readable adapter file: {e}") from e
    top = Table(values, path, "", (f.name for f in fields(Adapter) if f.name != "path"))
    states = values.get("states", [])
    if not isinstance(states, list):
        raise top.wrong("states", "one [[states]] table, double brackets, for each state")
    return Adapter(
        path=path,
        name=top.text("name") or path.stem,
        version=top.text("version") or "foreign",
        terms=top.text("terms") or "not stated",
        demo_check=top.flag("demo_check", True),
        input=read_input(Table(values.get("input", {}), path, "[input] ", (f.name for f in fields(Input)))),
        output=read_output(Table(values.get("output", {}), path, "[output] ", (f.name for f in fields(Output)))),
        states=tuple(
            read_state(Table(s, path, f"[[states]] number {n}: ", (f.name for f in fields(State))))
            for n, s in enumerate(states, 1)
        ),
        constants=read_constants(values.get("constants", {}), path),
    )


def read_input(table: Table) -> Input:
    return Input(
        layout=table.choice("layout", ("nchw", "nhwc")),
        colour_order=table.choice("colour_order", ("rgb", "bgr")),
        name=table.text("name"),
        scale=table.scale("scale"),
        mean=table.triple("mean", 0.0),
        std=table.triple("std", 1.0, positive=True),
        size=table.size("size"),
        multiple=table.whole("multiple", (1, 256)),
        area=table.whole("area", AREA_LIMITS),
        previous_alpha=table.text("previous_alpha"),
    )


def read_output(table: Table) -> Output:
    return Output(
        activation=table.choice("activation", ("none", "sigmoid", "softmax")),
        name=table.text("name"),
        layout=table.choice("layout", ("nchw", "nhwc", "nhw")) if "layout" in table.values else None,
        channel=table.whole("channel", (0, 1023)),
        invert=table.flag("invert", False),
    )


def read_state(table: Table) -> State:
    names = {key: table.text(key) for key in ("input", "output")}
    for key, name in names.items():
        if name is None:
            raise table.wrong(key, "the name of a tensor")
    shape = table.values.get("shape")
    if shape is not None:
        sides = isinstance(shape, list) and all(type(x) is int and 0 < x <= STATE_LIMIT for x in shape)
        if not sides or len(shape) > MOST_SIDES or math.prod(shape) > STATE_LIMIT:
            raise table.wrong("shape", "a list of whole numbers such as [1, 1, 1, 1]")
    return State(str(names["input"]), str(names["output"]), None if shape is None else tuple(shape))


def read_constants(values: object, path: Path) -> dict[str, F64]:
    """Tensor name -> number or (nested) list of numbers."""
    table = Table(values, path, "[constants] ", None)
    constants = {}
    for name, value in table.values.items():
        try:
            array = np.asarray(value)
        except ValueError:  # rows of different lengths
            array = np.empty(0, object)
        if array.dtype.kind not in "biuf" or not array.size or not np.isfinite(array).all():
            raise table.wrong(name, "a number or a list of numbers")
        constants[name] = array.astype(np.float64)
    return constants


class Table:
    """One table of an adapter file: hands out checked values; its errors name file, table, key and value."""

    def __init__(self, values: object, path: Path, where: str, keys: Iterable[str] | None) -> None:
        if not isinstance(values, dict):
            raise ModelError(f"{path}: {where.strip(' :')} is {shown(values)}, expected a table of keys")
        self.values, self.path, self.where = values, path, where
        known = sorted(values if keys is None else keys)
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                raise ModelError(f"{path}: {where}{key} is not known; {advice} (docs/foreign-models.md)")

    def wrong(self, key: str, expected: str) -> ModelError:
        """The error for a value that is missing or no good."""
        found = f"is {shown(self.values[key])}" if key in self.values else "is missing"
        return ModelError(f"{self.path}: {self.where}{key} {found}; give {expected}")

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and (not isinstance(value, str) or not value.isprintable() or not value.strip()):
            raise self.wrong(key, "a text in quotes")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.values.get(key)
        if value not in choices:
            raise self.wrong(key, " or ".join(f'"{c}"' for c in choices))
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def whole(self, key: str, limits: tuple[int, int]) -> int | None:
        value = self.values.get(key)
        if value is not None and (type(value) is not int or not limits[0] <= value <= limits[1]):
            raise self.wrong(key, f"a whole number, {limits[0]} to {limits[1]}")
        return value

    def scale(self, key: str) -> float | None:
        """A number above 0, or a fraction in quotes: 1/255 has no end in decimals."""
        value = self.values.get(key)
        if value is None:
            return None
        try:
            above, _, below = value.partition("/") if isinstance(value, str) else (value, "", "")
            number: object = float(above) / float(below or 1) if isinstance(value, str) else value
        except (ValueError, ZeroDivisionError, OverflowError):
            number = None
        if not is_number(number) or number <= 0:
            raise self.wrong(key, 'a number above 0 or a fraction in quotes such as "1/255"')
        return float(number)

    def triple(self, key: str, default: float, positive: bool = False) -> Triple:
        """One number for all three channels, or one for each."""
        value = self.values.get(key, default)
        numbers = value if isinstance(value, list) else [value] * 3
        if len(numbers) != 3 or not all(is_number(x) and (x > 0 or not positive) for x in numbers):
            above = " above 0" * positive
            raise self.wrong(key, f"a number{above} or three{above}, in the order of the model's colours")
        return float(numbers[0]), float(numbers[1]), float(numbers[2])

    def size(self, key: str) -> tuple[int, int] | None:
        if key not in self.values:
            return None
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", str(self.values[key]))
        sides = [int(x) for x in match.groups()] if match else [0]
        if not SIDE_LIMITS[0] <= min(sides) <= max(sides) <= SIDE_LIMITS[1]:
            low, high = SIDE_LIMITS
            raise self.wrong(key, f'"WIDTHxHEIGHT" such as "256x144", sides {low} to {high}')
        return sides[0], sides[1]


def is_number(value: object) -> TypeGuard[float]:
    """A finite number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST < value < LARGEST


def shown(value: object) -> str:
    """A value as it is written, without its middle when it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write out numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}...{text[-LONGEST // 2 :]}"
