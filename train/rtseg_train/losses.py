"""Losses, all on logits Nx1xHxW against alpha Nx1xHxW (float 0..1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rtseg.pixels.filters import RADIUS
from rtseg.pixels.matte import EPS, HIGH, LOW

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


def box(x: Tensor, radius: int) -> Tensor:
    """Mean over a square window, Nx1xHxW; at the border over what is there."""
    return F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)


def edge_filter(frame_bgr: Tensor, alpha: Tensor) -> Tensor:
    """What the runtime's matte stage (rtseg/pixels/matte.py) makes of alpha at network size, differentiable.

    frame_bgr: uint8 NxHxWx3; alpha and the result: Nx1xHxW. Fast guided filter (He & Sun 2015).
    """
    weights = frame_bgr.new_tensor((0.114 / 255, 0.587 / 255, 0.299 / 255), dtype=torch.float32)
    grey = (frame_bgr.float() @ weights)[:, None]
    mean_i, mean_p = box(grey, RADIUS), box(alpha, RADIUS)
    variance = box(grey * grey, RADIUS) - mean_i * mean_i
    a = (box(grey * alpha, RADIUS) - mean_i * mean_p) / (variance + EPS)
    b = mean_p - a * mean_i
    filtered = box(a, RADIUS) * grey + box(b, RADIUS)
    return ((filtered - LOW) / (HIGH - LOW)).clamp(0, 1)


def boundary_loss(frame_bgr: Tensor, logits: Tensor, alpha: Tensor) -> Tensor:
    """Distance from alpha, at its edge, of what the user will see: the logits' alpha after the edge filter."""
    seen = edge_filter(frame_bgr, torch.sigmoid(logits))
    return ((seen - alpha).abs() * (1 + EDGE_WEIGHT * edge_band(alpha))).mean()


def temporal_loss(logits: Tensor, alpha: Tensor, pairs: int) -> Tensor:
    """How much alpha changes between two frames of one scene other than the label does.

    The first 2 x `pairs` samples are such frames, two by two. After dtSSD (Erofeev et al. 2015).
    """
    if not pairs:
        return logits.new_zeros(())
    moved = torch.sigmoid(logits[: 2 * pairs]) - alpha[: 2 * pairs]
    return (moved[0::2] - moved[1::2]).square().mean()
