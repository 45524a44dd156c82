"""An adapter file: how to feed an ONNX person segmenter that is not ours, and how to read its answer.

`selfie.toml` beside `selfie.onnx`; docs/foreign-models.md has every key and worked examples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from rtseg.arrays import F64
from rtseg.errors import ModelError
from rtseg.models.model import AREA_LIMITS
from rtseg.schema import Kind, Mistake, checked, choice, fitting, plain, read, table
from rtseg.texts import parse_toml, read_settings_text

Triple = tuple[float, float, float]
SIDE_LIMITS = (16, 4096)  # pixels
STATE_LIMIT = 2**26  # numbers in a state
MOST_SIDES = 8  # of a state's shape
LARGEST = 1e30  # of numbers; what is beyond is a slip, and float32 ends soon after


def number(value: Any, above: float = -LARGEST) -> float:
    """A number to reckon pixels with; true and false are none. Raises ValueError."""
    if type(value) not in (int, float) or not above < value < LARGEST:
        raise ValueError
    return float(value)


def fraction(value: Any) -> float:
    """A number above 0, or a fraction in quotes: 1/255 has no end in decimals. Raises ValueError."""
    if not isinstance(value, str):
        return number(value, above=0)
    above, _, below = value.partition("/")
    try:
        return number(float(above) / float(below or 1), above=0)
    except (ValueError, ZeroDivisionError, OverflowError) as e:
        raise ValueError from e


def triple(value: Any, above: float = -LARGEST) -> Triple:
    """One number for all three channels, or one for each. Raises ValueError."""
    numbers = [number(x, above) for x in (value if isinstance(value, list) else [value] * 3)]
    if len(numbers) != 3:
        raise ValueError
    return numbers[0], numbers[1], numbers[2]


def sides(value: Any) -> tuple[int, int]:
    """`256x144` as (256, 144). Raises ValueError."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", str(value))
    width, height = (int(side) for side in match.groups()) if match else (0, 0)
    if not SIDE_LIMITS[0] <= min(width, height) <= max(width, height) <= SIDE_LIMITS[1]:
        raise ValueError
    return width, height


def shape(value: Any) -> tuple[int, ...]:
    """Of a state's zeros. Raises ValueError."""
    whole = isinstance(value, list) and all(type(x) is int and 0 < x <= STATE_LIMIT for x in value)
    if not whole or len(value) > MOST_SIDES or math.prod(value) > STATE_LIMIT:
        raise ValueError
    return tuple(value)


def array(value: Any) -> F64:
    """A number or a (nested) list of numbers. Raises ValueError."""
    try:
        found = np.asarray(value)
    except ValueError as e:  # rows of different lengths
        raise ValueError from e
    if found.dtype.kind not in "biuf" or not found.size or not np.isfinite(found).all():
        raise ValueError
    return found.astype(np.float64)


def constants(values: dict[str, Any]) -> dict[str, F64]:
    """[constants]: tensor name -> what it always is. Raises Mistake."""
    return checked(values, dict.fromkeys(values, Kind("a number or a list of numbers", array)))


def state_list(values: Any) -> tuple[State, ...]:
    """[[states]], one table after the other. Raises ValueError, or Mistake in one of them."""
    if not isinstance(values, list):
        raise ValueError
    names = [f"[[states]] number {n}" for n in range(1, len(values) + 1)]
    kinds = {name: table(f"{name}:", partial(read, State)) for name in names}
    return tuple(checked(dict(zip(names, values, strict=True)), kinds).values())


IN_THREES = "a number{0} or three{0}, in the order of the model's colours"
TEXT = fitting("a text in quotes", lambda value: isinstance(value, str) and value.isprintable() and bool(value.strip()))
TENSOR = replace(TEXT, says="the name of a tensor")
FRACTION = Kind('a number above 0 or a fraction in quotes such as "1/255"', fraction)
MEAN = Kind(IN_THREES.format(""), triple)
STD = Kind(IN_THREES.format(" above 0"), partial(triple, above=0))
SIZE = Kind('"WIDTHxHEIGHT" such as "256x144", sides {} to {}'.format(*SIDE_LIMITS), sides)
SHAPE = Kind("a list of whole numbers such as [1, 1, 1, 1]", shape)
STATES = Kind("one [[states]] table, double brackets, for each state", state_list)


@dataclass(frozen=True)
class Input:
    """[input]: the picture. A pixel becomes (value * scale - mean) / std, channel by channel."""

    layout: Annotated[str, choice("nchw", "nhwc")]
    colour_order: Annotated[str, choice("rgb", "bgr")]
    name: Annotated[str | None, TENSOR] = None  # None for the only one
    scale: Annotated[float | None, FRACTION] = None  # None for a model that takes uint8
    mean: Annotated[Triple, MEAN] = (0.0, 0.0, 0.0)  # in the model's colour order, like std
    std: Annotated[Triple, STD] = (1.0, 1.0, 1.0)
    size: Annotated[tuple[int, int] | None, SIZE] = None  # (width, height), where the model itself leaves it open
    multiple: Annotated[int | None, plain(int, 1, 256)] = None  # of both sides, where the frame's shape is kept; or 32
    area: Annotated[int | None, plain(int, *AREA_LIMITS)] = None  # pixels, where the frame's shape is kept
    previous_alpha: Annotated[str | None, TENSOR] = None  # that takes the alpha of the frame before


@dataclass(frozen=True)
class Output:
    """[output]: the map of persons."""

    activation: Annotated[str, choice("none", "sigmoid", "softmax")]  # that is still to be applied
    name: Annotated[str | None, TENSOR] = None  # None for the only one
    layout: Annotated[str | None, choice("nchw", "nhwc", "nhw")] = None  # None for the input's
    channel: Annotated[int | None, plain(int, 0, 1023)] = None  # None where there is only one
    invert: Annotated[bool, plain(bool)] = False  # the channel says where nobody is


@dataclass(frozen=True)
class State:
    """[[states]]: an output that comes back as an input with the next frame; zeros at first."""

    input: Annotated[str, TENSOR]
    output: Annotated[str, TENSOR]
    shape: Annotated[tuple[int, ...] | None, SHAPE] = None  # of the zeros; None for the model's own


@dataclass(frozen=True)
class Adapter:
    """A whole adapter file; its names are not yet compared with a model's."""

    path: Path
    input: Annotated[Input, table("[input]", partial(read, Input))]
    output: Annotated[Output, table("[output]", partial(read, Output))]
    states: Annotated[tuple[State, ...], STATES] = ()
    constants: Annotated[Mapping[str, F64], table("[constants]", constants)] = field(default_factory=dict)
    name: Annotated[str, TEXT] = ""  # the file's
    version: Annotated[str, TEXT] = "foreign"
    terms: Annotated[str, TEXT] = "not stated"  # of the weights or their training data
    demo_check: Annotated[bool, plain(bool)] = True  # the net has to find the person in the bundled clip


def read_adapter(path: Path) -> Adapter:
    """Read and check an adapter file; raises ModelError that names the table, the key and its value."""
    try:
        values = parse_toml(read_settings_text(path))
    except (OSError, ValueError) as e:
        raise ModelError(f"{path} is not a readable adapter file: {e}") from e
    try:
        adapter = read(Adapter, values, path=path)
    except Mistake as e:
        raise ModelError(f"{path}: {e} (docs/foreign-models.md)") from e
    return adapter if adapter.name else replace(adapter, name=path.stem)
