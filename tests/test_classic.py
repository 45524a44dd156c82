"""The textbooks' net: its size, what it makes of a frame, and weights that are none of it."""

from pathlib import Path

import pytest
import torch

from rtseg.errors import DataError
from rtseg_train.article_results import load_net
from rtseg_train.checkpoint import save_weights
from rtseg_train.classic import ClassicUNet, widths_of
from rtseg_train.unet import UNet

WIDTHS = (8, 8, 8, 8, 8)


def test_the_net_is_the_articles() -> None:
    with torch.device("meta"):
        net = ClassicUNet()
    assert sum(p.numel() for p in net.parameters()) == 34_513_410
    assert net.classes(torch.zeros(1, 3, 64, 64, device="meta")).shape == (1, 2, 64, 64)


def test_alpha_is_the_softmax_of_the_two_classes() -> None:
    torch.manual_seed(0)
    net = ClassicUNet(WIDTHS).eval()
    frame_bgr = torch.randint(0, 256, (2, 32, 64, 3), dtype=torch.uint8)
    image = frame_bgr[..., [2, 1, 0]].permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        alpha = torch.sigmoid(net(frame_bgr, torch.rand(2, 1, 32, 64)))
        person = torch.softmax(net.classes(image), dim=1)[:, 1:]
    assert alpha.shape == (2, 1, 32, 64)
    torch.testing.assert_close(alpha, person)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    save_weights(UNet((8, 8, 8, 8, 8)), tmp_path / "m.safetensors", {"arch": "balanced", "area": 4096})
    with pytest.raises(DataError, match="another net"):
        load_net(tmp_path / "m.safetensors")


@pytest.mark.parametrize("shape", [(), (10**6,), (10**4, 10**4)])
def test_what_is_no_classic_net_is_refused_before_it_is_made(shape: tuple[int, ...]) -> None:
    tensors = ClassicUNet(WIDTHS).state_dict()
    tensors["downs.4.0.weight"] = torch.zeros(1).expand(shape) if len(shape) > 1 else torch.zeros(shape)
    with pytest.raises(KeyError):
        widths_of(tensors)
