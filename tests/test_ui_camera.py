"""Another camera from the control page: nothing of the one before comes out any more."""

import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from unittest.mock import patch

import numpy as np
import pytest

from leaks import FakeCamera, Room, assert_no_room
from pages import Browser, session
from rtseg.errors import SourceError
from rtseg.frames import Frame
from rtseg.live import engine as engine_module
from rtseg.live.engine import Engine
from sessions import Made, pipeline_that
from watching import GREEN, becomes, grey, share_of


class Other(Room):
    """Another room, with somebody paler in it."""

    name = "other room"

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            image = np.where((frame.image == 128).all(-1, keepdims=True), np.uint8(200), frame.image)
            yield replace(frame, image=image)


def pale(picture: np.ndarray) -> bool:
    return bool((np.abs(picture.astype(int) - 200).max(-1) < 25).mean() > 0.02)


def test_another_camera_is_never_shown_with_a_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two is the background; of the one before there is nothing more, nor of anybody in it."""
    cameras = {"0": lambda: Room(pauses={0: 0.5}), "1": lambda: Other(pauses={0: 0.5})}
    with session(monkeypatch, cameras, out="virtual") as made, Browser(made.url).live() as page:
        becomes(page, grey)
        for number, here, gone in (("1", pale, grey), ("0", grey, pale), ("1", pale, grey)):
            assert page.set(source=number) is None
            sent = len(FakeCamera.sent)
            page.watch(2)  # one may have been on its way
            before = len(page.pictures)
            becomes(page, here)
            between = page.pictures[before:]
            assert not any(gone(p) for p in between)
            assert any(share_of(p, GREEN) > 0.95 for p in between), "the background is between the two"
            assert not any(gone(p) for p in page.watch(10))
            assert not any(gone(p) for p in FakeCamera.sent[sent + 1 :]), "at once for who reads the virtual camera"
            assert page.state["source"] == number
        page.until(lambda: page.stats[-1]["camera"]["name"] == "other room")
        assert_no_room({"page": page.pictures})
        assert all(room.closed for room in made.rooms[:-1]) and not made.rooms[-1].closed


def test_a_frame_under_way_when_the_camera_is_changed_does_not_come_out() -> None:
    """Nor one that waits to be fetched: both are of the room before."""
    busy, go_on = Event(), Event()

    def answer(call: int) -> np.ndarray:
        busy.set()
        assert go_on.wait(30)
        return np.float32(1)  # type: ignore[return-value]

    with patch.object(engine_module, "second_look", lambda *_: None):
        engine = Engine(Made(10**6, live=True), pipeline_that(answer))  # type: ignore[arg-type]
    try:
        assert busy.wait(30)
        engine.forget(moment := time.monotonic())
        go_on.set()
        composite = engine.get(30)
        assert composite and composite.captured >= moment
        time.sleep(0.1)
        engine.forget(later := time.monotonic())
        composite = engine.get(30)
        assert composite and composite.captured >= later
    finally:
        go_on.set()
        engine.stop()


def test_a_camera_that_is_not_there_leaves_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Room:
        raise SourceError("camera 7 is not there")

    with session(monkeypatch, {"0": Room, "7": missing}) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        assert page.set(source="7") is None
        page.until(lambda: any("camera 7 is not there" in line for line in page.lines))
        page.until(lambda: page.state["source"] == "0")
        becomes(page, grey)
        assert_no_room({"page": page.pictures})
