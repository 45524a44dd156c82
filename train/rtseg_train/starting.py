"""The weights that a run begins with."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from rtseg.errors import DataError
from rtseg.models.model import TIERS
from rtseg_train.checkpoint import read_tensors
from rtseg_train.config import TrainConfig
from rtseg_train.nets import build
from rtseg_train.unet import CoarseStem, DetailUNet, UNet

SHIPPED = Path(__file__).parent  # holds what the shipped models were exported from, ARCH.safetensors


def starting_net(config: TrainConfig) -> nn.Module:
    """What the config says to start from: another run, the shipped model, an ImageNet encoder, or nothing."""
    net = build(config.arch)
    if config.encoder:
        if not isinstance(net, (UNet, DetailUNet)):
            raise DataError(f"the {config.arch} net has no encoder to load; leave out --encoder")
        net.encoder.load_pretrained(Path(config.encoder))
        return net
    if config.init == "scratch" or (config.init is None and not isinstance(net, (UNet, DetailUNet))):
        return net
    warm_start(net, Path(config.init) if config.init else shipped_start(config.arch))
    return net


def shipped_start(arch: str) -> Path:
    """What a net starts from by itself: the shipped checkpoint of its name, or else the largest that ships."""
    paths = (SHIPPED / f"{name}.safetensors" for name in (arch, *TIERS))
    return next(path for path in paths if path.exists())


def warm_start(net: nn.Module, path: Path) -> None:
    """Copy every tensor of the checkpoint that has the name and shape of one of the net's.

    So that a smaller net starts from a larger relative; raises DataError when less than half would fit.
    """
    given, own = read_tensors(path), net.state_dict()
    if isinstance(net, DetailUNet):
        given = as_detail(given, own)
    fitting = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    if len(fitting) < len(own) / 2:
        raise DataError(f"{path} fits {len(fitting)} of the {len(own)} tensors of this net; start with --init scratch")
    net.load_state_dict(fitting, strict=False)


def as_detail(tensors: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """A `UNet`'s tensors for a `DetailUNet`: with them it gives that net's logits at half the size, each four times.

    Its own tensors (own: of such a net) are left as they are.
    """
    first = "ups.3.convs.0.conv.weight"
    if "detail.conv.weight" in tensors or not {"encoder.stem.conv.weight", "head.weight", first} <= tensors.keys():
        return tensors
    found = dict(tensors)
    found["encoder.stem.conv.weight"] = CoarseStem.widened(tensors["encoder.stem.conv.weight"])
    weight = tensors[first]
    beside = weight.new_zeros(len(weight), max(0, own[first].shape[1] - weight.shape[1]), 3, 3)
    found[first] = torch.cat([weight, beside], 1)
    for name in ("head.weight", "head.bias"):  # of each of 2x2 sub-pixels, four
        value = tensors[name]
        quarters = value.reshape(2, 2, *value.shape[1:])
        found[name] = quarters.repeat_interleave(2, 0).repeat_interleave(2, 1).flatten(0, 1)
    return found
