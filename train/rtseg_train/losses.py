"""Losses, all on logits Nx1xHxW against alpha Nx1xHxW (float 0..1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE_RADIUS = 3  # pixels at network size on each side of the label's edge
EDGE_WEIGHT = 3.0  # extra weight of a pixel there


def edge_band(alpha: Tensor, radius: int = EDGE_RADIUS) -> Tensor:
    """1 within `radius` pixels of the label's edge, 0 elsewhere (soft where the label is)."""
    k = 2 * radius + 1
    return F.max_pool2d(alpha, k, 1, radius) + F.max_pool2d(-alpha, k, 1, radius)


def segmentation_loss(logits: Tensor, alpha: Tensor) -> Tensor:
    """Cross-entropy with more weight at the edge, plus soft IoU per picture; a scalar.

    The +1 pixel keeps IoU sane for pictures with nobody in them: there it counts false alarms.
    """
    weight = 1 + EDGE_WEIGHT * edge_band(alpha)
    bce = F.binary_cross_entropy_with_logits(logits, alpha, weight=weight)
    p = torch.sigmoid(logits)
    overlap = (p * alpha).sum((1, 2, 3))
    union = (p + alpha - p * alpha).sum((1, 2, 3))
    iou = (overlap + 1) / (union + 1)
    return bce + 0.5 * (1 - iou).mean()
