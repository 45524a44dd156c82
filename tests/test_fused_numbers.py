"""The fused graph's torch code beside the CPU's way, on frames whose person is known: what a net says is drawn here.

Parity compares a file with the code it was made from, and tests of the shipped files say nothing of the code.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from rtseg.arrays import F32, U8
from rtseg.models.fused import NO_PICTURE
from rtseg.paths.cpu import CpuPath
from rtseg.pixels.composite import full_alpha
from rtseg.pixels.edge import PLAIN, Edge
from rtseg.pixels.matte import grey_of
from rtseg_export.fused import FusedBlur, FusedPicture, planes

W, H, SMALL = 320, 192, (160, 96)
WALL, SHIRT = (170, 180, 160), (30, 60, 190)


class Drawn(torch.nn.Module):
    """Stands for a net on both ways; `told` keeps the alphas that it was told."""

    path, follows, remembers = Path("drawn"), False, False

    def __init__(self) -> None:
        super().__init__()
        self.alpha = np.zeros(SMALL[::-1], np.float32)
        self.told: list[F32] = []

    def forward(self, frame_bgr: Tensor, previous_alpha: Tensor) -> Tensor:
        return torch.logit(torch.from_numpy(self.run(frame_bgr[0].numpy(), previous_alpha[0, 0].numpy()))[None, None])

    def run(self, frame_bgr: U8, previous_alpha: F32) -> F32:
        self.told.append(previous_alpha.copy())
        return self.alpha.copy()

    def size_for(self, *_: int) -> tuple[int, int]:
        return SMALL

    def reset(self) -> None: ...


class Both:
    """The two ways, frame by frame with what each remembers. behind: a picture, or None for the room, blurred."""

    def __init__(self, behind: U8 | None, blur: float = 20.0, levels: torch.dtype = torch.float32) -> None:
        self.net, self.behind, self.blur = Drawn(), behind, blur
        self.cpu = CpuPath(self.net, W, H, SMALL[0] * SMALL[1])
        self.graph = FusedBlur(self.net, levels) if behind is None else FusedPicture(self.net, levels)
        self.alpha, self.grey = torch.zeros(1, 1, *SMALL[::-1]), torch.full((1, 1, *SMALL[::-1]), NO_PICTURE)

    def __call__(self, frame: U8, alpha: F32, edge: Edge = PLAIN) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Composites of (the graph, the CPU)."""
        self.net.alpha = alpha
        out = self.cpu.composite(frame, self.behind, self.blur, edge)
        effect = torch.tensor(self.blur) if self.behind is None else torch.from_numpy(self.behind)[None]
        with torch.inference_mode():
            made, self.alpha, self.grey, fit, _ = self.graph(
                torch.from_numpy(frame)[None], effect, torch.tensor(edge), self.alpha, self.grey
            )
        self.shown = np.empty((2, H, W), np.float32)  # alphas at the frame's size, of the graph and of the CPU
        full_alpha(frame, fit[0].numpy(), self.shown[0])
        self.shown[1] = self.cpu.alpha(frame)
        return made[0].numpy().astype(int), out.astype(int)


def bust(middle: int = W // 2) -> tuple[U8, F32, NDArray[np.bool_], NDArray[np.bool_]]:
    """(frame, alpha at network size, where surely person is, where surely room is) of somebody in red at a wall."""
    truth = np.zeros((H, W), np.float32)
    cv2.ellipse(truth, (middle, H), (60, 130), 0, 0, 360, 1, -1)
    soft = cv2.GaussianBlur(truth, (0, 0), 1.0)
    frame = WALL + soft[..., None] * (np.array(SHIRT) - np.array(WALL, float))
    alpha = np.clip(cv2.resize(cv2.GaussianBlur(truth, (0, 0), 2.0), SMALL, interpolation=cv2.INTER_AREA), 0, 1)
    wide = np.ones((41, 41), np.uint8)
    return np.rint(frame).astype(np.uint8), alpha, cv2.erode(truth, wide) > 0, cv2.dilate(truth, wide) == 0


def beach() -> U8:
    coarse = np.random.default_rng(2).integers(0, 256, (6, 10, 3), np.uint8)
    return np.ascontiguousarray(cv2.resize(coarse, (W, H), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("edge", [PLAIN, Edge(0.6), Edge(-0.6), Edge(0.0, 0.5)], ids=str)
@pytest.mark.parametrize("effect", ["picture", "blur"])
def test_a_known_person_before_what_was_asked_for(effect: str, edge: Edge) -> None:
    behind = beach() if effect == "picture" else None
    frame, alpha, person, room = bust()
    both = Both(behind)
    graph, cpu = both(frame, alpha, edge)
    np.testing.assert_allclose(both.shown[0], both.shown[1], atol=0.06)
    small = cv2.resize(frame, SMALL, interpolation=cv2.INTER_AREA)
    assert np.abs(both.grey[0, 0].numpy() - grey_of(small)).mean() < 0.004
    for made in (graph, cpu):
        np.testing.assert_array_equal(made[person], frame[person], "the person, and all of them")
        np.testing.assert_allclose(made[room], frame[room] if behind is None else behind[room], atol=1)
    rim = ~(person | room)
    assert np.abs(graph - cpu)[rim].mean() < 1.2


@pytest.mark.parametrize("effect", ["picture", "blur"])
def test_in_half_the_bytes_the_picture_is_the_same(effect: str) -> None:
    """But for a level here and there."""
    frame, alpha, person, room = bust()
    behind = beach() if effect == "picture" else None
    whole, half = (Both(behind, levels=levels)(frame, alpha)[0] for levels in (torch.float32, torch.float16))
    np.testing.assert_array_equal(half[person], frame[person])
    if behind is not None:
        np.testing.assert_array_equal(half[room], behind[room])
    assert np.abs(half - whole).max() == 1 and np.abs(half - whole).mean() < 0.1


def test_a_blended_level_is_rounded_to_the_nearest() -> None:
    person, room = np.random.default_rng(1).integers(0, 256, (2, 32, 64, 3), np.uint8)
    frame = torch.from_numpy(person)[None]
    fit = torch.cat([torch.zeros(1, 3, 8, 16), torch.full((1, 1, 8, 16), 0.3)], 1)
    made = FusedPicture(Drawn()).blend(planes(frame), planes(torch.from_numpy(room)[None]), fit, None)[0].numpy()
    assert np.abs(made - (room + 0.3 * (person.astype(float) - room))).max() < 0.501


def test_a_rim_becomes_no_brighter_than_white() -> None:
    frame, black = torch.full((1, 3, 32, 64), 250, dtype=torch.uint8), torch.zeros(1, 3, 32, 64)
    fit = torch.cat([torch.zeros(1, 3, 8, 16), torch.full((1, 1, 8, 16), 0.5)], 1)
    step = torch.full((1, 3, 4, 8), 40.0)
    for levels in (torch.float32, torch.float16):
        assert set(FusedPicture(Drawn(), levels).blend(frame, black, fit, step).flatten().tolist()) == {128}


def test_the_room_is_blurred_as_strongly() -> None:
    """Stripes of the room lose as much of their contrast on both ways, more for a stronger blur."""
    frame, alpha, _, room = bust()
    frame[:, :48] = frame[:, -48:] = np.where(np.arange(48)[:, None] % 24 < 12, 80, 220).astype(np.uint8)
    left = []
    for strength in (6.0, 15.0, 30.0):
        graph, cpu = Both(None, strength)(frame, alpha)
        assert np.abs(graph - cpu)[room].mean() < 3
        left.append([float(made[40:150, 6:42].std()) for made in (graph, cpu)])
    for ours, theirs in left:
        assert ours == pytest.approx(theirs, rel=0.25, abs=1.5)
    assert left[0][0] > 1.5 * left[1][0] > 2 * left[2][0]


def test_after_a_cut_nothing_is_told_and_nothing_held() -> None:
    frame, alpha, *_ = bust()
    both = Both(beach())
    both(frame, alpha)
    both(frame, np.clip(alpha + 0.05, 0, 1))
    assert all(told.max() == 1 for told in both.net.told[2:]), "of the same scene"
    assert np.abs(both.alpha[0, 0].numpy() - both.net.alpha).max() > 0.01, "and held"
    other, said = frame.copy(), np.clip(alpha * 0.95, 0, 1)
    other[:, :80] = other[:, -80:] = 0  # much of the picture, but nothing where the person is
    graph, cpu = both(other, said)
    assert all(told.max() == 0 for told in both.net.told[4:])
    np.testing.assert_allclose(both.alpha[0, 0].numpy(), said, atol=1e-5)
    assert np.abs(graph - cpu).mean() < 0.5
