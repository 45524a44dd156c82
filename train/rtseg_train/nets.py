"""The nets by name: what `--arch` chooses from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from rtseg.errors import DataError
from rtseg_train.classic import ClassicUNet, widths_of
from rtseg_train.unet import UNet

# All map (frame_bgr uint8 NxHxWx3, previous_alpha Nx1xHxW) to logits Nx1xHxW; their areas are in config.py.
BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "quality": UNet,
    "balanced": lambda: UNet((64, 48, 32, 16, 16), max_repeats=2),  # pixels beat parameters, see RUNS.md
    "fast": lambda: UNet((64, 48, 32, 16, 16), max_repeats=2),
    "classic": ClassicUNet,
}


def build(arch: str) -> nn.Module:
    """A net with random weights; raises DataError with the names there are."""
    if arch not in BUILDERS:
        raise DataError(f"unknown arch {arch!r}; choose from {', '.join(BUILDERS)}")
    return BUILDERS[arch]()


def build_for(arch: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """`build` for the weights of a checkpoint; the classic net, which `--width` makes narrower, as wide as they are."""
    if arch == "classic":
        with contextlib.suppress(KeyError):  # another net's
            return ClassicUNet(widths_of(tensors))
    return build(arch)
