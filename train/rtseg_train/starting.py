"""The weights that a run begins with."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from rtseg.errors import DataError
from rtseg.models.model import TIERS
from rtseg_train.checkpoint import read_tensors
from rtseg_train.config import TrainConfig
from rtseg_train.nets import build
from rtseg_train.unet import UNet

SHIPPED = Path(__file__).parent  # holds what the shipped models were exported from, ARCH.safetensors


def starting_net(config: TrainConfig) -> nn.Module:
    """What the config says to start from: another run, the shipped model, an ImageNet encoder, or nothing."""
    net = build(config.arch)
    if config.encoder:
        if not isinstance(net, UNet):
            raise DataError(f"the {config.arch} net has no encoder to load; leave out --encoder")
        net.encoder.load_pretrained(Path(config.encoder))
        return net
    if config.init == "scratch" or (config.init is None and not isinstance(net, UNet)):
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
    fitting = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    if len(fitting) < len(own) / 2:
        raise DataError(f"{path} fits {len(fitting)} of the {len(own)} tensors of this net; start with --init scratch")
    net.load_state_dict(fitting, strict=False)
