"""A model beside the fp32 torch net, over sequences of real frames at several sizes.

The previous alpha is fed back on both sides independently, so errors that build up over time show.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from rtseg.arrays import F32, U8, u8
from rtseg.errors import ExportError, ModelError
from rtseg.models.model import Model
from rtseg.models.providers import cuda_problem
from rtseg.pixels.geometry import cover_crop, network_size
from rtseg_export.parity import Difference, Parity, Tolerance, difference
from rtseg_train.unet import ConvBN, MBConv

Runner = Callable[[U8, F32], F32]  # frame_bgr HxWx3, previous_alpha HxW -> alpha HxW, all at network size
# Width, height and area of the checked sequences; the area as a multiple of what the model prefers.
SHAPES = ((16, 10, 1.0), (3, 4, 1.0), (16, 9, 2.0))


@dataclass(frozen=True)
class Expected:
    """What the fp32 torch net says of a sequence of frames at one network size."""

    frames: list[U8]
    alphas: list[F32]


def check_sizes(area: int, static: tuple[int, int] | None = None) -> list[tuple[int, int]]:
    """(width, height) of the sequences for a model that prefers `area` pixels, or takes one size alone."""
    if static:
        return [static]
    return [network_size(width * 100, height * 100, int(area * factor)) for width, height, factor in SHAPES]


def expected(net: nn.Module, frames: Sequence[U8], sizes: Sequence[tuple[int, int]]) -> list[Expected]:
    """The reference on frames (uint8 HxWx3 BGR of any size); raises ExportError without frames or alphas."""
    if not frames:
        raise ExportError("parity check: there are no frames; give a folder of pictures with --pictures")
    reference, result = torch_runner(net), []
    for size in sizes:
        sequence = [cropped_to(frame, size) for frame in frames]
        alphas = list(feed_back(reference, sequence))
        if not all(np.isfinite(alpha).all() for alpha in alphas):
            raise ExportError("the checkpoint gives NaN or Inf in torch already; its weights are damaged")
        result.append(Expected(sequence, alphas))
    return result


def check(model_path: Path, wanted: Sequence[Expected], tolerance: Tolerance) -> Parity:
    """Run a model file beside the reference, on the CPU and wherever CUDA works on CUDA too.

    Raises ModelError when the file can't be loaded.
    """
    providers = ["cpu"] + (["cuda"] if cuda_problem() is None else [])
    return compare({p: Model(model_path, provider=p).run for p in providers}, wanted, tolerance)


def check_half(net: nn.Module, wanted: Sequence[Expected], tolerance: Tolerance) -> Parity:
    """The same for `net` (fp32, to become fp16) in torch, every layer's result rounded to fp16.

    onnxruntime's CPU provider computes fp16 models in fp32: it hides the overflows that CUDA would show.
    """
    return compare({"torch fp16": torch_runner(rounded(net))}, wanted, tolerance)


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


def compare(runners: dict[str, Runner], wanted: Sequence[Expected], tolerance: Tolerance) -> Parity:
    """Every runner against the reference on every sequence."""
    pairs = [(name, runner, one) for one in wanted for name, runner in runners.items()]
    return Parity([d for name, runner, one in pairs for d in differences_of(name, runner, one)], tolerance)


def differences_of(name: str, runner: Runner, wanted: Expected) -> list[Difference]:
    """The runner's difference on each frame; ends with the first that has no usable alpha.

    Before each frame both are told the reference's alpha of the frame before. With their own, a net that doubts a coat
    on a chair would be far from itself a few frames later, whatever the file computes.
    """
    size = (wanted.frames[0].shape[1], wanted.frames[0].shape[0])
    told = [np.zeros(size[::-1], np.float32), *wanted.alphas[:-1]]
    result: list[Difference] = []
    try:
        for frame_bgr, before, right in zip(wanted.frames, told, wanted.alphas, strict=True):
            alpha = runner(frame_bgr, before)
            result.append(difference(name, size, len(result), alpha, right))
            if not np.isfinite(alpha).all():
                break
    except ModelError as e:  # Model.run refuses NaN and worse by itself
        result.append(Difference(name, size, len(result), np.inf, np.inf, 1.0, 0.0, str(e)))
    return result


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


def cropped_to(frame_bgr: U8, size: tuple[int, int]) -> U8:
    """The centre of the frame at network size (width, height), not stretched."""
    x, y, w, h = cover_crop(frame_bgr.shape[1], frame_bgr.shape[0], *size)
    window = frame_bgr[y : y + h, x : x + w]
    return u8(cv2.resize(window, size, interpolation=cv2.INTER_AREA))
