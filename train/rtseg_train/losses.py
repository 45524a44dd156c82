"""Losses, all on logits Nx1xHxW against alpha Nx1xHxW (float 0..1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rtseg.pixels.compiled import LUMA
from rtseg.pixels.filters import RADIUS
from rtseg.pixels.matte import EPS, HIGH, LOW

EDGE_RADIUS = 3  # pixels at network size on each side of the label's edge
EDGE_WEIGHT = 3.0  # extra weight of a pixel there
THIN_RADIUS = 4  # pixels at network size: half the width of what counts as thin
THIN_WEIGHT = 3.0  # extra weight of thin parts, fingers and straps, and of thin gaps


def edge_band(alpha: Tensor, radius: int = EDGE_RADIUS) -> Tensor:
    """1 within `radius` pixels of the label's edge, 0 elsewhere (soft where the label is)."""
    k = 2 * radius + 1
    return F.max_pool2d(alpha, k, 1, radius) + F.max_pool2d(-alpha, k, 1, radius)


def thin_parts(alpha: Tensor, radius: int = THIN_RADIUS) -> Tensor:
    """How much of each pixel an opening or a closing by a square would take away: fingers, and gaps beside an arm."""
    k = 2 * radius + 1

    def grown(x: Tensor) -> Tensor:
        return F.max_pool2d(x, k, 1, radius)

    opened, closed = grown(-grown(-alpha)), -grown(-grown(alpha))
    return (alpha - opened) + (closed - alpha)


def pixel_weights(alpha: Tensor, sure: Tensor) -> Tensor:
    """What each pixel counts: more at the edge and in thin parts, less where the label is in doubt; Nx1xHxW."""
    return sure * (1 + EDGE_WEIGHT * edge_band(alpha) + THIN_WEIGHT * thin_parts(alpha))


def segmentation_loss(logits: Tensor, alpha: Tensor, sure: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy with the pixels' weights, plus soft IoU per picture; a scalar.

    The +1 pixel keeps IoU sane for pictures with nobody in them: there it counts false alarms.
    """
    bce = F.binary_cross_entropy_with_logits(logits, alpha, weight=weights)
    p = alpha + sure * (torch.sigmoid(logits) - alpha)
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
    weights = frame_bgr.new_tensor(LUMA, dtype=torch.float32)
    grey = (frame_bgr.float() @ weights)[:, None]
    mean_i, mean_p = box(grey, RADIUS), box(alpha, RADIUS)
    variance = box(grey * grey, RADIUS) - mean_i * mean_i
    a = (box(grey * alpha, RADIUS) - mean_i * mean_p) / (variance + EPS)
    b = mean_p - a * mean_i
    filtered = box(a, RADIUS) * grey + box(b, RADIUS)
    return ((filtered - LOW) / (HIGH - LOW)).clamp(0, 1)


def boundary_loss(frame_bgr: Tensor, logits: Tensor, alpha: Tensor, weights: Tensor) -> Tensor:
    """Distance from alpha, weighted, of what the user will see: the logits' alpha after the edge filter."""
    seen = edge_filter(frame_bgr, torch.sigmoid(logits))
    return ((seen - alpha).abs() * weights).mean()


def temporal_loss(logits: Tensor, alpha: Tensor, pairs: int) -> Tensor:
    """How much alpha changes between two frames of one scene other than the label does.

    The first 2 x `pairs` samples are such frames, two by two. After dtSSD (Erofeev et al. 2015).
    """
    if not pairs:
        return logits.new_zeros(())
    moved = torch.sigmoid(logits[: 2 * pairs]) - alpha[: 2 * pairs]
    return (moved[0::2] - moved[1::2]).square().mean()
