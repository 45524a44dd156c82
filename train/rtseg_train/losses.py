"""Losses, all on logits Nx1xHxW against alpha Nx1xHxW (float 0..1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rtseg.pixels.guided import ADJUGATE, CELL, CELLS, PAIRS, SQUARE
from rtseg.pixels.matte import EPS, HIGH, LOW

EDGE_RADIUS = 3  # pixels at network size on each side of the label's edge
EDGE_WEIGHT = 3.0  # extra weight of a pixel there
THIN_RADIUS = 4  # pixels at network size: half the width of what counts as thin
THIN_WEIGHT = 3.0  # extra weight of thin parts, fingers and straps, and of thin gaps


def edge_band(alpha: Tensor, radius: int = EDGE_RADIUS) -> Tensor:
    """1 within `radius` pixels of the label's edge, 0 elsewhere (soft where the label is)."""
    return grown(alpha, radius) + grown(-alpha, radius)


def grown(x: Tensor, radius: int) -> Tensor:
    """The largest value in a square window around each pixel, Nx1xHxW: 20 times as fast as max_pool2d on a CPU.

    Along one side and then along the other, from windows that double: of 2, 4, 8 pixels, and of two that overlap.
    """
    size = 2 * radius + 1
    for dim, around in ((2, (0, 0, radius, radius)), (3, (radius, radius))):
        length = x.shape[dim]
        x = F.pad(x, around, value=float("-inf"))
        width = 1
        while 2 * width <= size:
            n = x.shape[dim] - width
            x = torch.maximum(x.narrow(dim, 0, n), x.narrow(dim, width, n))
            width *= 2
        x = torch.maximum(x.narrow(dim, 0, length), x.narrow(dim, size - width, length))
    return x


def thin_parts(alpha: Tensor, radius: int = THIN_RADIUS) -> Tensor:
    """How much of each pixel an opening or a closing by a square would take away: fingers, and gaps beside an arm."""
    opened = grown(-grown(-alpha, radius), radius)
    closed = -grown(-grown(alpha, radius), radius)
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
    """Mean over a square window, Nx1xHxW; at the border over what is there.

    Along one side and then along the other, with the pictures as channels, over which torch is vectorised: 2.5 times
    as fast as without on a CPU.
    """
    size = 2 * radius + 1
    x = x.transpose(0, 1).contiguous(memory_format=torch.channels_last)
    x = F.avg_pool2d(x, (size, 1), 1, (radius, 0), count_include_pad=False)
    x = F.avg_pool2d(x, (1, size), 1, (0, radius), count_include_pad=False)
    return x.transpose(0, 1).contiguous()


def edge_filter(frame_bgr: Tensor, alpha: Tensor) -> Tensor:
    """What the runtime's matte stage (rtseg/pixels/matte.py) makes of alpha at network size, differentiable.

    frame_bgr: uint8 NxHxWx3; alpha and the result: Nx1xHxW, sides even. Guided filter with a guide in colour (He, Sun &
    Tang 2013), its coefficients for cells of 2x2 pixels.
    """
    colours = frame_bgr.permute(0, 3, 1, 2) / 255
    (first, second), (p, q, r, t) = PAIRS, ADJUGATE
    mean = windows(colours)
    c = windows(colours[:, first[:6]] * colours[:, second[:6]]) - mean[:, first[:6]] * mean[:, second[:6]]
    c = c + c.new_tensor([EPS, 0, 0, EPS, 0, EPS]).view(1, 6, 1, 1)
    adjugate = c[:, p] * c[:, q] - c[:, r] * c[:, t]
    inverse = adjugate / (adjugate[:, :3] * c[:, :3]).sum(1, keepdim=True)
    mean_p = windows(alpha)
    with_alpha = windows(colours * alpha) - mean * mean_p
    slopes = (inverse[:, SQUARE].view(-1, 3, 3, *c.shape[2:]) * with_alpha[:, None]).sum(2)
    fit = box(torch.cat([slopes, mean_p - (slopes * mean).sum(1, keepdim=True)], 1), CELLS // 2)
    fit = F.interpolate(fit, scale_factor=CELL, mode="bilinear", align_corners=False)
    filtered = (fit[:, :3] * colours).sum(1, keepdim=True) + fit[:, 3:]
    return ((filtered - LOW) / (HIGH - LOW)).clamp(0, 1)


def windows(x: Tensor) -> Tensor:
    """Means over the guided filter's windows, NxCx(H/2)x(W/2)."""
    return box(F.avg_pool2d(x, CELL), CELLS // 2)


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
