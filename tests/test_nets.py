"""The nets and what they start from, and the losses as the runtime will see their work."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rtseg.errors import DataError
from rtseg.pixels.composite import full_alpha
from rtseg.pixels.edge import Edge
from rtseg.pixels.matte import fit_coefficients, grey_of
from rtseg_export import fused_matte
from rtseg_export.fused import FusedPicture
from rtseg_train import starting
from rtseg_train.checkpoint import load_weights
from rtseg_train.config import AREAS, TrainConfig
from rtseg_train.losses import boundary_loss, box, edge_filter, grown, temporal_loss
from rtseg_train.nets import BUILDERS
from rtseg_train.step import initial_state, train_step
from rtseg_train.unet import ConvBN, UNet, rounded


@pytest.mark.parametrize("path", sorted(starting.SHIPPED.glob("*.safetensors")), ids=lambda path: path.stem)
def test_a_net_starts_from_what_ships_by_its_name(path: Path) -> None:
    started, shipped = starting.starting_net(TrainConfig(train="", arch=path.stem)).state_dict(), load_file(path)
    assert load_weights(path)[1]["arch"] == path.stem
    assert started.keys() == shipped.keys()
    assert all(torch.equal(value, shipped[name]) for name, value in started.items())


def test_others_start_from_the_largest_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of the encoder that it lacks, and a decoder of other widths, stay as they are."""
    monkeypatch.setattr(starting, "SHIPPED", tmp_path)
    monkeypatch.setitem(BUILDERS, "wide", lambda: UNet((64, 48, 32, 32, 32), max_repeats=3))
    monkeypatch.setitem(AREAS, "wide", 4096)
    given = {"fast": UNet(max_repeats=1), "balanced": UNet(max_repeats=2)}
    for name, net in given.items():
        save_file(net.state_dict(), tmp_path / f"{name}.safetensors")
    started = starting.starting_net(TrainConfig(train="", arch="wide")).encoder.state_dict()
    for name, value in given["balanced"].encoder.state_dict().items():
        assert torch.equal(value, started[name])


def test_weights_of_another_kind_of_net_are_refused(tmp_path: Path) -> None:
    save_file(UNet(max_repeats=1).state_dict(), tmp_path / "unet.safetensors")
    with pytest.raises(DataError, match=r"fits 0 of the .* --init scratch"):
        starting.starting_net(TrainConfig(train="", arch="classic", init=str(tmp_path / "unet.safetensors")))


def test_normalisation_is_the_encoders() -> None:
    frame = torch.tensor([[[[255, 127, 0]]]], dtype=torch.uint8)
    x = UNet.normalise(frame, torch.full((1, 1, 1, 1), 0.5))
    assert x.flatten().tolist() == [1.0, 0.0, -127 / 128, 0.5]


def test_encoder_weights_fill_all_but_the_previous_alpha(tmp_path: Path) -> None:
    torch.manual_seed(1)
    weights = {k: v for k, v in UNet().encoder.state_dict().items() if not k.endswith("num_batches_tracked")}
    rgb = weights["stem.conv.weight"][:, :3].clone()
    save_file({**weights, "stem.conv.weight": rgb}, tmp_path / "encoder.safetensors")
    net = UNet()
    net.encoder.load_pretrained(tmp_path / "encoder.safetensors")
    stem = net.encoder.stem.conv.weight
    assert torch.equal(stem[:, :3], rgb.flip(1)) and not stem[:, 3].any()
    save_file({"stem.conv.weight": rgb}, tmp_path / "encoder.safetensors")
    with pytest.raises(DataError, match="does not fit: missing"):
        net.encoder.load_pretrained(tmp_path / "encoder.safetensors")


@pytest.mark.parametrize("radius", [1, 2, 3, 4, 7])
def test_windows_of_the_losses_are_those_of_pooling(radius: int) -> None:
    torch.manual_seed(0)
    x, size = torch.randn(3, 1, 20, 31), 2 * radius + 1
    assert torch.equal(grown(x, radius), torch.nn.functional.max_pool2d(x, size, 1, radius))
    mean = torch.nn.functional.avg_pool2d(x, size, 1, radius, count_include_pad=False)
    assert torch.allclose(box(x, radius), mean, atol=1e-6)


def test_rounded_weights_have_the_levels_of_an_int8_file_and_still_learn() -> None:
    torch.manual_seed(0)
    weight = torch.randn(3, 4, 3, 3, requires_grad=True)
    scale = 64 / weight.detach().abs().amax((1, 2, 3), keepdim=True)
    levels = rounded(weight).detach() * scale
    assert (levels - weight.detach() * scale).abs().max() < 0.501, "to the nearest"
    assert torch.allclose(levels, levels.round(), atol=1e-3) and levels.abs().max() == pytest.approx(64)
    assert (rounded(weight) - weight).abs().max().item() > 0.001
    rounded(weight).sum().backward()
    assert weight.grad is not None and (weight.grad == 1).all()


def test_the_last_steps_compute_with_rounded_weights() -> None:
    config = TrainConfig(train="", steps=4, frozen_steps=0, rounded_steps=2, precision="fp32")
    state = initial_state(UNet((8, 8, 8, 8, 8), max_repeats=1), config, torch.device("cpu"))
    frame, planes = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8), torch.zeros(3, 2, 1, 32, 32)
    seen = []
    for _ in range(config.steps):
        train_step(config, state, (frame, planes[0], planes[1], planes[2] + 1, 0))
        seen.append({module.rounds for module in state.net.modules() if isinstance(module, ConvBN)})
    assert seen == [{False}, {False}, {True}, {True}]
    assert not any(m.rounds for m in state.ema.modules() if isinstance(m, ConvBN)), "what is saved is not rounded"


def test_every_net_has_an_area() -> None:
    assert AREAS.keys() == BUILDERS.keys()


def test_the_edge_filters_of_runtime_loss_and_graph_are_one() -> None:
    rng = np.random.default_rng(0)
    frame = cv2.GaussianBlur(rng.integers(0, 256, (64, 96, 3), np.uint8), (0, 0), 3)
    person = cv2.ellipse(np.zeros((64, 96), np.uint8), (48, 40), (18, 22), 0, 0, 360, 255, -1)
    alpha = cv2.GaussianBlur(person.astype(np.float32) / 255, (0, 0), 2)
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    np.testing.assert_allclose(grey_of(frame), grey, atol=1 / 255)
    fit, wanted = fit_coefficients(frame, alpha), np.empty_like(alpha)
    full_alpha(frame, fit, wanted)
    made = edge_filter(torch.from_numpy(frame)[None], torch.from_numpy(alpha)[None, None])[0, 0].numpy()
    small, planes = torch.from_numpy(frame).permute(2, 0, 1)[None].float(), torch.from_numpy(alpha)[None, None]
    for shift, feather in ((0.0, 0.0), (0.5, 0.3)):
        graph = fused_matte.fit_coefficients(small, planes, torch.tensor([shift]), torch.tensor([feather]))[0].numpy()
        off = np.abs(graph - fit_coefficients(frame, alpha, Edge(shift, feather)))
        assert off[3].max() < 2e-3 and 255 * off[:3].max() < 2e-3
    luma = torch.from_numpy(frame).permute(2, 0, 1)[None] * FusedPicture(torch.nn.Identity()).luma
    np.testing.assert_allclose(luma.sum(1)[0], grey_of(frame), atol=1e-6)
    inside = np.s_[8:-8, 8:-8]  # at the border one mirrors the picture, the other averages what is there
    assert wanted[inside].std() > 0.1 and np.abs(made - wanted)[inside].max() < 0.02


def test_the_boundary_loss_reaches_the_logits_through_the_filter() -> None:
    frame = torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8)
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 16:] = 1
    logits = torch.zeros(1, 1, 32, 32, requires_grad=True)
    even = torch.ones_like(alpha)
    loss = boundary_loss(frame, logits, alpha, even)
    loss.backward()
    assert logits.grad is not None and logits.grad[..., 20:].sum() < 0 < logits.grad[..., :12].sum()
    assert boundary_loss(frame, (alpha * 2 - 1) * 20, alpha, even) < 0.3 * loss


def test_the_temporal_loss_is_blind_to_what_both_frames_get_wrong() -> None:
    alpha = torch.rand(4, 1, 8, 8)
    wrong = torch.logit(alpha * 0.5 + 0.1)
    wrong[1], alpha[1] = wrong[0], alpha[0]
    assert temporal_loss(wrong, alpha, 1) == 0 == temporal_loss(wrong, alpha, 0)
    wrong[1] += 1
    assert temporal_loss(wrong, alpha, 1) > 0.001
