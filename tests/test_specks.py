"""`--specks`: every piece smaller than its value goes, whatever the value, and nothing of who is larger; both ways."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor

from conftest import write_clip
from rtseg import Pipeline
from rtseg.arrays import F32, U8, f32
from rtseg.commands.apply.run import run
from rtseg.models.fused import NO_PICTURE
from rtseg.pixels import specks
from rtseg_export import fused, fused_matte

pytestmark = pytest.mark.usefixtures("unchecked")
WIDTH, HEIGHT = 640, 360
VALUES = (0.1, 0.5, 2, 5)
Place = tuple[slice, slice]


def box(alpha: F32, left: int, top: int, width: int, height: int) -> Place:
    """Draw a person (or a piece of one) that fills this; where it is."""
    place = slice(top, top + height), slice(left, left + width)
    alpha[place] = 1
    return place


def scene(percent: float) -> tuple[F32, list[Place], list[Place]]:
    """(alpha, what stays, what goes): people larger than `percent` of the picture, pieces that are smaller."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    side = (WIDTH * HEIGHT * percent / 100) ** 0.5
    stays = [
        box(alpha, 240, 100, 160, HEIGHT - 100),
        box(alpha, 180, 200, 60, 8),  # a thin arm, held out
        box(alpha, 470, 30, round(1.12 * side), round(1.12 * side)),  # somebody further away
    ]
    goes = [box(alpha, 60, 30, round(0.88 * side), round(0.88 * side)), box(alpha, 60, 300, 13, 13)]  # 0.07 %
    return alpha, stays, goes


def shrunk(alpha: F32, size: tuple[int, int]) -> F32:
    return f32(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))


def pipeline_of(alpha: F32, percent: float | None = 0) -> tuple[Pipeline, U8]:
    """A pipeline whose network says what is drawn, and a frame that is bright there; None for rtseg's own percent."""
    pipeline = Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1)
    pipeline.follow = False  # this network draws whole frames
    if percent is not None:
        pipeline.specks = percent
    pipeline.model.run = lambda small_bgr, _: shrunk(alpha, small_bgr.shape[1::-1])  # type: ignore[method-assign]
    return pipeline, np.repeat(np.uint8(60 + 120 * alpha)[..., None], 3, axis=2)


class Drawn(torch.nn.Module):
    """The same for the fused graph."""

    def __init__(self, alpha: F32) -> None:
        super().__init__()
        self.alpha = torch.from_numpy(alpha)

    def forward(self, frame_bgr: Tensor, previous_alpha: Tensor) -> Tensor:
        return torch.logit(self.alpha[None, None], 1e-6)


def seen_fused(alpha: F32, frame: U8, percent: float, size: tuple[int, int]) -> U8:
    """The fused graph's composite before green."""
    graph, state = fused.FusedPicture(Drawn(shrunk(alpha, size))), torch.zeros(1, 1, *size[::-1])
    green = torch.tensor((0, 255, 0), dtype=torch.uint8).expand(1, HEIGHT, WIDTH, 3)
    edge = torch.tensor((0.0, 0.0, percent))
    with torch.inference_mode():
        composite = graph(torch.from_numpy(frame)[None], green, edge, state, torch.full_like(state, NO_PICTURE))[0]
    return np.asarray(composite[0])


@pytest.mark.parametrize("percent", VALUES)
def test_every_smaller_piece_goes_and_nothing_else(percent: float) -> None:
    alpha, stays, goes = scene(percent)
    pipeline, frame = pipeline_of(alpha)
    whole = pipeline(frame).copy()
    pipeline.reset()
    pipeline.specks = percent
    size = pipeline.model.size_for(WIDTH, HEIGHT, 20480)
    for before, composite in (
        (whole, pipeline(frame)),
        (seen_fused(alpha, frame, 0, size), seen_fused(alpha, frame, percent, size)),
    ):
        assert all(np.abs(before[place].astype(int) - frame[place]).mean() < 60 for place in stays + goes)
        assert all((composite[place] == (0, 255, 0)).all() for place in goes)
        assert all(np.abs(composite[place].astype(int) - before[place]).max() < 3 for place in stays)


@pytest.mark.parametrize("percent", VALUES)
def test_both_ways_agree(percent: float) -> None:
    rng = np.random.default_rng(3)
    for sigma in (2, 5):
        alpha = cv2.GaussianBlur(rng.random((96, 160), np.float32), (0, 0), sigma)
        alpha = np.clip((alpha - np.quantile(alpha, 0.6)) * 30, 0, 1).astype(np.float32)
        expected, _ = specks.without_specks(alpha, percent)
        found = fused_matte.without_specks(torch.from_numpy(alpha)[None, None], torch.tensor(percent))
        np.testing.assert_array_equal(found[0, 0].numpy(), expected)
        assert np.abs(expected - alpha).mean() > 0.001


@pytest.mark.parametrize("size", [(96, 160), (288, 512)], ids=str)
def test_the_graph_finds_what_hangs_together_however_it_winds(size: tuple[int, int]) -> None:
    comb, snake = np.zeros((2, *size), np.uint8)
    comb[:3] = comb[:, ::3] = 1
    snake[::4] = 1
    snake[1::8, -1] = snake[2::8, -1] = snake[3::8, -1] = 1
    snake[5::8, 0] = snake[6::8, 0] = snake[7::8, 0] = 1
    for drawn in (comb, snake, 1 - comb, np.eye(*size, dtype=np.uint8)):
        count, expected = cv2.connectedComponents(drawn, connectivity=8)
        person = F.pad(torch.from_numpy(drawn)[None, None] > 0, (0, 0, 1, 0))
        number = torch.arange(person.numel(), dtype=torch.float32)
        label = fused_matte.pieces(person, number).view(person.shape)[0, 0, 1:].numpy()
        assert len(set(zip(expected.ravel(), label.ravel(), strict=True))) == count == len(np.unique(label))


def test_the_first_pixel_is_one_like_the_others() -> None:
    """In the graph its number is the one that means nobody."""
    for drawn in ((0, 0, 1, 1), (0, 0, 40, 60), (0, 0, 6, 6), (1, 1, 6, 6)):
        alpha = np.zeros((96, 160), np.float32)
        box(alpha, *drawn)
        box(alpha, 100, 20, 50, 70)
        expected, _ = specks.without_specks(alpha, 0.3)
        found = fused_matte.without_specks(torch.from_numpy(alpha)[None, None], torch.tensor(0.3))
        np.testing.assert_array_equal(found[0, 0].numpy(), expected)


def test_a_piece_whose_size_swings_does_not_flicker() -> None:
    """Once left out it comes back when it is a fifth larger than it must be to stay."""
    gone, shown = None, []
    for side in (41, 39, 41, 39, 41, 46, 41, 39):
        alpha = np.zeros((HEIGHT, WIDTH), np.float32)
        place = box(alpha, 60, 40, side, side)
        out, gone = specks.without_specks(alpha, 100 * 40**2 / alpha.size, gone)
        shown.append(bool(out[place].all()))
        assert shown[-1] or not out.any()
    assert shown == [True, False, False, False, False, True, True, False]


def test_a_value_that_is_changed_counts_at_once() -> None:
    """Whatever was left out by another."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    place = box(alpha, 64, 40, 80, 80)
    pipeline, frame = pipeline_of(alpha)
    size = 100 * 80**2 / alpha.size

    def shows(percent: float) -> bool:
        pipeline.specks = percent
        return bool((pipeline(frame)[place] != (0, 255, 0)).any(-1).mean() > 0.5)

    assert [shows(p) for p in (size / 1.1, size * 1.1, size * 1.1, size / 1.1, 0, size / 1.1)] == [1, 0, 0, 1, 1, 1]


def test_small_ones_are_left_out_unless_asked_otherwise() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    box(alpha, 240, 100, 160, HEIGHT - 100)
    small, larger = box(alpha, 60, 40, 22, 22), box(alpha, 500, 40, 40, 40)  # 0.2 and 0.7 %
    pipeline, frame = pipeline_of(alpha, None)
    shown = [(pipeline(frame)[place] != (0, 255, 0)).any(-1).mean() for place in (small, larger)]
    assert shown[0] == 0 and shown[1] > 0.9


def test_a_ghost_goes_whatever_its_size() -> None:
    """A tenth of the picture that is nowhere surely a person, beside somebody who is."""
    alpha, stays, _ = scene(0.1)
    ghost = box(alpha, 20, 60, 120, 190)
    alpha[ghost] = 0.7
    shown, left = specks.without_specks(alpha, 0.3)
    assert not shown[ghost].any() and left[ghost].all()
    assert all((shown[place] == alpha[place]).all() for place in stays[:2])
    alpha[60:64, 20:24] = 0.95  # sixteen pixels of a face
    shown, later = specks.without_specks(alpha, 0.3, left)
    assert not shown[ghost].any(), "to come back it must be a fifth more solid than to stay"
    alpha[60:64, 24] = 0.95
    assert (specks.without_specks(alpha, 0.3, later)[0] == alpha)[ghost].all()
    alone = np.full_like(alpha, 0.7)
    assert (specks.without_specks(alone, 0.3)[0] == alone).all(), "whoever is alone may be all that a net can say"


@pytest.mark.parametrize("name", ["crowd.png", "crowd.mkv"])
def test_small_pieces_alone_are_told(console: Console, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A crowd far away: together more than what is left out as a stray piece, each of them less."""
    pipeline = Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1)
    pipeline.follow = False

    def crowd(frame_bgr: np.ndarray, previous_alpha: np.ndarray) -> np.ndarray:
        return (frame_bgr[..., 0] > 128).astype(np.float32)

    monkeypatch.setattr(pipeline.model, "run", crowd)
    monkeypatch.setattr("rtseg.pipeline.require_nobody", lambda model: None)
    street = np.full((360, 640, 3), 60, np.uint8)
    for top in range(40, 320, 100):
        for left in range(40, 600, 100):
            street[top : top + 20, left : left + 20] = 200  # 0.17 %
    if name.endswith(".png"):
        cv2.imwrite(name, street)
    else:
        write_clip(Path(name), [street] * 3, [0, 0.1, 0.2])
    for least, told in ((0.3, True), (0, False)):
        pipeline.specks = least
        run(Path(name), f"out{Path(name).suffix}", pipeline, "alpha", console)
        said = console.file.getvalue()  # type: ignore[attr-defined]
        assert (f"in {name} only pieces smaller than {least} % of the picture were found; --specks 0" in said) is told
