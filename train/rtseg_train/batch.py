"""What the net is trained on in one step: samples of one size, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rtseg_train.augment import Sample


class Batch(NamedTuple):
    """N samples; two by two the first of them are moments of one scene."""

    frame_bgr: Tensor  # uint8 NxHxWx3
    previous_alpha: Tensor  # float32 Nx1xHxW, as the other planes
    alpha: Tensor
    sure: Tensor  # how far alpha is to be believed
    pairs: int  # of moments


def stacked(samples: Sequence[Sample], pairs: int) -> Batch:
    """A batch of samples, pairs first."""
    frames, *planes = (np.stack(part) for part in zip(*samples, strict=True))
    previous, alphas, sure = (torch.from_numpy(plane)[:, None] for plane in planes)
    return Batch(torch.from_numpy(frames), previous, alphas, sure, pairs)
