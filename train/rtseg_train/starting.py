"""The weights that a run begins with."""

from __future__ import annotations

from pathlib import Path

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
        given = as_detail(given)
    fitting = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    if len(fitting) < len(own) / 2:
        raise DataError(f"{path} fits {len(fitting)} of the {len(own)} tensors of this net; start with --init scratch")
    net.load_state_dict(fitting, strict=False)


def as_detail(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A `UNet`'s tensors under the names that a `DetailUNet` has for them; its own are left as they are."""
    if "detail.conv.weight" in tensors or "encoder.stem.conv.weight" not in tensors:
        return tensors
    moved = {f"ups.{i}.": f"ups.{i - 1}." for i in range(1, 4)}  # it has no level at 1/32 of what its encoder sees
    found = {}
    for name, value in tensors.items():
        level = name[: len("ups.0.")]
        found[moved.get(level, level) + name[len(level) :]] = value
    found["encoder.stem.conv.weight"] = CoarseStem.widened(tensors["encoder.stem.conv.weight"])
    return found
