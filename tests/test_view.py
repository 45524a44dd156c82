"""Views: more pixels for people, boxes that hold them, and what is no person."""

import numpy as np
import pytest

from rtseg.pixels.geometry import network_size
from rtseg.pixels.view import View, closest, nearest, people, with_margin


def test_a_person_gets_more_pixels_and_a_crowd_the_whole_frame() -> None:
    plain = (288, 160)
    view = closest(with_margin((0.35, 0.2, 0.65, 1.0)), (1280, 720), plain, 40960)
    assert view.grid[0] * view.grid[1] > 2 * plain[0] * plain[1]
    assert view.box[2] * view.box[3] <= plain[0] * plain[1]
    assert view.box[2] % 32 == view.box[3] % 32 == 0 and view.box[1] + view.box[3] == view.grid[1]
    assert closest(with_margin((0.0, 0.1, 0.95, 1.0)), (1280, 720), plain, 40960) == View.whole(plain)


@pytest.mark.parametrize("frame", [(1280, 720), (640, 480), (720, 1280), (64, 48), (2000, 90)])
@pytest.mark.parametrize("area", [1024, 20480, 122880])
def test_every_box_holds_its_people_and_lies_in_its_grid(frame: tuple[int, int], area: int) -> None:
    plain, rng = network_size(*frame, area), np.random.default_rng(1)
    for _ in range(60):
        corners = rng.uniform(0, 1, (2, 2))
        extent = (*corners.min(0), *corners.max(0))
        view = closest(with_margin(extent), frame, plain, area)  # type: ignore[arg-type]
        (gw, gh), (x, y, w, h) = view.grid, view.box
        assert 0 <= x <= gw - w and 0 <= y <= gh - h and w * h <= max(area, plain[0] * plain[1])
        assert nearest(extent, view) > -0.03  # type: ignore[arg-type]


def test_small_islands_are_nobody() -> None:
    view = View((400, 200), (100, 0, 192, 192))
    alpha = np.zeros((192, 192), np.float32)
    alpha[100:108, 8:16] = 1
    assert people(alpha, view) == []
    alpha[96:, 48:144] = 1
    assert people(alpha, view) == [((100 + 48) / 400, 96 / 200, (100 + 144) / 400, 192 / 200)]
