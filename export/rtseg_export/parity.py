"""Parity: how far a model's alphas are from the fp32 torch net's, over sequences of real frames at several sizes.

The previous alpha is fed back on both sides independently, so errors that build up over time show.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rtseg.errors import ExportError, ModelError
from rtseg.geometry import cover_crop, network_size
from rtseg.model import Model
from rtseg.providers import cuda_problem
from rtseg_train.unet import ConvBN, MBConv

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Runner = Callable[[U8, F32], F32]  # frame_bgr HxWx3, previous_alpha HxW -> alpha HxW, all at network size
# Width, height and area of the checked sequences; the area as a multiple of what the model prefers.
SHAPES = ((16, 10, 1.0), (3, 4, 1.0), (16, 9, 2.0))
# A union below this share of the picture counts as this much: a few pixels of nobody are no IoU of 0.
MIN_UNION = 0.01


@dataclass(frozen=True)
class Tolerance:
    """What a frame's alpha may differ from torch's."""

    max_error: float  # of one pixel's alpha
    mean_error: float  # over the frame
    iou: float  # at least this much, of the two masks cut at 0.5

    def __str__(self) -> str:
        return f"max {self.max_error:g}, mean {self.mean_error:g}, IoU {self.iou:g}"


# Measured on the demo clip with the shipped balanced: fp32 max 4e-6, mean 9e-8; fp16 max 0.014, mean 3e-4, IoU
# 0.9992; with the one before it fp16 max 0.13, with one of 80 steps mean 1.6e-3, IoU 0.992. Single pixels of doubt
# move much in fp16; the mean and the IoU are what shows. int8: max 0.97, mean 0.036, IoU 0.927 in the worst frame,
# where wall between an arm and the edge of the crop is let through, by fp32 a little and by int8 more.
TOLERANCES = {
    "fp32": Tolerance(1e-3, 1e-4, 0.999),
    "fp16": Tolerance(0.15, 2e-3, 0.99),
    "int8": Tolerance(1.0, 0.06, 0.9),
}


@dataclass(frozen=True)
class Difference:
    """One frame's figures. A frame without a usable alpha has max_error and mean_error infinite."""

    runner: str  # cpu, cuda or torch fp16
    size: tuple[int, int]  # width, height at network size
    frame: int  # number in the sequence
    max_error: float
    mean_error: float
    flipped: float  # share of pixels on the other side of 0.5
    iou: float
    note: str = ""  # why there was no alpha

    def within(self, tolerance: Tolerance) -> bool:
        return (
            self.max_error <= tolerance.max_error
            and self.mean_error <= tolerance.mean_error
            and self.iou >= tolerance.iou
        )


@dataclass(frozen=True)
class Parity:
    """All frames' figures, and what they are held against."""

    differences: list[Difference]
    tolerance: Tolerance

    @property
    def failures(self) -> list[Difference]:
        return [d for d in self.differences if not d.within(self.tolerance_on(d.runner))]

    def tolerance_on(self, runner: str) -> Tolerance:
        """CUDA computes fp32 files in TF32, which has the mantissa of fp16, and is held to fp16's at least."""
        if runner != "cuda":
            return self.tolerance
        a, b = self.tolerance, TOLERANCES["fp16"]
        return Tolerance(max(a.max_error, b.max_error), max(a.mean_error, b.mean_error), min(a.iou, b.iou))

    def worst(self) -> list[Difference]:
        """The worst of each figure by runner and size; `frame` is the one with the largest error."""
        groups: dict[tuple[str, tuple[int, int]], Difference] = {}
        for d in self.differences:
            old = groups.get((d.runner, d.size), d)
            groups[d.runner, d.size] = replace(
                max(old, d, key=lambda x: x.max_error),
                mean_error=max(old.mean_error, d.mean_error),
                flipped=max(old.flipped, d.flipped),
                iou=min(old.iou, d.iou),
            )
        return list(groups.values())

    def table(self, rows: int = 8) -> str:
        """The first failures as lines of text: frame, runner, figures."""
        lines = [f"{'frame':>5}  {'runs on':<10}  {'size':<9}  {'max':>8}  {'mean':>8}  {'IoU':>7}"]
        for d in self.failures[:rows]:
            size = f"{d.size[0]}x{d.size[1]}"
            figures = d.note or f"{d.max_error:8.2g}  {d.mean_error:8.2g}  {d.iou:7.4f}"
            lines.append(f"{d.frame:>5}  {d.runner:<10}  {size:<9}  {figures}")
        if len(self.failures) > rows:
            lines.append(f"  ... and {len(self.failures) - rows} more of {len(self.differences)}")
        return "\n".join(lines)

    def require(self, what: str) -> None:
        """Raise ExportError with the table unless every frame is within tolerance."""
        if self.failures:
            raise ExportError(
                f"{what} misses its parity tolerance ({self.tolerance}); nothing was written\n{self.table()}\n"
                "Weights that overflow fp16 may still export with --precision fp32; else look at the checkpoint"
            )


def check(
    model_path: Path, net: nn.Module, frames: Sequence[U8], tolerance: Tolerance, area: int, provider: str | None = None
) -> Parity:
    """Run a model file beside the fp32 torch net on frames (uint8 HxWx3 BGR, any size).

    On the provider given, or on the CPU and wherever CUDA works on CUDA too. `area` is in pixels. Raises
    ModelError when the file can't be loaded and ExportError when the torch net itself gives no alpha.
    """
    providers = [provider] if provider else ["cpu"] + (["cuda"] if cuda_problem() is None else [])
    runners: dict[str, Runner] = {p: Model(model_path, provider=p).run for p in providers}
    return compare(runners, net, frames, tolerance, area)


def check_half(net: nn.Module, reference: nn.Module, frames: Sequence[U8], tolerance: Tolerance, area: int) -> Parity:
    """The same for `net` (fp32, to become fp16) in torch, every layer's result rounded to fp16.

    onnxruntime's CPU provider computes fp16 models in fp32: it hides the overflows that CUDA would show.
    """
    return compare({"torch fp16": torch_runner(rounded(net))}, reference, frames, tolerance, area)


def rounded(net: nn.Module) -> nn.Module:
    """A copy that computes in fp32, as GPUs sum, but keeps weights and every result as fp16 would.

    torch's own fp16 convolutions on a CPU had not finished these frames after six minutes.
    """

    def round_result(_module: nn.Module, _inputs: tuple[Tensor, ...], result: Tensor) -> Tensor:
        return result.half().float()

    net = copy.deepcopy(net).half().float()  # weights as fp16 has them
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, ConvBN, MBConv)):
            module.register_forward_hook(round_result)
    return net


def compare(
    runners: dict[str, Runner], net: nn.Module, frames: Sequence[U8], tolerance: Tolerance, area: int
) -> Parity:
    """Every runner against the fp32 torch net on every sequence; raises ExportError without frames."""
    if not frames:
        raise ExportError("parity check: there are no frames; give a folder of pictures with --frames")
    reference = torch_runner(net)
    differences = []
    for width, height, factor in SHAPES:
        size = network_size(width * 100, height * 100, int(area * factor))
        sequence = [fit(frame, size) for frame in frames]
        expected = list(feed_back(reference, sequence))
        if not all(np.isfinite(alpha).all() for alpha in expected):
            raise ExportError("the checkpoint gives NaN or Inf in torch already; its weights are damaged")
        for name, runner in runners.items():
            differences += differences_of(name, runner, sequence, expected)
    return Parity(differences, tolerance)


def differences_of(name: str, runner: Runner, sequence: Sequence[U8], expected: Sequence[F32]) -> list[Difference]:
    """The runner's difference on each frame; ends with the first that has no usable alpha."""
    size = (sequence[0].shape[1], sequence[0].shape[0])
    result: list[Difference] = []
    try:
        for alpha, wanted in zip(feed_back(runner, sequence), expected, strict=True):
            result.append(difference(name, size, len(result), alpha, wanted))
            if not np.isfinite(alpha).all():
                break
    except ModelError as e:  # Model.run refuses NaN and worse by itself
        result.append(Difference(name, size, len(result), np.inf, np.inf, 1.0, 0.0, str(e)))
    return result


def difference(name: str, size: tuple[int, int], frame: int, alpha: F32, wanted: F32) -> Difference:
    """One frame's figures from two alphas, float32 HxW."""
    if not np.isfinite(alpha).all():
        share = np.count_nonzero(~np.isfinite(alpha)) / alpha.size
        return Difference(name, size, frame, np.inf, np.inf, 1.0, 0.0, f"{share:.1%} of alpha is NaN or Inf")
    error = np.abs(alpha - wanted)
    a, b = alpha > 0.5, wanted > 0.5
    flipped = int(np.count_nonzero(a ^ b))
    union = max(int(np.count_nonzero(a | b)), MIN_UNION * alpha.size)
    return Difference(
        name, size, frame, float(error.max()), float(error.mean()), flipped / alpha.size, 1 - flipped / union
    )


def feed_back(runner: Runner, sequence: Sequence[U8]) -> Iterator[F32]:
    """The alphas of a sequence at network size, each fed to the next frame; zeros before the first."""
    alpha: F32 = np.zeros(sequence[0].shape[:2], np.float32)
    for frame_bgr in sequence:
        alpha = runner(frame_bgr, alpha)
        yield alpha


def torch_runner(net: nn.Module) -> Runner:
    """The torch net as a runner."""
    net = copy.deepcopy(net).eval().to(memory_format=torch.channels_last)

    def run(frame_bgr: U8, previous_alpha: F32) -> F32:
        with torch.inference_mode(), one_thread():
            logits = net(torch.from_numpy(frame_bgr)[None], torch.from_numpy(previous_alpha)[None, None])
            alpha: F32 = torch.sigmoid(logits)[0, 0].numpy()
        return alpha

    return run


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: on a busy machine several wait for the slowest of them at every layer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(frame_bgr: U8, size: tuple[int, int]) -> U8:
    """The centre of the frame at network size (width, height), not stretched."""
    x, y, w, h = cover_crop(frame_bgr.shape[1], frame_bgr.shape[0], *size)
    window = frame_bgr[y : y + h, x : x + w]
    return cv2.resize(window, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
