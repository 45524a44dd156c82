"""Run a net over labelled pictures at their own size and score it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from rtseg.geometry import network_size
from rtseg_train.data import Pair, read_pair
from rtseg_train.metrics import Score, score
from rtseg_train.unet import UNet

Predictor = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # frame_bgr HxWx3 -> alpha HxW


def torch_predictor(net: UNet, area: int) -> Predictor:
    """The net on one still picture: linear resize in and out, no previous alpha, no edge filter."""
    net.eval()

    def predict(frame_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
        h, w = frame_bgr.shape[:2]
        size = network_size(w, h, area)
        small = cv2.resize(frame_bgr, size, interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            logits = net(torch.from_numpy(small)[None], torch.zeros(1, 1, size[1], size[0]))
        alpha = torch.sigmoid(logits)[0, 0].numpy()
        return cv2.resize(alpha, (w, h), interpolation=cv2.INTER_LINEAR)

    return predict


def evaluate(predict: Predictor, pairs: list[Pair]) -> Iterator[Score]:
    """Score every pair, in order."""
    for pair in pairs:
        image, label = read_pair(pair)
        yield score(pair.source, predict(image), label)


