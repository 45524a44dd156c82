"""An rtseg model file (.onnx): what it says of itself, the provider it really runs on, and running it.

The file describes itself. Inputs: `frame_bgr` uint8 1xHxWx3 at network size and `previous_alpha` float32
1x1xHxW; output: `alpha` float32 1x1xHxW. Normalisation is inside. `metadata_props` holds the rest.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Protocol

from rtseg.arrays import F32, U8
from rtseg.errors import ModelError
from rtseg.files import ASSETS
from rtseg.messages import as_address
from rtseg.models.session import Session, open_session, plain
from rtseg.pixels.geometry import network_size
from rtseg.texts import parse_json

TIERS = ("quality", "balanced", "fast")  # models that ship with rtseg, by name, the best first
AUTO = "auto"  # one of them, by what they take on this machine; see live/choice.py
FORMAT = "1"  # of the metadata; a file with another one is from a newer or older rtseg
INPUTS = {"frame_bgr": "tensor(uint8)", "previous_alpha": "tensor(float)"}
# A size of 4 GPixel would be a broken file, not a setting.
AREA_LIMITS = (32 * 32, 4096 * 4096)
SLACK = 1e-3  # by which an alpha may miss 0..1
LEAST_PART = 8192  # pixels to which a model's area is taken down, at the least: with 6144 one took a canyon for a face


def check_area(area: int) -> None:
    """Raise ModelError for what is no number of pixels at network size."""
    if isinstance(area, bool) or not isinstance(area, Integral) or not AREA_LIMITS[0] <= area <= AREA_LIMITS[1]:
        raise ModelError(f"area is {area!r}; give a whole number, {AREA_LIMITS[0]} to {AREA_LIMITS[1]} pixels")


def part_of(area: int, share: float) -> int:
    """Pixels at network size for a share of a model's own area, where that is not too few to know a person by."""
    return max(AREA_LIMITS[0], round(share * area), min(area, LEAST_PART))


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says of itself."""

    name: str
    version: str
    area: int  # pixels at network size that it prefers
    precision: str  # fp32, fp16 or int8
    training_data: str
    terms: str  # of the training data
    scores: Mapping[str, Any]  # group -> figure -> value
    revision: str  # of the source it was exported from

    def metadata(self) -> dict[str, str]:
        """As metadata_props of an ONNX file."""
        values = {"format": FORMAT, **vars(self), "area": str(self.area), "scores": json.dumps(self.scores)}
        return {f"rtseg.{key}": value for key, value in values.items()}

    @classmethod
    def read(cls, properties: Mapping[str, str], path: Path) -> ModelInfo:
        """From metadata_props; raises ModelError that says what is missing or wrong."""
        values = {k.removeprefix("rtseg."): v for k, v in properties.items() if k.startswith("rtseg.")}
        fields = ("name", "version", "area", "precision", "training_data", "terms", "scores", "revision")
        missing = [f"rtseg.{f}" for f in ("format", *fields) if f not in values]
        if missing:
            cure = "Make one with `rtseg export CHECKPOINT`"
            if not values:
                cure += f", or describe this one in {path.stem}.toml beside it (docs/foreign-models.md)"
            raise ModelError(f"{path} is not an rtseg model: its metadata lacks {', '.join(missing)}. {cure}")
        if values["format"] != FORMAT:
            raise ModelError(f"{path} has model format {values['format']}, this rtseg reads {FORMAT}; export it again")
        try:
            area, scores = int(values["area"]), parse_json(values["scores"])
            if not AREA_LIMITS[0] <= area <= AREA_LIMITS[1] or not isinstance(scores, dict):
                raise ValueError(f"area {area}")
        except ValueError as e:
            raise ModelError(f"{path} has damaged metadata ({e}); export it again") from e
        return cls(**{f: values[f] for f in fields if f not in ("area", "scores")}, area=area, scores=scores)


def at_leisure(name: str) -> str:
    """The model where no frame waits for another: of `auto` the best."""
    return TIERS[0] if name == AUTO else name


def find_model(name: str | Path) -> Path:
    """The file of a tier's name or a path; raises ModelError when there is none."""
    if str(name) in TIERS:
        return ASSETS / f"{name}-int8.onnx"  # takes half the time of fp32 on a CPU; for CUDA see networks.py
    if not isinstance(name, (str, os.PathLike)) or isinstance(os.fspath(name), bytes):
        raise ModelError(f"model is {name!r}; give the path of an .onnx file or one of: {', '.join(TIERS)}")
    if str(name) == AUTO:
        # A rate is needed for it, and the same frames would give other pictures on another machine.
        raise ModelError(f"model {AUTO} is chosen by `rtseg cam`, at its camera's rate; give one of {', '.join(TIERS)}")
    path = Path(name)
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # said below, with the nearest name
            path.stat()
    except (OSError, ValueError) as e:  # a name that no file can have, a folder that may not be entered
        raise ModelError(f"model {name}: {getattr(e, 'strerror', None) or e}; give another file") from e
    if not path.is_file():
        near = difflib.get_close_matches(str(name), (*TIERS, AUTO), n=1)
        what = "is a folder" if path.is_dir() else "no such file"
        if address := as_address(name):
            raise ModelError(f"model {address} is an address; save the file that is there, and give that")
        hint = f"; did you mean {near[0]}?" if near else f". Give an .onnx file or one of: {', '.join(TIERS)}"
        raise ModelError(f"model {name}: {what}{hint}")
    if not path.stat().st_size:
        raise ModelError(f"model {name} is an empty file")
    return path


def require_alpha(path: Path, least: float, greatest: float) -> None:
    """Raise ModelError unless the values that a model gave, by their extremes, are an alpha: finite and in 0..1."""
    if not (least >= -SLACK and greatest <= 1 + SLACK):  # false for NaN too
        raise ModelError(f"{path} gave alpha outside 0..1 or not finite ({least:.3g}..{greatest:.3g})")


class Segmenter(Protocol):
    """Makes alphas of pictures."""

    path: Path
    follows: bool  # pictures may be boxes of the frame, whose sizes change
    remembers: bool  # it has states of its own, from frame to frame

    def size_for(self, width: int, height: int, area: int) -> tuple[int, int]: ...

    def reset(self) -> None: ...

    def run(self, frame_bgr: U8, previous_alpha: F32) -> F32: ...


class Network(Segmenter, Protocol):
    """A loaded model that does: `Model` for our files, `ForeignModel` for other people's."""

    info: ModelInfo
    provider: str
    threads: int
    fallback_reason: str | None  # why `auto` did not take CUDA
    static: tuple[int, int] | None  # (width, height) where the network has them fixed
    effect: None  # of a file that makes composites, see `FusedModel`; alphas are good for all


def static_size(shape: Sequence[int | str | None]) -> tuple[int, int] | None:
    """(width, height) of a 1xHxWx3 input whose sides are fixed; None when they are free."""
    if len(shape) != 4:
        return None
    h, w = shape[1:3]
    return (w, h) if isinstance(h, int) and isinstance(w, int) else None


class Model:
    """A loaded model.

    `follows` where its size is free. What is remembered comes in as previous_alpha.

    Args:
        source: an .onnx file, the name of a tier that ships with rtseg, or a session already open.
        provider: `cuda` or `cpu`, or `auto` for CUDA where it works.
        threads: of the CPU provider; None for `default_threads()`.

    Raises:
        ModelError: the file can't be read or is not ours.
        ProviderError: `cuda` was asked for and does not work here.
    """

    effect = None
    remembers = False

    def __init__(
        self, source: str | Path | Session = "balanced", *, provider: str = "auto", threads: int | None = None
    ) -> None:
        session = source if isinstance(source, Session) else open_session(find_model(source), provider, threads)
        self.path, self.provider, self.threads = session.path, session.provider, session.threads
        self.fallback_reason = session.fallback_reason
        self._session = session.ort
        self.info = ModelInfo.read(self._session.get_modelmeta().custom_metadata_map, self.path)
        inputs = {i.name: i.type for i in self._session.get_inputs()}
        outputs = [o.name for o in self._session.get_outputs()]
        if inputs != INPUTS or outputs != ["alpha"]:
            raise ModelError(f"{self.path} takes {inputs} and gives {outputs}; an rtseg model takes {INPUTS}")
        self.static = static_size(self._session.get_inputs()[list(inputs).index("frame_bgr")].shape)
        self.follows = self.static is None

    def size_for(self, width: int, height: int, area: int) -> tuple[int, int]:
        """(width, height) of the network for frames of this size, at about `area` pixels.

        A file of one size alone (`rtseg export --static`) has that: frames of another shape are squashed into it.
        """
        return self.static or network_size(width, height, area)

    def reset(self) -> None:
        """Forget the frames so far: nothing here, what is remembered comes in as previous_alpha."""

    def run(self, frame_bgr: U8, previous_alpha: F32) -> F32:
        """alpha float32 HxW of a frame uint8 HxWx3 and the alpha before it, both at network size.

        Raises ModelError when inference fails or gives anything but an alpha.
        """
        h, w = previous_alpha.shape
        feed = {"frame_bgr": frame_bgr[None], "previous_alpha": previous_alpha[None, None]}
        try:
            (alpha,) = self._session.run(["alpha"], feed)
        except Exception as e:
            raise ModelError(f"inference failed on {self.provider}: {plain(e)}") from e
        if alpha.shape != (1, 1, h, w):
            raise ModelError(f"{self.path} gave alpha of shape {alpha.shape}, expected {(1, 1, h, w)}")
        require_alpha(self.path, float(alpha.min()), float(alpha.max()))
        return alpha[0, 0]  # type: ignore[no-any-return]
