"""Low light: the network sees a brighter frame, the user the one that was filmed; both ways alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rtseg.arrays import F32, U8
from rtseg.pixels.light import MOST, brightened, gain_for
from test_fused_numbers import Both, Drawn, beach, bust


class Watched(Drawn):
    """Keeps the pictures that it was shown, too."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[F32] = []

    def run(self, frame_bgr: U8, previous_alpha: F32) -> F32:
        self.shown.append(np.asarray(frame_bgr, np.float32))
        return super().run(frame_bgr, previous_alpha)


def both_ways() -> tuple[Both, Watched]:
    both, net = Both(beach()), Watched()
    both.net = both.cpu.model = both.cpu._eye.model = both.graph.net = net
    return both, net


@pytest.mark.parametrize(("level", "gain"), [(0, MOST), (10, MOST), (30, 3.57), (60, 1.785), (107.2, 1.0), (200, 1.0)])
def test_how_much_brighter(level: float, gain: float) -> None:
    flat = np.full((20, 30, 3), round(level), np.uint8)
    assert gain_for(flat) == pytest.approx(gain, rel=0.01)
    shown = brightened(flat, gain_for(flat))
    assert shown.mean() == pytest.approx(max(level, min(107.2, MOST * level)), abs=1)


def test_a_bright_window_in_a_dark_room_is_no_reason_to_leave_the_room_dark() -> None:
    room = np.full((40, 50, 3), 25, np.uint8)
    room[:10, :10] = 250
    gain = gain_for(room)
    assert 1.5 < gain < 2.5
    assert brightened(room, gain)[0, 0].tolist() == [255] * 3, "what is too bright is white, not dark again"


def test_the_network_sees_a_brighter_frame_and_the_user_the_one_that_was_filmed() -> None:
    frame, alpha, person, room = bust()
    dark = (frame // 6).astype(np.uint8)
    both, net = both_ways()
    graph, cpu = both(dark, alpha)
    for made in (graph, cpu):
        np.testing.assert_array_equal(made[person], dark[person])
        np.testing.assert_allclose(made[room], both.behind[room] if both.behind is not None else 0, atol=1)
    by_cpu, by_graph = net.shown
    assert by_cpu.mean() > 3 * dark.mean()
    assert np.abs(by_cpu - by_graph).mean() < 2, "both ways alike"


def test_an_ordinary_frame_is_shown_as_it_is() -> None:
    frame, alpha, *_ = bust()
    both, net = both_ways()
    both(frame, alpha)
    for shown in net.shown:
        assert shown.mean() == pytest.approx(frame.mean(), abs=1)
    assert brightened(frame, 1.0) is frame


def test_black_is_not_divided_by() -> None:
    both, net = both_ways()
    graph, _ = both(np.zeros_like(bust()[0]), bust()[1])
    assert np.isfinite(net.shown[-1]).all() and graph.max() <= 255
    assert torch.isfinite(both.alpha).all()
