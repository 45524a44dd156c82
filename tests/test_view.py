"""Views: more pixels for people, boxes that hold them, and what is no person."""

from itertools import pairwise

import numpy as np
import pytest

from rtseg.pixels.follow import Follower
from rtseg.pixels.geometry import network_size
from rtseg.pixels.view import View, closest, nearest, people, placed, with_margin


def test_a_person_gets_more_pixels_and_a_crowd_the_whole_frame() -> None:
    plain = (288, 160)
    view = closest(with_margin((0.35, 0.2, 0.65, 1.0)), (1280, 720), plain, 40960)
    assert view.grid[0] * view.grid[1] > 2 * plain[0] * plain[1]
    assert view.box[2] * view.box[3] <= plain[0] * plain[1]
    assert view.box[2] % 32 == view.box[3] % 32 == 0 and view.box[1] + view.box[3] == view.grid[1]
    assert closest(with_margin((0.0, 0.1, 0.95, 1.0)), (1280, 720), plain, 40960) == View.whole(plain)


def test_a_view_comes_twice_as_close_at_most_and_never_for_little() -> None:
    plain = (288, 160)
    far = closest(with_margin((0.48, 0.7, 0.52, 0.8)), (1280, 720), plain, 40960)
    assert 1.9 * plain[0] < far.grid[0] <= 2 * plain[0] + 8
    for side in (0.4, 0.41, 0.42, 0.43, 0.44, 0.45, 0.46, 0.47, 0.48, 0.49):
        view = closest((0.5 - side, 0.5 - side, 0.5 + side, 0.5 + side), (1280, 720), plain, 40960)
        assert view == View.whole(plain) or view.grid[0] * view.grid[1] > 1.2 * plain[0] * plain[1]


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


@pytest.mark.parametrize(
    ("size", "alpha", "found"),
    [((12, 12), 1.0, 0), ((16, 12), 1.0, 1), ((80, 80), 0.35, 0), ((80, 80), 0.45, 1)],
)
def test_from_what_size_and_alpha_on_it_is_somebody(size: tuple[int, int], alpha: float, found: int) -> None:
    """Two thousandths of the frame, here 160 pixels, and two fifths of a person."""
    picture = np.zeros((200, 400), np.float32)
    picture[40 : 40 + size[1], 80 : 80 + size[0]] = alpha
    assert len(people(picture, View.whole((400, 200)))) == found


def test_people_get_room_around_them() -> None:
    """7 % of their sides and 1 % of the frame's, up to the next 64th."""
    assert with_margin((0.4, 0.4, 0.6, 0.6)) == (0.375, 0.375, 0.625, 0.625)
    assert with_margin((0.02, 0.5, 0.5, 1.0)) == (0.0, 29 / 64, 35 / 64, 1.0)


def test_people_are_in_the_middle_of_their_box_as_far_as_the_grid_goes() -> None:
    assert placed((0.4, 0.4, 0.6, 0.6), (320, 160), (96, 96)) == (112, 32)
    assert placed((0.0, 0.7, 0.1, 1.0), (320, 160), (96, 96)) == (0, 64)


def test_what_lies_in_the_box_lies_there_on_the_grid() -> None:
    view, rng = View((80, 48), (16, 8, 32, 32)), np.random.default_rng(0)
    alpha, step = rng.random((32, 32), np.float32), rng.integers(0, 256, (8, 8, 3), np.uint8)
    whole, quarters = view.on_grid(alpha), view.on_grid_of_quarters(step)
    np.testing.assert_array_equal(whole[8:40, 16:48], alpha)
    np.testing.assert_array_equal(quarters[2:10, 4:12], step)
    whole[8:40, 16:48], quarters[2:10, 4:12] = 0, 128
    assert not whole.any() and (quarters == 128).all()


def test_a_box_becomes_smaller_only_after_45_frames_and_then_stays() -> None:
    """The view goes to who sits there once, and not back and forth with every breath."""
    follower = Follower((640, 360), (192, 96), (96, 64), 20480)
    views = []
    for frame in range(240):
        follower.tick()
        side = 0.2 if frame < 10 else 0.1 + 0.004 * (frame % 5 - 2)
        follower.settle([(0.5 - side, 1 - 2.5 * side, 0.5 + side, 1.0)])
        views.append(follower.view)
    (change,) = [at for at, (one, other) in enumerate(pairwise(views), 1) if one != other]
    assert 45 <= change <= 45 + 4 and views[0].is_whole and not views[-1].is_whole
