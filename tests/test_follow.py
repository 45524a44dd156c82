"""The network follows people: who enters is there at once, nothing outside the box is shown, and it costs no more.

The network here calls green a person, at any size, so that what is tested is where it looks.
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from rtseg import Pipeline, pipeline
from rtseg.pixels.matte import grey_of

U8 = np.ndarray
W, H = 640, 360
PERSON, RED = (40, 200, 60), (0, 0, 255)
SOON = 6  # frames: 0.2 seconds at 30 a second
Place = tuple[int, int, int, int]  # x, y, width, height: in pixels of the frame
SITTING: Place = (230, 150, 150, 210)


@pytest.fixture(scope="module")
def room() -> U8:
    """Wallpaper, larger than a frame, uint8 BGR, in which nothing is green."""
    coarse = np.random.default_rng(3).integers(60, 200, (H // 24, (W + 200) // 24, 1), np.uint8)
    grey = cv2.resize(coarse, (W + 200, H), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))


def frame_of(room: U8, *places: Place, shift: int = 0) -> U8:
    """People as rounded green figures before the room; a part of a figure may lie outside."""
    frame = room[:, shift : shift + W].copy()
    for x, y, w, h in places:
        cv2.ellipse(frame, (x + w // 2, y + h // 2), (w // 2, h // 2), 0, 0, 360, PERSON, -1, cv2.LINE_AA)
        cv2.rectangle(frame, (x, y + h // 2), (x + w - 1, y + h), PERSON, -1)
    return frame


class Seeing:
    """A pipeline whose network sees green, and how many pixels it was given for each frame."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, follow: bool = True, **options: object) -> None:
        self.pipe = Pipeline(**{"background": "#0000ff", "model": "fast", "provider": "cpu", "threads": 1} | options)  # type: ignore[arg-type]
        self.pipe.follow = follow
        self.looks: list[list[int]] = []  # pixels of each
        self.shape: tuple[int, ...] = ()  # of the last
        monkeypatch.setattr(self.pipe.model, "run", self.run)
        monkeypatch.setattr(pipeline, "require_nobody", lambda model: None)  # to this net a green wall is a person

    def run(self, frame_bgr: U8, previous_alpha: U8) -> U8:
        assert frame_bgr.shape[:2] == previous_alpha.shape and frame_bgr.flags.c_contiguous
        self.looks[-1].append(previous_alpha.size)
        self.shape = previous_alpha.shape
        green = frame_bgr[..., 1].astype(np.float32) - frame_bgr[..., 2]
        return np.clip(green / 120, 0, 1)

    def __call__(self, frame: U8) -> U8:
        self.looks.append([])
        return self.pipe(frame)

    @property
    def pixels(self) -> list[int]:
        return [sum(look) for look in self.looks]


@pytest.fixture
def seeing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Seeing]:
    return lambda **options: Seeing(monkeypatch, **options)


def shown(alpha: U8, place: Place) -> float:
    """Share of a figure's visible middle that alpha shows."""
    x, y, w, h = place
    left, right = max(0, x + w // 8), min(W, x + w - w // 8)
    return float((alpha[y + h // 4 : min(H, y + h), left:right] > 0.5).mean())


def walks(start: int, step: int, size: tuple[int, int] = (110, 280)) -> Iterator[Place]:
    """The places of somebody who walks in from a side, frame by frame."""
    while True:
        yield start, H - size[1], *size
        start += step


@pytest.mark.parametrize("still", [0, 1, 3, 5, 50])
@pytest.mark.parametrize(("start", "step"), [(-110, 6), (-110, 25), (W, -6), (W, -25)])
def test_who_enters_is_there_within_a_fifth_of_a_second(
    seeing: Callable[..., Seeing], room: U8, still: int, start: int, step: int
) -> None:
    see, room = seeing(), room // 2  # darker than people: what is as bright as they are does not move (see matte.py)
    for _ in range(4 + still):
        see(frame_of(room, SITTING))
    assert see.pixels[-1] and max(len(look) for look in see.looks) <= 2
    visible = 0
    for place, _ in zip(walks(start, step), range(14), strict=False):
        see(frame_of(room, SITTING, place))
        inside = min(W, place[0] + place[2]) - max(0, place[0])
        visible += inside >= 12
        if visible > SOON:
            assert shown(see.pipe.alpha, place) > 0.95
        assert shown(see.pipe.alpha, SITTING) > 0.95


def test_who_is_suddenly_there_without_a_motion_is_found_on_the_rhythm(seeing: Callable[..., Seeing], room: U8) -> None:
    """Behind the box somebody stands up so slowly, or in such a dark, that nothing is seen to move."""
    see, other = seeing(), (520, 100, 90, 260)
    dim = np.full((H, W, 3), 128, np.uint8)
    for _ in range(20):
        see(frame_of(dim, SITTING))
    faint = frame_of(dim, SITTING)
    faint[100:, 520:610] = (116, 170, 56)  # as bright as the wall
    assert abs(float(grey_of(faint)[200, 560]) - 128 / 255) < 0.02
    for _ in range(SOON + 1):
        see(faint)
    assert shown(see.pipe.alpha, other) > 0.95


def test_two_people_far_apart_are_both_shown(seeing: Callable[..., Seeing], room: U8) -> None:
    see, pair = seeing(), ((10, 10, 120, 350), (510, 120, 120, 240))
    for _ in range(30):
        see(frame_of(room, *pair))
        assert all(shown(see.pipe.alpha, place) > 0.95 for place in pair)
    assert set(see.pixels) == {192 * 96}  # as without following


def test_a_moving_camera_gets_the_whole_frame(seeing: Callable[..., Seeing], room: U8) -> None:
    see, plain = seeing(), seeing(follow=False)
    for _ in range(10):
        see(frame_of(room, SITTING))
    for i in range(70):  # longer than it takes to come closer again
        shift = abs(80 - 8 * (i % 20))
        place = (SITTING[0] + 40 - shift, *SITTING[1:])
        see(frame_of(room, place, shift=shift)), plain(frame_of(room, place, shift=shift))
        assert shown(see.pipe.alpha, place) > 0.95
    assert see.pixels[-60:] == plain.pixels[-60:]
    np.testing.assert_allclose(see.pipe.alpha, plain.pipe.alpha, atol=0.02)


def test_views_change_without_a_jump_of_the_edge(seeing: Callable[..., Seeing], room: U8) -> None:
    """The same person in every view: others come and go, and the edge stays where it is."""
    see = seeing()
    alphas, views = [], set()
    for i in range(160):
        guest = (430 + 9 * (max(0, 50 - i) + max(0, i - 60)), 100, 90, 260)
        see(frame_of(room, SITTING, guest))
        alphas.append(see.pipe.alpha[:, 215:395].copy())
        views.add(see.shape)
    assert len(views) >= 2
    late = np.array(alphas[2:])
    assert np.abs(np.diff(late, axis=0)).mean(axis=(1, 2)).max() < 0.01
    assert np.abs(late - late[-1]).mean(axis=(1, 2)).max() < 0.02


def test_the_network_gets_no_more_pixels(seeing: Callable[..., Seeing], room: U8) -> None:
    see = seeing(area=40960)
    places = [(230 + round(60 * np.sin(i / 9)), 130 + i % 3, 150, 230) for i in range(120)]
    for place in places:
        see(frame_of(room, place))
    plain = 288 * 160
    assert np.mean(see.pixels[1:]) < 1.1 * plain
    assert max(see.pixels) <= 2.3 * plain
    grid = [look[-1] for look in see.looks]
    assert min(grid) < max(grid) <= plain


@pytest.mark.parametrize("background", ["#0000ff", None])
def test_nothing_outside_the_box_is_shown(
    seeing: Callable[..., Seeing], room: U8, monkeypatch: pytest.MonkeyPatch, background: str | None
) -> None:
    """A network that calls everything a person: what it was not shown is not shown either."""
    see = seeing(background=background)
    frame = frame_of(room, SITTING)
    for _ in range(3):
        see(frame)
    monkeypatch.setattr(see.pipe.model, "run", lambda f, p: np.full(p.shape, p.size != 192 * 96, np.float32))
    out = see.pipe(frame)
    hidden = see.pipe.alpha == 0
    assert 0.3 < hidden.mean() < 0.9
    if background:
        assert (out[hidden] == (0, 0, 255)).all() or (out[hidden] == (255, 0, 0)).all()


def test_it_may_be_switched_while_it_runs(seeing: Callable[..., Seeing], room: U8) -> None:
    see, plain, frame = seeing(), seeing(follow=False), frame_of(room, SITTING)
    for on in (True, False, True):
        see.pipe.follow = on
        for _ in range(4):
            see(frame), plain(frame)
        assert (see.looks[-1] == plain.looks[-1]) != on
        assert shown(see.pipe.alpha, SITTING) > 0.95
        if not on:
            np.testing.assert_allclose(see.pipe.alpha, plain.pipe.alpha, atol=0.05)


def test_without_memory_it_follows_too(seeing: Callable[..., Seeing], room: U8) -> None:
    see = seeing()
    see.pipe.smoothing = False
    for _ in range(12):
        see(frame_of(room, SITTING))
    assert [len(look) for look in see.looks].count(2) <= 3
    assert see.looks[-1][0] != 192 * 96


def test_a_rest_and_a_lower_area_go_with_it(seeing: Callable[..., Seeing], room: U8) -> None:
    see, frame = seeing(), frame_of(room, SITTING)
    see.pipe.save_power = True
    for _ in range(20):
        see(frame)
    assert see.pipe.skipped == 19
    see.pipe.area = 8192
    see(frame)
    assert len(see.looks[-1]) == 2 and see.looks[-1][-1] <= 8192
    guest = (520, 100, 110, 260)
    for _ in range(SOON + 1):
        see(frame_of(room, SITTING, guest))
    assert shown(see.pipe.alpha, guest) > 0.95


def test_how_much_is_person_is_told_of_the_whole_frame(seeing: Callable[..., Seeing], room: U8) -> None:
    """Of the box alone it would be half: who sits there would be taken for one who suddenly fills the picture."""
    frame, shares = frame_of(room, SITTING), []
    for follow in (False, True):
        see = seeing(follow=follow)
        for _ in range(8):
            see(frame)
        shares.append(see.pipe.share)
    person = float(np.all(frame == PERSON, axis=2).mean())
    assert see.shape[0] * see.shape[1] < see.pipe._path.network_alpha.size  # the last one sees a box
    assert shares == pytest.approx([person, person], abs=0.02)


def test_a_cut_begins_anew(seeing: Callable[..., Seeing], room: U8) -> None:
    see, elsewhere = seeing(), (20, 100, 150, 260)
    for _ in range(8):
        see(frame_of(room, SITTING))
    bright = np.clip(room.astype(int) + 85, 0, 255).astype(np.uint8)
    see(frame_of(bright, elsewhere))
    assert shown(see.pipe.alpha, elsewhere) > 0.95 and len(see.looks[-1]) <= 3
