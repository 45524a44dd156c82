"""Run a net or a model file over labelled pictures, or over a video, as the runtime runs it, and score it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rtseg.errors import DataError
from rtseg.models.model import AREA_LIMITS
from rtseg.pixels.composite import full_alpha
from rtseg.pixels.geometry import network_size
from rtseg.pixels.matte import fit_coefficients, grey_of, motion, remembered, steadied
from rtseg.pixels.shrink import shrink
from rtseg_train.checkpoint import load_weights
from rtseg_train.dataset import Pair
from rtseg_train.masks import Mask, read_labelled
from rtseg_train.metrics import Score, score

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Predictor = Callable[[U8], F32]  # frame_bgr HxWx3 -> alpha HxW
Look = Callable[[str, U8, Mask, F32, Score], None]  # sees name, frame_bgr, mask, alpha and score of each picture


class TorchPipeline:
    """What `rtseg.Pipeline` makes of a frame's alpha, with a torch net in place of the model file."""

    def __init__(self, net: nn.Module, area: int) -> None:
        self.net, self.area = net.eval(), area
        self._before: tuple[tuple[int, ...], F32, F32] | None = None  # frame's shape, grey, alpha

    def reset(self) -> None:
        """Forget the frames so far."""
        self._before = None

    def __call__(self, frame_bgr: U8) -> F32:
        """alpha float32 HxW of a frame uint8 HxWx3, after the edge filter."""
        h, w = frame_bgr.shape[:2]
        size = network_size(w, h, self.area)
        small = shrink(frame_bgr, size)
        grey = grey_of(small)
        shape, *before = self._before or ((), grey, grey)
        moved = motion(grey, before[0]) if shape == frame_bgr.shape else None
        previous = np.zeros_like(grey) if moved is None else remembered(before[1], moved)
        with torch.inference_mode():
            logits = self.net(torch.from_numpy(small)[None], torch.from_numpy(previous)[None, None])
        alpha: F32 = torch.sigmoid(logits)[0, 0].numpy()
        if moved is not None:
            alpha = steadied(alpha, before[1], moved)
        self._before = frame_bgr.shape, grey, alpha
        a, b = fit_coefficients(grey, alpha)
        out = np.empty((h, w), np.float32)
        full_alpha(np.ascontiguousarray(frame_bgr), a, b, out)
        return out


def torch_predictor(net: nn.Module, area: int, *, keep_state: bool = False) -> Predictor:
    """The net as the runtime would run it; each picture a first frame unless `keep_state`."""
    pipe = TorchPipeline(net, area)

    def predict(frame_bgr: U8) -> F32:
        if not keep_state:
            pipe.reset()
        return pipe(frame_bgr)

    return predict


def pipeline_predictor(path: Path, area: int | None, provider: str, *, keep_state: bool = False) -> Predictor:
    """A model file as a user runs it, but on whole frames, as a net is; each picture a first frame unless `keep_state`.

    How much better it is with a closer look at the people says benchmarks/quality.py.
    """
    from rtseg.pipeline import Pipeline

    pipe = Pipeline(background="#000000", model=path, provider=provider, area=area)
    pipe.follow = False

    def predict(frame_bgr: U8) -> F32:
        if not keep_state:
            pipe.reset()
        pipe(frame_bgr)
        return pipe.alpha

    return predict


def load_predictor(path: Path, area: int | None, provider: str, *, keep_state: bool = False) -> Predictor:
    """For an .onnx, a .safetensors or a run's folder; both kinds go through the same edge filter.

    area: pixels at network size, None for what the model prefers. keep_state: the pictures are a video's frames,
    each gets the alpha before it. Raises ModelError or DataError for anything else.
    """
    if area is not None and not AREA_LIMITS[0] <= area <= AREA_LIMITS[1]:
        raise DataError(f"area is {area}; give {AREA_LIMITS[0]} to {AREA_LIMITS[1]} pixels")
    weights = path / "model.safetensors" if path.is_dir() else path
    if weights.suffix != ".safetensors":
        return pipeline_predictor(path, area, provider, keep_state=keep_state)
    net, notes = load_weights(weights)
    preferred = notes.get("area")
    if area is None and not isinstance(preferred, int):
        raise DataError(f"{weights.with_suffix('.json')} has no area; give --area")
    return torch_predictor(net, area or int(str(preferred)), keep_state=keep_state)


def evaluate(predict: Predictor, pairs: Sequence[Pair], looks: Sequence[Look] = ()) -> Iterator[Score]:
    """Score every pair, in order; each of `looks` sees it too."""
    for pair in pairs:
        image, mask = read_labelled(pair)
        alpha = predict(image)
        result = score(pair.source, alpha, mask.alpha, void=mask.void)
        for look in looks:
            look(pair.image.name, image, mask, alpha, result)
        yield result
