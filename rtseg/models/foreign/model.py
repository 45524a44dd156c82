"""ONNX person segmenters that are not ours, described by an adapter file, in the place of an rtseg model."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32, U8, f32
from rtseg.errors import ModelError
from rtseg.models.foreign.adapter import Adapter, Input, Output, read_adapter
from rtseg.models.foreign.signature import Signature
from rtseg.models.model import ModelInfo, require_alpha
from rtseg.models.session import Session, plain
from rtseg.pixels.geometry import STRIDE, network_size

PRECISIONS = {"float32": "fp32", "float16": "fp16", "uint8": "uint8"}  # by what the input takes
SKEW = 1.25  # of the output's shape against the input's: more is a wrong layout, not rounding


class ForeignModel:
    """A loaded model of somebody else's; a `Network` like `Model`.

    It is never shown a box of the frame: its states may be of one size, or it may know whole frames alone.

    Args:
        session: of the model file.
        adapter: what it takes and gives.

    Raises ModelError where the adapter does not fit the model. What comes out is not looked at before `probe` does.
    """

    effect = None
    follows = False

    def __init__(self, session: Session, adapter: Adapter) -> None:
        self.path, self.provider, self.threads = session.path, session.provider, session.threads
        self.fallback_reason = session.fallback_reason
        self._session = session.ort
        self.signature = Signature.of(adapter, session.ort.get_inputs(), session.ort.get_outputs())
        self.static, self.remembers = self.signature.size, bool(self.signature.states)
        self.use(adapter)
        width, height = self.static or (0, 0)
        self.info = ModelInfo(
            name=adapter.name,
            version=adapter.version,
            area=width * height or adapter.input.area or 0,
            precision=PRECISIONS[self.signature.dtype.name],
            training_data="not stated",
            terms=adapter.terms,
            scores={},
            revision="",
        )

    @staticmethod
    def fits(session: Session) -> bool:
        """Whether the file has an adapter and is not ours."""
        ours = any(key.startswith("rtseg.") for key in session.ort.get_modelmeta().custom_metadata_map)
        return not ours and session.path.with_suffix(".toml").is_file()

    @classmethod
    def of(cls, session: Session) -> ForeignModel:
        """With the adapter beside the file."""
        return cls(session, read_adapter(session.path.with_suffix(".toml")))

    def use(self, adapter: Adapter) -> None:
        """Take the values of this adapter, which has the same names and shapes as the one before."""
        self.adapter = adapter
        self._table = None if self.signature.dtype == np.uint8 else pixel_table(adapter.input)
        self.reset()

    def size_for(self, width: int, height: int, area: int) -> tuple[int, int]:
        """(width, height) of the network: its own where that is fixed, else of the frame's shape at about `area`."""
        if self.static:
            return self.static
        # The same search as for our models, in units of `multiple` pixels.
        unit = self.adapter.input.multiple or STRIDE
        w, h = network_size(width, height, max(1, round(area * (STRIDE / unit) ** 2)))
        return w // STRIDE * unit, h // STRIDE * unit

    def reset(self) -> None:
        """Forget the frames so far: states are zeros again."""
        self._states: dict[str, NDArray[Any]] = self.signature.first_states()

    def run(self, frame_bgr: U8, previous_alpha: F32) -> F32:
        """alpha float32 HxW of a frame uint8 HxWx3 and the alpha before it, both at network size.

        Raises ModelError when inference fails or gives anything but an alpha.
        """
        h, w = frame_bgr.shape[:2]
        alpha = person(self.infer(frame_bgr, previous_alpha), self.adapter.output)
        require_alpha(self.path, float(alpha.min()), float(alpha.max()))
        if alpha.shape != (h, w):
            alpha = f32(cv2.resize(alpha, (w, h), interpolation=cv2.INTER_LINEAR))
        return alpha

    def infer(self, frame_bgr: U8, previous_alpha: F32) -> F32:
        """What the net says before the activation, float32 CxHxW at its output's size; its states move on."""
        names = self.signature
        feed = {names.image: self._tensor(frame_bgr), **names.constants, **self._states}
        if names.previous is not None:
            feed[names.previous.name] = names.previous.filled(previous_alpha)
        try:
            values = self._session.run([names.output, *names.states.values()], feed)
        except Exception as e:
            raise ModelError(f"inference failed on {self.provider}: {plain(e)}") from e
        maps = channels_first(values[0], names.output_layout, frame_bgr.shape[:2], self.adapter)
        self._states = dict(zip(names.states, values[1:], strict=True))
        return maps

    def _tensor(self, frame_bgr: U8) -> NDArray[Any]:
        """The picture as the model wants it."""
        spec = self.adapter.input
        picture = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB) if spec.colour_order == "rgb" else frame_bgr
        values = picture if self._table is None else cv2.LUT(picture, self._table)
        if spec.layout == "nchw":
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[None], dtype=self.signature.dtype)


def pixel_table(spec: Input) -> F32:
    """What each of 256 levels becomes in each channel, float32 1x256x3."""
    levels = np.arange(256, dtype=np.float64)[:, None] * (spec.scale or 1.0)
    return np.asarray((levels - np.array(spec.mean)) / np.array(spec.std), np.float32)[None]


def channels_first(raw: NDArray[Any], layout: str, size: tuple[int, ...], adapter: Adapter) -> F32:
    """An output as float32 CxHxW; raises ModelError where its shape is not what the adapter says.

    size: (height, width) of the input.
    """
    where = f"{adapter.path}: the model's output"
    if raw.ndim != len(layout) or raw.shape[0] != 1:
        raise ModelError(f'{where} is of shape {raw.shape}, which is not one picture of [output] layout "{layout}"')
    maps = raw if layout == "nhw" else raw[0] if layout == "nchw" else raw[0].transpose(2, 0, 1)
    channels, height, width = maps.shape
    if not maps.size or not 1 / SKEW <= (height / size[0]) / (width / size[1]) <= SKEW:
        raise ModelError(
            f'{where} is of shape {raw.shape}: with [output] layout "{layout}" that is {width}x{height} for an input '
            f"of {size[1]}x{size[0]}; is it another layout, or another output?"
        )
    channel = adapter.output.channel
    if channels > 1 and channel is None:
        raise ModelError(f"{where} has {channels} channels; say in [output] which channel is the person's")
    if channel is not None and channel >= channels:
        raise ModelError(f"{where} has {channels} channel{'s' * (channels > 1)}; [output] channel is {channel}")
    return np.asarray(maps, np.float32)


def person(maps: F32, output: Output) -> F32:
    """Where the person is, float32 HxW, of a net's maps CxHxW."""
    chosen = maps[output.channel or 0]
    if output.activation == "sigmoid":
        chosen = (0.5 + 0.5 * np.tanh(0.5 * chosen)).astype(np.float32)  # never overflows, exp(-x) does
    elif output.activation == "softmax":
        with np.errstate(invalid="ignore"):  # of infinite logits; NaN is refused by whoever asked
            powers = np.exp(maps - maps.max(axis=0))
        chosen = powers[output.channel or 0] / powers.sum(axis=0)
    return np.ascontiguousarray(1 - chosen if output.invert else chosen)
