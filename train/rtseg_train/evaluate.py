"""Run a net or a model file over labelled pictures, or over a video, as the runtime runs it, and score it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rtseg.arrays import F32, U8
from rtseg.errors import DataError
from rtseg.models.model import check_area
from rtseg.paths.cpu import CpuPath
from rtseg.pixels.edge import SPECKS, Edge
from rtseg.pixels.geometry import network_size
from rtseg_train.checkpoint import load_weights
from rtseg_train.dataset import Pair
from rtseg_train.masks import Mask, read_labelled
from rtseg_train.metrics import Score, score

Predictor = Callable[[U8], F32]  # frame_bgr HxWx3 -> alpha HxW
Look = Callable[[str, U8, Mask, F32, Score], None]  # sees name, frame_bgr, mask, alpha and score of each picture


class TorchNetwork:
    """A torch net in the place of a model file, for `CpuPath`; whole frames alone."""

    follows = remembers = False

    def __init__(self, net: nn.Module) -> None:
        self.net, self.path = net.eval(), Path("the net")

    def size_for(self, width: int, height: int, area: int) -> tuple[int, int]:
        """(width, height) of the network for frames of this size."""
        return network_size(width, height, area)

    def reset(self) -> None:
        """Nothing is remembered here."""

    def run(self, frame_bgr: U8, previous_alpha: F32) -> F32:
        """alpha float32 HxW of a frame uint8 HxWx3 and the alpha before it, both at network size."""
        with torch.inference_mode():
            logits = self.net(torch.from_numpy(frame_bgr)[None], torch.from_numpy(previous_alpha)[None, None])
        alpha: F32 = torch.sigmoid(logits)[0, 0].numpy()
        return alpha


def torch_predictor(net: nn.Module, area: int, *, keep_state: bool = False) -> Predictor:
    """The net as the runtime would run it; each picture a first frame unless `keep_state`."""
    network = TorchNetwork(net)
    paths: dict[tuple[int, ...], CpuPath] = {}  # the last one, by its frames' shape

    def predict(frame_bgr: U8) -> F32:
        frame_bgr = np.ascontiguousarray(frame_bgr)
        if not keep_state or frame_bgr.shape not in paths:
            paths.clear()
            height, width = frame_bgr.shape[:2]
            paths[frame_bgr.shape] = CpuPath(network, width, height, area)
        path = paths[frame_bgr.shape]
        path.composite(frame_bgr, frame_bgr, 0.0, Edge(specks=SPECKS))  # as the runtime does by itself
        return path.alpha(frame_bgr)

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
    if area is not None:
        check_area(area)
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
