"""Parity of a fused file: its alphas and composites against the same graph in torch, fp32, over sequences of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rtseg.arrays import F32, U8
from rtseg.errors import ExportError, ModelError
from rtseg.models.fused import NO_PICTURE, FusedModel
from rtseg.models.providers import cuda_problem
from rtseg.paths.cuda import CudaPath
from rtseg.pixels.composite import full_alpha
from rtseg.pixels.edge import PLAIN, Edge
from rtseg_export.compare import cropped_to, one_thread
from rtseg_export.fused import Fused, FusedPicture
from rtseg_export.parity import Difference, Parity, Tolerance, difference

Wanted = tuple[U8, F32, F32]
SCALE = 3  # the frame's side over the network's
LEVELS = 1.0  # mean difference of composites, of 255, from which a file is refused
EDGE_ERROR = 5e-3  # mean difference of the alphas at the frame's size, from which a file is refused
STRENGTH = 20.0  # of the blur
EDGES = (Edge(0.5, 0.5, 0.2), PLAIN)  # of the frames in turn; at 1 % a coat on a chair is left out by one of both


def check_fused(
    model_path: Path, graph: Fused, frames: Sequence[U8], sizes: Sequence[tuple[int, int]], tolerance: Tolerance
) -> Parity:
    """Run a fused file beside `graph` (torch, fp32), on the CPU and wherever CUDA works on CUDA too.

    frames: uint8 HxWx3 BGR of any size; sizes: (width, height) of the network. Raises ModelError when the file can't
    be loaded and ExportError without frames or when torch itself gives no alpha.
    """
    if not frames:
        raise ExportError("parity check: there are no frames; give a folder of pictures with --pictures")
    providers = ["cpu"] + (["cuda"] if cuda_problem() is None else [])
    models = {provider: FusedModel(model_path, provider=provider) for provider in providers}
    differences: list[Difference] = []
    for size in sizes:
        sequence = [cropped_to(frame, (SCALE * size[0], SCALE * size[1])) for frame in frames]
        room = np.ascontiguousarray(sequence[0][::-1])
        expected = list(in_torch(graph, sequence, room, size))
        if not all(np.isfinite(alpha).all() for _, alpha, _ in expected):
            raise ExportError("the checkpoint gives NaN or Inf in torch already; its weights are damaged")
        for provider, model in models.items():
            path = CudaPath(model, SCALE * size[0], SCALE * size[1], size[0] * size[1])
            differences += beside(provider, path, sequence, room, expected)
    return Parity(differences, tolerance)


def in_torch(graph: nn.Module, sequence: Sequence[U8], room: U8, size: tuple[int, int]) -> Iterator[Wanted]:
    """(composite uint8 HxWx3, alpha float32 hxw, alpha float32 HxW) of each frame, the state fed back."""
    graph = graph.eval()
    alpha, grey = torch.zeros(1, 1, *size[::-1]), torch.full((1, 1, *size[::-1]), NO_PICTURE)
    second = torch.from_numpy(room)[None] if isinstance(graph, FusedPicture) else torch.tensor(STRENGTH)
    for number, frame_bgr in enumerate(sequence):
        edge = torch.tensor(EDGES[number % len(EDGES)])
        with torch.inference_mode(), one_thread():
            composite, alpha, grey, fit, _ = graph(torch.from_numpy(frame_bgr)[None], second, edge, alpha, grey)
        full = np.empty(frame_bgr.shape[:2], np.float32)
        full_alpha(frame_bgr, fit[0].numpy(), full)
        yield composite[0].numpy(), alpha[0, 0].numpy(), full


def beside(name: str, path: CudaPath, sequence: Sequence[U8], room: U8, expected: Sequence[Wanted]) -> list[Difference]:
    """The file's difference on each frame; ends with the first that has no usable alpha or another composite."""
    result: list[Difference] = []
    for number, (frame_bgr, (picture, wanted, full)) in enumerate(zip(sequence, expected, strict=True)):
        try:
            composite = path.composite(frame_bgr, room, STRENGTH, EDGES[number % len(EDGES)])
        except ModelError as e:
            result.append(Difference(name, path.size, number, np.inf, np.inf, 1.0, 0.0, str(e)))
            break
        levels = float(np.abs(composite.astype(np.int16) - picture).mean())
        error = float(np.abs(path.alpha(frame_bgr) - full).mean())
        if levels > LEVELS or error > EDGE_ERROR:
            note = f"composites differ by {levels:.1f} of 255 on average, their alphas by {error:.1g}"
            result.append(Difference(name, path.size, number, np.inf, np.inf, 1.0, 0.0, note))
            break
        result.append(difference(name, path.size, number, path.network_alpha, wanted))
    return result
