"""Who suddenly fills a live picture is looked at twice: a patterned wall is not shown for a person."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leaks import GREEN, PERSON, Hand, Room, assert_no_room, room_frame, session, set_up, truth, violet
from rtseg.arrays import F32, U8
from rtseg.frames import Frame
from rtseg.models.doubt import AGAIN, Doubt
from rtseg.models.model import Model
from rtseg.pipeline import Pipeline

NOTHING = np.zeros((8, 8, 3), np.uint8)


class Leaves(Room):
    """The person is gone from frame 20 on, after a gap if there is one; a person close to the camera comes at 50."""

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            image = frame.image
            if 20 <= frame.index < 50:
                image = room_frame(frame.index)
                image[(image == PERSON).all(-1)] = (170, 0, 150)
            elif frame.index >= 50:
                image = np.full_like(image, 128)
            yield Frame(image, frame.time, frame.index)


def misled(self: Model, frame_bgr: U8, previous: F32) -> F32:
    """`fast` takes the empty room for a person, `balanced` does not."""
    seen = truth(frame_bgr)
    return np.ones_like(seen) if self.info.name == "fast" and not seen.any() else seen


@pytest.mark.parametrize("pauses", [{}, {20: 1.2}], ids=["at once", "after a gap"])
def test_an_empty_room_is_not_shown_and_a_person_is(monkeypatch: pytest.MonkeyPatch, pauses: dict[int, float]) -> None:
    set_up(monkeypatch)
    monkeypatch.setattr(Model, "run", misled)
    seen = session(monkeypatch, Leaves(pauses=pauses), Hand(quit_after=140), "out.mkv", smoothing=False)
    assert_no_room(seen)
    assert any((np.abs(p.astype(int) - 128).max(-1) < 12).mean() > 0.9 for p in seen["out.mkv"]), "no person came"


def test_the_same_without_a_second_look_shows_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the search above is not blind."""
    set_up(monkeypatch)
    monkeypatch.setattr(Model, "run", misled)
    monkeypatch.setattr("rtseg.live.engine.second_look", lambda pipeline: None)
    seen = session(monkeypatch, Leaves(), Hand(quit_after=100), "out.mkv", smoothing=False)
    assert any(violet(p).mean() > 0.3 for p in seen["out.mkv"])


@pytest.mark.parametrize("live", [True, False])
def test_a_virtual_camera_is_sent_neither_of_a_pipe(monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    """A pipe counts as a file, of which every frame comes, but who watches sees it at once."""
    set_up(monkeypatch)
    monkeypatch.setattr(Model, "run", misled)
    source = Leaves(count=90, live=live)
    seen = session(monkeypatch, source, Hand(quit_after=10**9), "virtual", smoothing=False)
    assert_no_room(seen)
    assert any((np.abs(p.astype(int) - 128).max(-1) < 12).mean() > 0.9 for p in seen["virtual"]), "no person came"


@pytest.mark.parametrize("live", [True, False])
def test_a_stream_for_programs(monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    """Of a camera; who has a file knows what is in it."""
    set_up(monkeypatch)
    monkeypatch.setattr(Model, "run", misled)
    with Pipeline(background=GREEN, provider="cpu", threads=1, model="fast") as pipe:
        pipe.smoothing = False
        results = list(pipe.stream(Leaves(count=60, live=live)))
    leaks = [violet(r.composite).mean() > 0.3 or (r.alpha.all() and violet(r.frame).any()) for r in results]
    assert any(leaks) == (not live) and len(results) == 60
    assert results[59].alpha.all()  # the person


class Look:
    """Stands for the second net."""

    def __init__(self) -> None:
        self.says, self.calls = 0.0, 0

    def __call__(self, frame_bgr: U8) -> float:
        self.calls += 1
        return self.says


@pytest.fixture
def look() -> Look:
    return Look()


def run(doubt: Doubt, shares: list[float], start: float = 0.0) -> list[bool]:
    """One after the other, a thirtieth of a second apart."""
    return [doubt.believes(share, NOTHING, start + k / 30) for k, share in enumerate(shares)]


def test_who_is_there_for_both_appears_at_once(look: Look) -> None:
    look.says = 0.8
    assert all(run(Doubt(look), [0.9] * 10)) and look.calls == 1
    assert all(run(Doubt(look), [0.0, 0.0, 0.9, 0.9]))


def test_who_is_there_for_one_alone_does_not(look: Look) -> None:
    for before in ([], [0.0] * 5, [0.3] * 5, [0.3, 0.35, 0.38, 0.39]):
        doubt = Doubt(look)
        shown = run(doubt, [*before, *[1.0] * 10])
        assert all(shown[:-10]) and not any(shown[-10:])
        look.says = 1.0
        assert run(doubt, [1.0] * 5, start=0.5)[-1]  # and within 0.3 s of being seen
        look.says = 0.0


def test_a_dip_does_not_make_it_a_person(look: Look) -> None:
    """Who was not believed is not believed for having been smaller for a moment."""
    assert run(Doubt(look), [0.3, 0.9, 0.39, 0.55, 0.5]) == [True, False, True, False, False]


def test_a_usual_picture_is_not_looked_at_twice(look: Look) -> None:
    assert all(run(Doubt(look), [0.2, 0.25, 0.3, 0.1, 0.35] * 20)) and not look.calls


def test_who_stays_is_looked_at_again(look: Look) -> None:
    look.says = 0.9
    doubt = Doubt(look)
    assert all(run(doubt, [0.9] * 30))
    look.says = 0.0  # left, and the first net has not noticed
    assert not run(doubt, [0.9] * round(30 * AGAIN + 2), start=1.0)[-1]


def test_who_suddenly_fills_much_more_is_looked_at_again_and_who_comes_nearer_is_not(look: Look) -> None:
    look.says = 0.45
    doubt = Doubt(look)
    assert all(run(doubt, [0.45] * 10)) and look.calls == 1
    assert all(run(doubt, [0.45 + 0.005 * k for k in range(30)], start=0.4)) and look.calls == 1
    assert not any(run(doubt, [0.95] * 3, start=1.4)) and look.calls == 2


def test_the_second_net_has_to_see_it_at_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtseg.models import doubt
    from rtseg.pixels.geometry import network_size

    looks: list[int] = []

    class Unsure:
        """Sees more in the larger picture, or in the smaller one."""

        info, more = SimpleNamespace(area=40960), True

        def size_for(self, width: int, height: int, area: int) -> tuple[int, int]:
            return network_size(width, height, area)

        def run(self, frame_bgr: U8, previous_alpha: Any) -> Any:
            looks.append(previous_alpha.size)
            return np.full_like(previous_alpha, 0.9 if (previous_alpha.size > 30_000) == self.more else 0.1)

    unsure = Unsure()
    monkeypatch.setattr(doubt, "Model", lambda *_, **__: unsure)
    for unsure.more in (True, False):
        assert doubt.seen_by_balanced(1)(np.zeros((360, 640, 3), np.uint8)) == pytest.approx(0.1)
    assert sorted(looks) == pytest.approx([20480, 20480, 40960, 40960], rel=0.2)


def test_after_a_gap_nothing_is_known(look: Look) -> None:
    look.says = 0.9
    doubt = Doubt(look)
    assert all(run(doubt, [0.9] * 5))
    look.says = 0.0
    assert not any(run(doubt, [0.9] * 5, start=1.5))


@pytest.mark.parametrize(("gap", "known"), [(0.9, True), (1.1, False)])
def test_after_a_second_without_a_frame_who_was_believed_is_looked_at_again(
    look: Look, gap: float, known: bool
) -> None:
    """Also who fills little of the first frame after it."""
    look.says = 0.9
    doubt = Doubt(look)
    assert doubt.believes(0.9, NOTHING, 0.0)
    look.says = 0.0
    assert run(doubt, [0.39, 0.5], start=gap) == [True, known] and look.calls == (1 if known else 2)


def test_who_stays_is_looked_at_every_two_seconds(look: Look) -> None:
    look.says = 0.9
    assert all(run(Doubt(look), [0.9] * 185)) and look.calls == 1 + 3  # at 0, 2, 4 and 6 seconds


def test_the_second_net_knows_the_demo_from_patterns(demo_frames: list[U8]) -> None:
    from rtseg.models.doubt import seen_by_balanced
    from rtseg.models.nobody import empty_pictures

    look: Any = seen_by_balanced(1)
    assert look(demo_frames[0]) > 0.1
    assert max(look(p) for name, p in empty_pictures(1280, 720) if name.endswith("red")) < 0.1
