"""The control page and the room: pause hides everybody, and the room comes after two clicks to one page alone."""

import time

import pytest

from leaks import FakeCamera, assert_no_room
from pages import Browser, session
from rtseg.ui import stream
from watching import becomes, grey

ROOM_TIME = 1.5  # seconds


def test_pause_hides_the_person_everywhere_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch, out="virtual") as made, Browser(made.url).live() as page:
        becomes(page, grey)
        assert page.do("pause", on=True)["error"] is None
        page.watch(2)
        assert not any(grey(p) for p in page.watch(15))
        sent = len(FakeCamera.sent)
        page.watch(10)
        assert not any(grey(p) for p in FakeCamera.sent[sent + 1 :])
        assert page.do("pause", on=True)["error"] is None and page.state["paused"]
        assert page.do("pause", on=False)["error"] is None
        becomes(page, grey)
        assert_no_room({"page": page.pictures, "virtual": FakeCamera.sent})


def test_the_room_comes_after_two_clicks_to_one_page_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "ROOM_TIME", ROOM_TIME)
    with session(monkeypatch) as made, Browser(made.url).live() as one, Browser(made.url).live() as other:
        becomes(one, grey)
        assert "too late" in one.do("room", confirm=True)["error"]  # nobody asked before
        one.do("room")
        one.watch(5)
        assert not one.rooms and one.state["room_until"] is None
        assert "too late" in other.do("room", confirm=True)["error"]  # another page did
        for confirm in (1, "true", None):
            one.do("room", confirm=confirm)
        one.watch(3)
        assert not one.rooms
        assert one.do("room", confirm=True)["error"] is None
        one.say(type="ready")
        one.until(lambda: one.rooms)
        assert 0 < one.until(lambda: one.state["room_until"]) <= ROOM_TIME
        other.watch(4)
        assert len(one.rooms) and not other.rooms, "the other page does not get it meanwhile"
        one.until(lambda: one.state["room_until"] is None)
        ended = len(one.rooms)
        one.watch(5)
        other.watch(5)
        assert len(one.rooms) == ended and not other.rooms
        assert all(state["room_until"] is None for state in other.states)
        assert_no_room({"one": one.pictures, "other": other.pictures})


@pytest.mark.parametrize("how", ["room_off", "pause", "too late"])
def test_the_room_ends_when_told(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(stream, "CONFIRM_TIME", 0.3 if how == "too late" else 30.0)
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        page.do("room")
        if how == "too late":
            time.sleep(0.4)
            assert "too late" in page.do("room", confirm=True)["error"]
        else:
            assert page.do("room", confirm=True)["error"] is None
            page.say(type="ready")
            page.until(lambda: page.rooms)
            assert page.do(how)["error"] is None
        page.until(lambda: page.state["room_until"] is None)
        ended = len(page.rooms)
        page.do("pause", on=False)
        page.watch(6)
        assert len(page.rooms) == ended
