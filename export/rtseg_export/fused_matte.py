"""The fused graph's matte: what rtseg/pixels/matte.py and specks.py do, in torch. All are float32 1x1xhxw."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from rtseg.pixels.filters import RADIUS
from rtseg.pixels.matte import CORE, DOUBT, EPS, GROW, LOW, SHIFT, STEADY, STRETCH, SURE
from rtseg.pixels.specks import FRINGE

# How often pieces that touch are joined, and how often each chain of joined ones is halved then: spirals and combs of
# 288x160 pixels need all of it, people a third less.
ROUNDS, HALVINGS = 5, 4


def box(x: Tensor, radius: int) -> Tensor:
    """Mean over a square of side 2 * radius + 1, mirrored at the border as cv2.blur does."""
    return F.avg_pool2d(F.pad(x, (radius,) * 4, mode="reflect"), 2 * radius + 1, stride=1)


def widest(x: Tensor, radius: int) -> Tensor:
    """Greatest in a square of side 2 * radius + 1; what lies outside does not count."""
    return F.max_pool2d(x, 2 * radius + 1, stride=1, padding=radius)


def least(x: Tensor, radius: int) -> Tensor:
    """Least in such a square."""
    return -widest(-x, radius)


def sharper(alpha: Tensor) -> Tensor:
    """Contrast raised around a half; not clamped."""
    return (alpha - 0.5) * SURE + 0.5


def steadied(alpha: Tensor, before: Tensor, sure: Tensor, still: Tensor) -> Tensor:
    """rtseg.matte.steadied. sure: `sharper` of before; still: 1 where nothing moved, 0 where something did."""
    change = before - alpha
    person = (before > 0.5).float()
    near = torch.maximum(person, widest(least(person, CORE), CORE + GROW))
    agreement = STEADY * (1 - change.abs() / DOUBT).clamp(0, 1)
    comes_from_nowhere = (1 - near) * (change < 0).float()
    held = alpha + still * torch.maximum(agreement, comes_from_nowhere) * change
    closed = -F.max_pool2d(-F.pad(widest(held, CORE), [CORE] * 4), 2 * CORE + 1, stride=1)  # beyond the frame is nobody
    floor = torch.minimum(torch.minimum(closed, before), sure)
    return held + still * (floor - held).clamp(min=0)


def fit_coefficients(grey: Tensor, alpha: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
    """rtseg.matte.fit_coefficients (fast guided filter, He & Sun 2015), both 1x1xhxw."""
    mean_i, mean_p = box(grey, RADIUS), box(alpha, RADIUS)
    variance = box(grey * grey, RADIUS) - mean_i * mean_i
    covariance = box(grey * alpha, RADIUS) - mean_i * mean_p
    a = covariance / (variance + EPS)
    b = mean_p - a * mean_i
    low, share = LOW - SHIFT * edge[0], edge[1].sqrt()
    a, b = box(a, RADIUS) * STRETCH, (box(b, RADIUS) - low) * STRETCH
    smooth = box(box(((alpha - low) * STRETCH).clamp(0, 1), RADIUS), RADIUS)
    return a * (1 - share), b + share * (smooth - b)


def without_specks(alpha: Tensor, percent: Tensor) -> Tensor:
    """rtseg.pixels.specks.without_specks of a first frame, 1x1xhxw; alpha as it is at 0 percent."""
    person = (alpha > LOW).float()
    piece = pieces(person)
    sizes = (0 * piece.table).scatter_add(0, piece.label.flatten(), alpha.flatten())
    size = looked_up(sizes, piece.label)
    pixels = (0 * person + 1).sum()  # counted where the picture is: a shape would have to come from the host
    left = person * (size < pixels * percent / 100).float()
    around = widest(left, FRINGE) * (1 - widest(person - left, FRINGE))
    return alpha * (1 - torch.maximum(left, around))


class Pieces(NamedTuple):
    """Which pixels hang together. label: int64 1x1xhxw, one number above 0 for each piece; table: float32 h*w+1."""

    label: Tensor
    table: Tensor


def pieces(person: Tensor) -> Pieces:
    """Connected components, corners too, of a mask float32 1x1xhxw of 0 and 1, without a loop in the graph.

    Every pixel begins as a piece of its own, named by its number. In each round the pieces hook on to the neighbour
    with the greatest number, all at once, and chains of them are shortened (Shiloach & Vishkin 1982).
    """
    ones = 0 * person + 1
    number = (ones.cumsum(2) - 1) * ones[:, :, :1].sum() + ones.cumsum(3)
    table = torch.cat([0 * number.flatten()[:1], number.flatten()])
    place = (number * person).long()
    for _ in range(ROUNDS):
        label = looked_up(table, place)
        greatest = widest(label, 1) * person
        table = table.scatter_reduce(0, label.long().flatten(), greatest.flatten(), "amax")
        for _ in range(HALVINGS):
            table = table.index_select(0, table.long())
    return Pieces(looked_up(table, place).long(), table)


def looked_up(table: Tensor, place: Tensor) -> Tensor:
    """table[place], of place's shape; in words that become one Gather, which can be recorded as a CUDA graph."""
    return F.embedding(place, table[:, None])[..., 0]
