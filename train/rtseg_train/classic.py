"""The U-Net that articles teach (after Ronneberger et al. 2015), for learning and for comparison."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512, 1024)  # channels of the five levels: 34,513,410 parameters


def widths_from(width: int) -> tuple[int, ...]:
    """The five levels' channels, by those of the first: each has twice as many as the one above."""
    return tuple(width << level for level in range(len(WIDTHS)))


def widths_of(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    """The channels of a net with these tensors; raises KeyError for another net's."""
    weights = [tensors[f"downs.{level}.0.weight"] for level in range(len(WIDTHS))]
    widths = tuple(weight.shape[0] if weight.dim() else 0 for weight in weights)
    for weight, cin, cout in zip(weights, (3, *widths), widths, strict=False):
        if weight.shape != (cout, cin, 3, 3) or not cout:  # so that what is made is no larger than what is there
            raise KeyError("downs")
    return widths


def double_conv(cin: int, cout: int) -> nn.Sequential:
    """Two 3x3 convolutions that keep the size, each with ReLU."""
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(), nn.Conv2d(cout, cout, 3, padding=1), nn.ReLU()
    )  # fmt: skip


class ClassicUNet(nn.Module):
    """(frame_bgr uint8 NxHxWx3, previous_alpha, which it ignores) -> logits Nx1xHxW; H and W multiples of 16.

    Five levels, max-pool down, transposed convolution up, skips concatenated, a 1x1 convolution to two
    classes. Softmax over two classes is the sigmoid of their difference, which is what is returned:
    the same cross-entropy, and the same interface as the other nets. Unlike Ronneberger's, its convolutions
    are padded, and the transposed ones are 3x3 instead of 2x2.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.downs = nn.ModuleList(double_conv(a, b) for a, b in zip((3, *widths), widths, strict=False))
        deep_to_shallow = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.grows = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1) for a, b in deep_to_shallow
        )
        self.ups = nn.ModuleList(double_conv(2 * b, b) for _, b in deep_to_shallow)  # b from below, b skipped
        self.head = nn.Conv2d(widths[0], 2, 1)

    def classes(self, image: Tensor) -> Tensor:
        """Float RGB Nx3xHxW in 0..1 to the two-class logits Nx2xHxW (background, person)."""
        x = image
        skips: list[Tensor] = []
        for i, down in enumerate(self.downs):
            x = down(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        for grow, up, skip in zip(self.grows, self.ups, skips[-2::-1], strict=True):
            x = up(torch.cat([skip, grow(x)], dim=1))
        y: Tensor = self.head(x)
        return y

    def forward(self, frame_bgr: Tensor, previous_alpha: Tensor) -> Tensor:
        image = frame_bgr.flip(3).permute(0, 3, 1, 2).to(self.head.weight.dtype) * (1 / 255)
        y = self.classes(image).float()
        return y[:, 1:] - y[:, :1]
