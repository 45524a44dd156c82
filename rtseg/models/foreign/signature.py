"""What an adapter says held against what a model takes and gives: every tensor named, typed and shaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32
from rtseg.errors import ModelError
from rtseg.models.foreign.adapter import Adapter

TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
PICTURE_TYPES = (np.uint8, np.float32, np.float16)
Shape = tuple[int | None, ...]  # None for a side that is open


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model."""

    name: str
    dtype: np.dtype[Any]
    shape: Shape

    @classmethod
    def of(cls, argument: Any) -> Tensor:
        """From onnxruntime's NodeArg; raises ModelError for what is no tensor of numbers."""
        if argument.type not in TYPES:
            raise ModelError(f"the model's {argument.name} is a {argument.type}, which an adapter can't describe")
        sides = tuple(s if isinstance(s, int) and s > 0 else None for s in argument.shape)
        return cls(argument.name, np.dtype(TYPES[argument.type]), sides)

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {'x'.join(str(s or '?') for s in self.shape) or 'number'}"

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape may be given."""
        return len(shape) == len(self.shape) and all(o in (None, s) for o, s in zip(self.shape, shape, strict=True))

    def filled(self, alpha: F32) -> NDArray[Any]:
        """alpha HxW as this tensor: one channel, in front or at the end."""
        last = self.shape[-1] == 1 and self.shape[1] != 1
        return (alpha[None, ..., None] if last else alpha[None, None]).astype(self.dtype, copy=False)


@dataclass(frozen=True)
class Signature:
    """The tensors of a model, each in the part that an adapter gives it."""

    image: str
    dtype: np.dtype[Any]  # of the image
    size: tuple[int, int] | None  # (width, height) where it is fixed
    previous: Tensor | None
    output: str
    output_layout: str
    states: Mapping[str, str]  # input -> output
    zeros: Mapping[str, NDArray[Any]]  # of the states
    constants: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, adapter: Adapter, inputs: Sequence[Any], outputs: Sequence[Any]) -> Signature:
        """From onnxruntime's lists of inputs and outputs; raises ModelError where the adapter does not fit."""
        match = Match(adapter, [Tensor.of(i) for i in inputs], [Tensor.of(o) for o in outputs if o.type in TYPES])
        image = match.image()
        result = cls(
            image=image.name,
            dtype=image.dtype,
            size=match.size(image),
            previous=match.previous(),
            output=match.output().name,
            output_layout=match.output_layout(),
            states={s.input: s.output for s in adapter.states},
            zeros=match.zeros(),
            constants=match.constants(),
        )
        match.nothing_left()
        return result

    def first_states(self) -> dict[str, NDArray[Any]]:
        """The states before the first frame."""
        return dict(self.zeros)


class Match:
    """The comparison itself: each method settles one part and raises ModelError where it does not fit."""

    def __init__(self, adapter: Adapter, inputs: list[Tensor], outputs: list[Tensor]) -> None:
        self.adapter, self.inputs, self.outputs = adapter, inputs, outputs
        self.used: list[str] = []

    def error(self, text: str) -> ModelError:
        return ModelError(f"{self.adapter.path}: {text}")

    def find(self, name: str | None, tensors: list[Tensor], key: str) -> Tensor:
        """The tensor of that name, or the only one where no name is given."""
        kind, have = ("inputs" if tensors is self.inputs else "outputs"), "; ".join(map(str, tensors))
        if name is None and len(tensors) == 1:
            name = tensors[0].name
        if name is None:
            raise self.error(f"{key} is missing, and the model has several {kind}: {have}")
        for tensor in tensors:
            if tensor.name == name:
                break
        else:
            raise self.error(f"{key} is {name!r}, which the model does not have; its {kind}: {have}")
        if tensors is self.inputs:
            if name in self.used:
                raise self.error(f"{key} is {name!r}, which another key names as well")
            self.used.append(name)
        return tensor

    def image(self) -> Tensor:
        spec = self.adapter.input
        open_inputs = {*self.adapter.constants, *(s.input for s in self.adapter.states), spec.previous_alpha}
        left = [t for t in self.inputs if t.name not in open_inputs]
        name = left[0].name if spec.name is None and len(left) == 1 else spec.name
        tensor = self.find(name, self.inputs, "[input] name")
        if tensor.dtype not in PICTURE_TYPES:
            raise self.error(f"the model's picture is {tensor}; an adapter can feed uint8, float32 or float16")
        channel = spec.layout.index("c")
        if len(tensor.shape) != 4 or tensor.shape[0] not in (None, 1) or tensor.shape[channel] not in (None, 3):
            raise self.error(
                f'[input] layout is "{spec.layout}", but the model takes {tensor}: expected one picture of three '
                f"channels, {'1x3xHxW' if channel == 1 else '1xHxWx3'}"
            )
        plain = spec.scale in (None, 1.0) and set(spec.mean) == {0.0} and set(spec.std) == {1.0}
        if tensor.dtype == np.uint8 and not plain:
            raise self.error(f"the model takes {tensor}, pixels as they are: leave out [input] scale, mean and std")
        if tensor.dtype != np.uint8 and spec.scale is None:
            raise self.error(
                f'[input] scale is missing: the model takes {tensor}. Give "1/255" for pixels of 0..1, 1 for 0..255'
            )
        return tensor

    def size(self, image: Tensor) -> tuple[int, int] | None:
        """(width, height), the model's own or the adapter's; None where the frame decides."""
        spec = self.adapter.input
        row = spec.layout.index("h")
        height, width = image.shape[row : row + 2]
        if (spec.size or (width and height)) and (spec.area or spec.multiple):
            raise self.error("[input] area and multiple are for a size that follows the frame; this one is fixed")
        if spec.size:
            if width not in (None, spec.size[0]) or height not in (None, spec.size[1]):
                given = f"{spec.size[0]}x{spec.size[1]}"
                raise self.error(f"[input] size is {given}, but the model takes {width or '?'}x{height or '?'}")
            return spec.size
        if width and height:
            return width, height
        if width or height:
            raise self.error(f'the model takes {image}, one side fixed: give [input] size = "WIDTHxHEIGHT"')
        if spec.area is None:
            raise self.error(
                f"the model takes {image}, any size: give [input] area in pixels (61440 is 320x192; the frame's shape "
                'is kept), or size = "WIDTHxHEIGHT" where it was trained on squashed pictures of one size'
            )
        return None

    def previous(self) -> Tensor | None:
        name = self.adapter.input.previous_alpha
        if name is None:
            return None
        tensor = self.find(name, self.inputs, "[input] previous_alpha")
        if len(tensor.shape) != 4 or 1 not in (tensor.shape[1], tensor.shape[3]):
            raise self.error(f"[input] previous_alpha is {tensor}; expected one channel, 1x1xHxW or 1xHxWx1")
        return tensor

    def output(self) -> Tensor:
        return self.find(self.adapter.output.name, self.outputs, "[output] name")

    def output_layout(self) -> str:
        tensor, layout = self.output(), self.adapter.output.layout or self.adapter.input.layout
        if tensor.shape and len(tensor.shape) != len(layout):  # onnxruntime gives () where a model does not say
            raise self.error(f'[output] layout is "{layout}", but the model gives {tensor}')
        return layout

    def zeros(self) -> dict[str, NDArray[Any]]:
        result = {}
        for state in self.adapter.states:
            taken = self.find(state.input, self.inputs, "[[states]] input")
            given = self.find(state.output, self.outputs, "[[states]] output")
            if taken.dtype != given.dtype:
                raise self.error(f"[[states]] can't feed {given} back as {taken}: another type")
            shape = state.shape or tuple(s or 0 for s in taken.shape)
            if 0 in shape:
                raise self.error(f"[[states]] shape is missing: the model takes {taken}; [1, 1, 1, 1] often works")
            if not taken.takes(shape):
                raise self.error(f"[[states]] shape is {list(shape)}, but the model takes {taken}")
            result[taken.name] = np.zeros(shape, taken.dtype)
        return result

    def constants(self) -> dict[str, NDArray[Any]]:
        result = {}
        for name, value in self.adapter.constants.items():
            tensor = self.find(name, self.inputs, "[constants]")
            if not tensor.takes(value.shape):
                raise self.error(f"[constants] {name} is of shape {list(value.shape)}, but the model takes {tensor}")
            with np.errstate(all="ignore"):
                result[name] = value.astype(tensor.dtype)
            whole = tensor.dtype.kind == "f" or (result[name] == value).all()
            if not whole or not np.isfinite(result[name]).all():
                raise self.error(f"[constants] {name} is {value.tolist()}, which {tensor} can't hold")
        return result

    def nothing_left(self) -> None:
        """Every input of the model is fed."""
        left = [str(t) for t in self.inputs if t.name not in self.used]
        if left:
            raise self.error(
                f"the model also takes {'; '.join(left)}: name each as a [[states]] input, in [constants] or as "
                "[input] previous_alpha"
            )
