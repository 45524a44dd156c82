"""The fused graph's matte: what rtseg/pixels/matte.py and specks.py do, in torch. All are float32 1x1xhxw."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rtseg.pixels.guided import ADJUGATE, CELL, CELLS, PAIRS, SQUARE
from rtseg.pixels.matte import CORE, DOUBT, EPS, FEW, GROW, HIGH, LOW, NARROWER, PATCH, SHIFT, STEADY, SURE
from rtseg.pixels.specks import FRINGE, LEAST_SOLID, SOLID

# How often, after each time that pieces which touch are joined, each chain of joined ones is halved: spirals and combs
# of 512x288 pixels need all of it, people half.
HALVINGS = (6, 4, 4, 4)
PAIRED, CROSSED = [k for part in PAIRS for k in part], [k for part in ADJUGATE for k in part]
NOBODY = -1e9  # less than any size of a piece


def box(x: Tensor, radius: int) -> Tensor:
    """Mean over a square of side 2 * radius + 1, mirrored at the border as cv2.blur does."""
    return F.avg_pool2d(F.pad(x, (radius,) * 4, mode="reflect"), 2 * radius + 1, stride=1)


def widest(x: Tensor, radius: int) -> Tensor:
    """Greatest in a square of side 2 * radius + 1; what lies outside does not count."""
    return F.max_pool2d(x, 2 * radius + 1, stride=1, padding=radius)


def sharper(alpha: Tensor) -> Tensor:
    """Contrast raised around a half; not clamped."""
    return alpha * SURE + 0.5 * (1 - SURE)


def remembered(sure: Tensor, still: Tensor) -> Tensor:
    """rtseg.pixels.matte.remembered. sure: `sharper` of the last alpha; still: 1 where nothing moved, else 0."""
    known = sure.clamp(0, 1) * still
    patches = F.avg_pool2d(torch.cat([known, still], 1), 3 * PATCH, stride=PATCH, padding=PATCH)
    person, share = torch.split(patches, 1, 1)
    around = F.interpolate(person / (share + float(FEW)), scale_factor=PATCH, mode="bilinear", align_corners=False)
    return known + (1 - still) * around


def steadied(alpha: Tensor, before: Tensor, sure: Tensor, still: Tensor) -> Tensor:
    """rtseg.matte.steadied. sure: `sharper` of before; still: 1 where nothing moved, 0 where something did."""
    change = before - alpha
    person = torch.where(before > 0.5, -1.0, 0.0)  # negative, so that the first of these two is the least around
    near = person - widest(-widest(person, CORE), CORE + GROW)  # 0 where nobody is, else at most the least change
    agreement = (STEADY - STEADY / DOUBT * change.abs()).clamp(min=0)
    held = alpha + still * torch.where(change < near, 1.0, agreement) * change
    closed = -F.max_pool2d(-F.pad(widest(held, CORE), [CORE] * 4), 2 * CORE + 1, stride=1)  # beyond the frame is nobody
    floor = torch.minimum(torch.minimum(closed, before), sure)
    return held + still * (floor - held).clamp(min=0)


def taken(x: Tensor, planes: list[int]) -> Tensor:
    """Planes of x, 1xCxhxw, by their numbers; an index in brackets would be exported as what can't be recorded."""
    return x.index_select(1, torch.tensor(planes))


def fit_coefficients(small: Tensor, alpha: Tensor, shift: Tensor, feather: Tensor) -> Tensor:
    """rtseg.pixels.matte.fit_coefficients, 1x4x(h/2)x(w/2), of small, 1x3xhxw in 0..255; planes are filtered together.

    The covariances' inverse is their adjugate over their determinant, each of whose entries is PQ - RT of two others.
    Splits and gathers are kernels too: each takes all that it can.
    """
    ends = shift * torch.tensor([-SHIFT - NARROWER, -SHIFT])
    further, nearer = ends.amax(0, keepdim=True), ends.amin(0, keepdim=True)
    low, width = LOW + further, HIGH - LOW + nearer - further
    share = feather.sqrt()
    planes = torch.cat([small, alpha], 1)
    first, second = torch.chunk(taken(planes, PAIRED), 2, 1)
    means = box(F.avg_pool2d(torch.cat([first * second, planes], 1), CELL), CELLS // 2)
    products, mean = torch.split(means, [9, 4], 1)
    first, second = torch.chunk(taken(mean, PAIRED), 2, 1)
    flat = 255**2 * EPS * torch.tensor([1.0, 0, 0, 1, 0, 1]).view(1, 6, 1, 1)
    c, with_alpha = torch.split(products - first * second, [6, 3], 1)
    c = c + flat
    p, q, r, t = torch.chunk(taken(c, CROSSED), 4, 1)
    adjugate = p * q - r * t
    determinant = (adjugate[:, :3] * c[:, :3]).sum(1, keepdim=True)
    slopes = (taken(adjugate, SQUARE).view(1, 3, 3, *c.shape[2:]) * with_alpha).sum(2) / determinant
    colours, mean_p = torch.split(mean, [3, 1], 1)
    constant = mean_p - (slopes * colours).sum(1, keepdim=True)
    clear = F.avg_pool2d(((alpha - low) / width).clamp(0.0, 1.0), CELL)
    fit = box(torch.cat([slopes, constant, box(clear, CELLS // 2)], 1), CELLS // 2)
    slopes, constant, smooth = torch.split(fit, [3, 1, 1], 1)
    rest = (1 - share) / width
    return torch.cat([slopes * rest, (constant - low) * rest + share * smooth], 1)


def without_specks(alpha: Tensor, percent: Tensor) -> Tensor:
    """rtseg.pixels.specks.without_specks of a first frame, 1x1xhxw; alpha as it is at 0 percent.

    Nothing here but the network's alpha and percent is new in a frame: the rest depends on sizes alone, and where those
    are fixed onnxruntime works it out once.
    """
    high, wide = alpha.shape[2:]
    half = percent * (high * wide / 200)
    alpha = F.pad(alpha, (0, 0, 1, 0))  # the first pixel has to be nobody's
    person = alpha > LOW
    number = torch.arange((high + 1) * wide, dtype=torch.float32)
    label = pieces(person, number)
    sizes = (torch.where(number == 0, NOBODY, 0.0) - half).scatter_add(0, label, alpha.flatten())
    solid = (0 * number).scatter_add(0, label, (alpha > SOLID).float().flatten())
    ghost = solid < solid.amax(0).clamp(max=float(LEAST_SOLID))
    sizes = torch.where(ghost, sizes.clamp(max=0.0), sizes)  # a ghost is no larger than what goes
    size = sizes.gather(0, label).view(alpha.shape)  # of the piece, less half of the least; NOBODY outside
    near = torch.where(person, size, widest(size, FRINGE))
    return torch.where(near.abs() < half, 0.0, alpha)[:, :, 1:]


def pieces(person: Tensor, number: Tensor) -> Tensor:
    """int64 h*w: 0 where nobody is, and one number for what hangs together, corners too; no loop in the graph.

    person: bool 1x1xhxw, false at its first pixel; number: float32 h*w, of each pixel, from 0.

    Each pixel's label is the number of another one of its piece, in the end that of the last. In each round the pieces
    hook on to the neighbour with the greatest number, all at once, and chains of them are shortened (Shiloach & Vishkin
    1982).
    """

    def greatest(label: Tensor) -> Tensor:
        return torch.where(person, widest(label.view(person.shape), 1), 0.0)

    label = greatest(torch.where(person, number.view(person.shape), 0.0)).long().flatten()
    for halving, halvings in enumerate(HALVINGS):
        if halving:
            own = label.float()
            label = own.scatter_reduce(0, label, greatest(own).flatten(), "amax").long()
        for _ in range(halvings):
            label = label.gather(0, label)
    return label
