"""A session behind the control page: what pages see and change of it, and that none ever sees the room unasked."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from leaks import WARM_UP, FakeCamera, Net, Room, assert_no_room, pictures_in, violet
from pages import Browser, Live, Session, session
from rtseg.errors import ModelError, OutputError, SourceError
from rtseg.frames import Frame
from rtseg.live import engine as engine_module
from rtseg.live import reconnect, switching
from rtseg.live.engine import Engine
from rtseg.live.settings import Settings
from rtseg.live.surface import News
from rtseg.options import config
from rtseg.sinks import loopback
from rtseg.ui import preview, stream
from rtseg.ui.surface import Moment
from sessions import Made, pipeline_that

ROOM_TIME = 1.5  # seconds
BLUE, GREEN = (255, 0, 0), (0, 255, 0)  # BGR


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr(reconnect, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(switching, "PAUSE", 0.05)
    yield monkeypatch


def share_of(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    """How much of a picture has about this colour."""
    return float((np.abs(picture.astype(int) - colour).max(-1) < 60).mean())


def grey(picture: np.ndarray) -> bool:
    """Whether the person is in it."""
    return bool((np.abs(picture.astype(int) - 128).max(-1) < 25).mean() > 0.02)


def becomes(page: Live, true: Callable[[np.ndarray], bool], count: int = 400) -> np.ndarray:
    """The first picture of which that is true."""
    for _ in range(count):
        (picture, *_) = page.watch(1)
        if true(picture):
            return picture
    raise AssertionError(f"not among {count} pictures")


def test_the_preview_moves_and_holds_no_room(world: pytest.MonkeyPatch) -> None:
    with session(world) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        pictures = page.watch(20)
        assert_no_room({"page": page.pictures})
        assert len({p.tobytes() for p in pictures}) > 5
        stats = page.until(lambda: page.stats and page.stats[-1])
        assert stats["camera"] == {"name": "room", "width": 160, "height": 96} and stats["tier"] == "fast"
        assert (
            stats["fps"] > 0 and stats["latency_ms"] > 0 and stats["provider"] == "cpu" and "infer" in stats["stages"]
        )


TROUBLES: dict[str, Callable[[], dict[str, Any]]] = {
    "it fails": lambda: {"net": Net(lambda call: ModelError("made to fail") if call > WARM_UP + 20 else None)},
    "it hangs": lambda: {"net": Net(lambda call: time.sleep(0.6) if call == WARM_UP + 20 else None)},
    "the camera is lost": lambda: {"cameras": {"0": lambda: Room(breaks=25)}},
    "frames change their size": lambda: {"cameras": {"0": lambda: Room(grows=20)}},
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_in_trouble_the_background_is_shown(world: pytest.MonkeyPatch, trouble: str) -> None:
    with session(world, **TROUBLES[trouble]()) as made, Browser(made.url).live() as page:
        page.watch(50)
        assert_no_room({"page": page.pictures}, trouble)


def test_the_search_is_not_blind(world: pytest.MonkeyPatch) -> None:
    """The same pictures in the room's colours would be found: a JPEG does not hide them."""
    with session(world) as made, Browser(made.url).live() as page:
        page.do("room")
        assert page.do("room", confirm=True)["error"] is None
        page.say(type="ready")
        page.until(lambda: page.rooms)
        assert violet(page.rooms[-1]).mean() > 0.3


def test_settings_change_the_picture(world: pytest.MonkeyPatch) -> None:
    with session(world) as made, Browser(made.url).live() as page:
        becomes(page, lambda p: share_of(p, GREEN) > 0.5)
        assert page.set(background={"kind": "colour", "value": "#0000ff"}) is None
        becomes(page, lambda p: share_of(p, BLUE) > 0.5)
        assert page.state["background"] == {"kind": "colour", "value": "#0000ff"}
        beach = Browser(made.url).backgrounds()["beach.jpg"]["id"]
        assert page.set(background={"kind": "picture", "id": beach}, blur=10) is None
        becomes(page, lambda p: share_of(p, BLUE) < 0.3)
        assert page.state["background"] == {"kind": "picture", "id": beach} and page.state["blur"] == 10
        assert page.set(background={"kind": "none"}) is None
        becomes(page, lambda p: share_of(p, GREEN) > 0.5)
        changed = {
            "edge": -0.5,
            "feather": 0.5,
            "specks": 1.0,
            "smoothing": False,
            "save_power": True,
            "target_fps": 15,
        }
        assert page.set(**changed) is None
        page.until(lambda: {k: page.state[k] for k in changed} == changed)
        assert page.set(tier="balanced") is None
        page.until(lambda: page.stats and page.stats[-1]["tier"].startswith("balanced"))
        assert_no_room({"page": page.pictures})


def test_mirror_turns_the_preview_alone(world: pytest.MonkeyPatch) -> None:
    Path("left.png").write_bytes(
        cv2.imencode(".png", np.hstack([np.full((48, 80, 3), c, np.uint8) for c in (30, 220)]))[1]
    )
    with session(world, bg="left.png") as made, Browser(made.url).live() as page:
        becomes(page, lambda p: p[5, 5, 0] < p[5, -5, 0])
        assert page.set(mirror=True) is None
        becomes(page, lambda p: p[5, 5, 0] > p[5, -5, 0])
        saved = page.do("snapshot")["text"]
        picture = cv2.imread(saved)
        assert picture[5, 5, 0] < picture[5, -5, 0]


WRONG: dict[str, Any] = {
    "edge": 7,
    "feather": "soft",
    "specks": None,
    "blur": 500,
    "smoothing": 1,
    "mirror": "yes",
    "tier": "best",
    "target_fps": -3,
    "source": "/etc/passwd",
    "effect": False,
    "paused": False,
    "recording": True,
    "view": "mask",
    "background": {"kind": "picture", "id": "/etc/passwd"},
}
MORE_WRONG = [
    *({"source": s} for s in ("file:///etc/passwd", "http://evil.example/x", "../x.mp4", 7, None, "9999", "-1", "٣")),
    *({"background": b} for b in (None, "beach.jpg", {}, {"kind": "picture"}, {"kind": "colour", "value": "url(x)"})),
    *({"background": {"kind": "colour", "value": v}} for v in ("#12345", "red", "#gggggg", 7, "/etc/passwd")),
    *({"blur": v} for v in ("20", True, [], -1, float("1e999"))),
]


def test_wrong_values_are_refused_and_change_nothing(world: pytest.MonkeyPatch) -> None:
    with session(world) as made, Browser(made.url).live() as page:
        before = page.state
        for values in [{name: value} for name, value in WRONG.items()] + MORE_WRONG:
            assert page.set(**values), values
        for values in (None, [], 7, {}, "x"):
            assert page.ask("set", values=values)["error"]
        assert "can't be done" in page.do("quit")["error"]
        assert page.do("nothing")["error"] and page.do("pause", on="yes")["error"] is None
        page.do("pause", on=False)
        page.until(lambda: not page.state["paused"])
        assert page.states[-1] == before


def test_two_pages_agree(world: pytest.MonkeyPatch) -> None:
    with session(world) as made, Browser(made.url).live() as one, Browser(made.url).live() as other:
        assert one.set(edge=0.5, background={"kind": "blur"}, blur=40) is None
        other.until(lambda: other.state["edge"] == 0.5 and other.state["blur"] == 40)
        assert other.do("pause", on=True)["error"] is None
        one.until(lambda: one.state["paused"])
        assert one.states[-1] == other.states[-1]


def test_pause_hides_the_person_everywhere_and_stays(world: pytest.MonkeyPatch) -> None:
    with session(world, out="virtual") as made, Browser(made.url).live() as page:
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


def test_the_room_comes_after_two_clicks_to_one_page_and_goes(world: pytest.MonkeyPatch) -> None:
    world.setattr(stream, "ROOM_TIME", ROOM_TIME)
    with session(world) as made, Browser(made.url).live() as one, Browser(made.url).live() as other:
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
def test_the_room_ends_when_told(world: pytest.MonkeyPatch, how: str) -> None:
    world.setattr(stream, "CONFIRM_TIME", 0.3 if how == "too late" else 30.0)
    with session(world) as made, Browser(made.url).live() as page:
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


class Other(Room):
    """Another room, with somebody paler in it."""

    name = "other room"

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            image = np.where((frame.image == 128).all(-1, keepdims=True), np.uint8(200), frame.image)
            yield replace(frame, image=image)


def pale(picture: np.ndarray) -> bool:
    return bool((np.abs(picture.astype(int) - 200).max(-1) < 25).mean() > 0.02)


def test_another_camera_is_never_shown_with_a_room(world: pytest.MonkeyPatch) -> None:
    """Between the two is the background; of the one before there is nothing more, nor of anybody in it."""
    cameras = {"0": lambda: Room(pauses={0: 0.5}), "1": lambda: Other(pauses={0: 0.5})}
    with session(world, cameras, out="virtual") as made, Browser(made.url).live() as page:
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


def test_a_camera_that_is_not_there_leaves_the_one_before(world: pytest.MonkeyPatch) -> None:
    def missing() -> Room:
        raise SourceError("camera 7 is not there")

    with session(world, {"0": Room, "7": missing}) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        assert page.set(source="7") is None
        page.until(lambda: any("camera 7 is not there" in line for line in page.lines))
        page.until(lambda: page.state["source"] == "0")
        becomes(page, grey)
        assert_no_room({"page": page.pictures})


def test_a_virtual_camera_is_switched_on_and_off(world: pytest.MonkeyPatch) -> None:
    with session(world) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        FakeCamera.sent = []
        assert page.do("virtual", on=True)["error"] is None
        page.until(lambda: page.state["virtual"]["on"])
        page.watch(10)
        assert FakeCamera.sent
        assert page.do("virtual", on=False)["error"] is None
        page.until(lambda: not page.state["virtual"]["on"])
        sent = len(FakeCamera.sent)
        page.watch(10)
        assert len(FakeCamera.sent) == sent
        assert_no_room({"virtual": [p for p in FakeCamera.sent if p.any()]})


def test_what_a_virtual_camera_needs_is_said(world: pytest.MonkeyPatch) -> None:
    with session(world) as made, Browser(made.url).live() as page:
        why = loopback.nothing_there(None, Path("/none"), Path("/none"))

        def choose(*_: object) -> str:
            raise OutputError(why)

        world.setattr(loopback, "choose", choose)
        assert page.do("virtual", on=True)["error"] == why
        virtual = page.until(lambda: page.state["virtual"]["problem"] and page.state["virtual"])
        assert not virtual["on"] and virtual["cure"].startswith("sudo apt install v4l2loopback")


def test_recordings_and_snapshots_hold_no_room(world: pytest.MonkeyPatch) -> None:
    with session(world) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        recording = page.do("record", on=True)["text"]
        page.until(lambda: page.state["recording"])
        picture = page.do("snapshot")["text"]
        page.watch(10)
        assert page.do("record", on=True)["error"] is None and page.state["recording"] == recording
        assert page.do("record", on=False)["text"] == recording
        page.until(lambda: page.state["recording"] is None)
        assert_no_room({name: pictures_in(Path(name)) for name in (recording, picture)})


def test_the_config_and_the_command_line_are_those_of_the_page(world: pytest.MonkeyPatch) -> None:
    with session(world) as made, Browser(made.url).live() as page:
        assert page.do("copy")["text"].startswith("rtseg ui")
        kept = page.do("keep")
        assert kept["error"] is None and kept["text"] == str(config.default_path())
        assert config.default_path().is_file()


def pages_of(made: Session, count: int, stack: ExitStack) -> list[Live]:
    browser = Browser(made.url)
    return [stack.enter_context(browser.live()) for _ in range(count)]


def test_a_page_that_stalls_holds_up_nobody(world: pytest.MonkeyPatch) -> None:
    """Not the loop, whose frames are counted, nor another page."""
    with session(world) as made, ExitStack() as stack:
        stalled, flooding, page = pages_of(made, 3, stack)
        for _ in range(3):
            stalled.say(type="ready")  # and nothing of what comes is read
        for _ in range(500):
            flooding.say(type="ready")
        becomes(page, grey)
        page.do("record", on=True)
        pictures = page.watch(40)
        recorded = page.do("record", on=False)["text"]
        assert len({p.tobytes() for p in pictures}) > 20
        assert len(pictures_in(Path(recorded))) >= 20


def test_one_jpeg_is_made_for_all_pages_of_a_size() -> None:
    made = preview.Preview()
    moment = Moment(1, np.zeros((96, 160, 3), np.uint8), None, Settings(), News())
    same = [made.jpeg(moment, "composite", 640) for _ in range(3)]
    assert same[0] is same[1] is same[2] and made.encoded == 1
    assert made.jpeg(moment, "composite", 320) and made.encoded == 2
    assert made.jpeg(moment, "room", 320) is None


def test_nothing_is_encoded_unless_a_page_asks(world: pytest.MonkeyPatch) -> None:
    encoded: list[tuple[int, ...]] = []

    def count(picture: np.ndarray, width: int, **options: Any) -> bytes:
        encoded.append(picture.shape)
        return real(picture, width, **options)

    real = preview.encoded
    world.setattr(preview, "encoded", count)
    with session(world) as made, ExitStack() as stack:
        (one,) = pages_of(made, 1, stack)
        one.until(lambda: len(one.stats) > 2)
        assert not encoded, "nobody has asked"
        one.watch(2)
        assert encoded


def test_a_page_comes_back_after_a_restart(world: pytest.MonkeyPatch) -> None:
    with session(world) as made:
        browser = Browser(made.url)
        with browser.live() as page:
            page.watch(1)
    with session(world) as again:
        assert again.url != made.url
        browser.host = Browser(again.url, enter=False).host  # a free port again, here
        browser.cookie = f"rtseg-{browser.host.partition(':')[2]}={browser.cookie.partition('=')[2]}"
        with browser.live() as page:
            page.watch(1)


def test_a_page_outlives_the_folder_that_rtseg_was_started_in(world: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    world.chdir(tmp_path / "gone")
    with session(world) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        (tmp_path / "gone").rmdir()
        assert page.set(edge=0.5) is None
        page.until(lambda: page.state["edge"] == 0.5)
        assert page.do("snapshot")["error"]
        becomes(page, grey)
    world.chdir(tmp_path)


def test_pages_come_and_go(world: pytest.MonkeyPatch) -> None:
    with session(world) as made:
        browser = Browser(made.url)
        for _ in range(8):
            with browser.live() as page:
                page.watch(1)
        with browser.live() as page:
            becomes(page, grey)
