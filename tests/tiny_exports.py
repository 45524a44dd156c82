"""Exports small enough for tests: one random net, made into each kind of file; traced once for all test processes."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import onnx
import torch
import typer
from torch import nn

from conftest import SHARED
from rtseg.arrays import U8
from rtseg.files import whole_file
from rtseg_export.cli import app
from rtseg_export.compare import Expected, check_sizes, expected
from rtseg_export.export import Exported, export
from rtseg_export.frames import demo_frames
from rtseg_export.fused import fused_graph
from rtseg_export.graph import alpha_graph
from rtseg_train.checkpoint import save_weights
from rtseg_train.nets import build
from rtseg_train.unet import UNet

CHECKPOINT = Path(__file__).parents[1] / "train" / "rtseg_train" / "fast.safetensors"
AREA = 4096  # pixels: 64x64
INFO: dict[str, object] = {"name": "tiny", "arch": "fast", "area": AREA, "scores": {"ALL": {"iou": 50.0}}}
INFO |= {"terms": "public domain"}


def make_frames(count: int = 2) -> list[U8]:
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (count, 6, 8, 3), np.uint8)
    return [np.kron(x, np.ones((16, 16, 1), np.uint8)) for x in coarse]


def write_frames(folder: Path) -> Path:
    """The frames as a folder of pictures."""
    folder.mkdir()
    for i, frame in enumerate(make_frames()):
        cv2.imwrite(str(folder / f"{i}.png"), frame)
    return folder


@lru_cache(maxsize=1)
def shared_folder() -> Path:
    """For files that several tests read; gone when Python ends."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def traced(name: str, trace: Callable[[], onnx.ModelProto]) -> onnx.ModelProto:
    """torch's graph of this name, made by the test process that needs it first: tracing takes many seconds."""
    path = Path(os.environ[SHARED]) / f"{name}.onnx"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with whole_file(path) as temporary:
                onnx.save(trace(), temporary)
    return onnx.load(path)


def untrained() -> UNet:
    """The net that INFO names, with random weights."""
    net = build(str(INFO["arch"])).eval()
    assert isinstance(net, UNet)
    return net


@lru_cache(maxsize=1)
def tiny_net() -> UNet:
    """Random weights, with the head scaled until the alphas use the whole range. Copy it to change it."""
    torch.manual_seed(0)
    net = untrained()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.normal_(0, 0.01)  # all zero they would be stored once
    with torch.inference_mode():
        logits = net(torch.from_numpy(make_frames()[0])[None], torch.zeros(1, 1, 96, 128))
    with torch.no_grad():
        net.head.weight *= round(3 / float(logits.std()), 2)  # rounded: the same in every process
    return net


def changed_net() -> UNet:
    """A copy of the same, to be spoiled."""
    net = untrained()
    net.load_state_dict(tiny_net().state_dict())
    return net


@lru_cache(maxsize=1)
def tiny_expected() -> list[Expected]:
    """What the net says of the frames at the sizes of a parity check."""
    return expected(tiny_net(), make_frames(), check_sizes(AREA))


@lru_cache(maxsize=1)
def tiny_checkpoint() -> Path:
    """A run's model.safetensors and model.json."""
    return save_run(shared_folder() / "run", tiny_net())


def save_run(folder: Path, net: UNet, **info: object) -> Path:
    """The weights of a run in this folder; `info` goes into the JSON."""
    folder.mkdir(exist_ok=True)
    save_weights(net, folder / "model.safetensors", INFO | info)
    return folder / "model.safetensors"


@lru_cache(maxsize=4)
def tiny_export(precision: str) -> Exported:
    """The net's file in this precision, int8 out of the graph of fp32. Copy it to change it."""
    target = shared_folder() / precision / f"{precision}.onnx"
    target.parent.mkdir()
    name = "half" if precision == "fp16" else "single"
    with mock.patch("rtseg_export.export.alpha_graph", lambda net, _: traced(name, lambda: alpha_graph(net))):
        return export(tiny_checkpoint(), target, precision, make_frames(), training_data="noise", rooms=())


@lru_cache(maxsize=2)
def fused_export(effect: str) -> Exported:
    """The `fast` that ships, fused anew for "picture" or "blur": what ships may be of an earlier graph."""
    target = shared_folder() / f"{effect}-fused.onnx"
    with mock.patch(
        "rtseg_export.export.fused_graph", lambda net, *_: traced(effect, lambda: fused_graph(net, effect))
    ):
        return export(CHECKPOINT, target, "fp16", demo_frames(2), area=8192, effect=effect, rooms=())


def call(*args: object) -> None:
    """`rtseg export ...` in this process; errors come out. Random nets see people in empty rooms, and may."""
    command = typer.main.get_command(app)
    with mock.patch("rtseg_export.export.LEVELS", ()):
        command.main(args=["export", *map(str, args)], prog_name="rtseg", standalone_mode=False)


def edit_notes(weights: Path, **values: object) -> None:
    """Change some values of the JSON beside the weights; None takes one out."""
    notes = weights.with_suffix(".json")
    info = {k: v for k, v in (json.loads(notes.read_text()) | values).items() if v is not None}
    notes.write_text(json.dumps(info))
