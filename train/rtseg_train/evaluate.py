"""Run a net over labelled pictures at their own size and score it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rtseg.errors import DataError
from rtseg.geometry import network_size
from rtseg.model import AREA_LIMITS
from rtseg_train.checkpoint import load_weights
from rtseg_train.data import Pair, read_pair
from rtseg_train.metrics import Score, score

Predictor = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # frame_bgr HxWx3 -> alpha HxW


def torch_predictor(net: nn.Module, area: int) -> Predictor:
    """The net on one still picture: linear resize in and out, no previous alpha, no edge filter."""
    net.eval()

    def predict(frame_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
        h, w = frame_bgr.shape[:2]
        size = network_size(w, h, area)
        small = cv2.resize(frame_bgr, size, interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            logits = net(torch.from_numpy(small)[None], torch.zeros(1, 1, size[1], size[0]))
        alpha = torch.sigmoid(logits)[0, 0].numpy()
        return cv2.resize(alpha, (w, h), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)

    return predict


def pipeline_predictor(path: Path, area: int | None, provider: str) -> Predictor:
    """A model file as a user runs it, edge filter and all, each picture as a first frame."""
    from rtseg.pipeline import Pipeline

    pipe = Pipeline(model=path, provider=provider, area=area)

    def predict(frame_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
        pipe.reset()
        pipe(frame_bgr)
        return pipe.alpha

    return predict


def load_predictor(path: Path, area: int | None, provider: str) -> Predictor:
    """For an .onnx, a .safetensors or a run's folder; raises ModelError or DataError for anything else."""
    if area is not None and not AREA_LIMITS[0] <= area <= AREA_LIMITS[1]:
        raise DataError(f"area is {area}; give {AREA_LIMITS[0]} to {AREA_LIMITS[1]} pixels")
    weights = path / "model.safetensors" if path.is_dir() else path
    if weights.suffix != ".safetensors":
        return pipeline_predictor(path, area, provider)
    net, notes = load_weights(weights)
    preferred = notes.get("area")
    if area is None and not isinstance(preferred, int):
        raise DataError(f"{weights.with_suffix('.json')} has no area; give --area")
    return torch_predictor(net, area or int(str(preferred)))


def evaluate(predict: Predictor, pairs: list[Pair]) -> Iterator[Score]:
    """Score every pair, in order."""
    for pair in pairs:
        image, label = read_pair(pair)
        yield score(pair.source, predict(image), label)
