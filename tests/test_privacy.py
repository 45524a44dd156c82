"""No picture of the room leaves through any output, whatever fails: see leaks.py for the room and the search."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console

from conftest import write_clip
from leaks import (
    GREEN,
    SIZE,
    WARM_UP,
    Answer,
    Hand,
    Net,
    Room,
    assert_no_room,
    pictures_in,
    room_frame,
    session,
    set_up,
    truth,
    violet,
)
from rtseg.commands.apply import run as apply
from rtseg.errors import ModelError, RtsegError
from rtseg.live import reconnect
from rtseg.live.reconnect import Reconnecting
from rtseg.models.model import Model
from rtseg.models.nobody import require_nobody
from rtseg.pipeline import Pipeline

RECORD = {12: "r", 24: "p", 70: "p"}  # in every session: a recording, two snapshots
FOREVER = 10**9


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    set_up(monkeypatch)
    return monkeypatch


def fails(first: int, last: int = FOREVER) -> Answer:
    return lambda call: ModelError("made to fail") if first <= call - WARM_UP < last else None


def hangs(at: int) -> Answer:
    return lambda call: time.sleep(0.6) if call - WARM_UP == at else None


TROUBLES: dict[str, Callable[[], dict[str, Any]]] = {
    "none": dict,
    "it starts slowly": lambda: {"net": Net(lambda call: time.sleep(0.15) if call < WARM_UP else None)},
    "it fails from the start": lambda: {"net": Net(fails(0))},
    "it fails at first": lambda: {"net": Net(fails(0, 20))},
    "it fails on the way": lambda: {"net": Net(fails(20, 40))},
    "every second frame fails": lambda: {"net": Net(lambda call: fails(0)(call) if call % 2 else None)},
    "it hangs": lambda: {"net": Net(hangs(20))},
    "it hangs at once": lambda: {"net": Net(hangs(0))},
    "the camera is slow": lambda: {"source": Room(pauses={20: 0.5, 25: 0.5})},
    "frames change their size": lambda: {"source": Room(grows=20)},
    "another background while it hangs": lambda: {"net": Net(hangs(20)), "keys": {30: "]", 32: "+", 34: "b"}},
    "paused while it hangs": lambda: {"net": Net(hangs(20)), "keys": {26: "b", 60: "b"}},
    "power is saved": lambda: {"save_power": True},
}


@pytest.mark.parametrize("out", ["virtual", "out.mkv"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_session(world: pytest.MonkeyPatch, trouble: str, out: str) -> None:
    made = TROUBLES[trouble]()
    hand = Hand(RECORD | made.pop("keys", {}))
    seen = session(world, made.pop("source", Room()), hand, out, made.pop("net", Net()), **made)
    assert len(seen) >= 5  # window, output, a recording and two snapshots
    assert_no_room(seen, trouble)


@pytest.mark.parametrize("out", [None, "out.mp4", "out.webm"])
def test_other_outputs(world: pytest.MonkeyPatch, out: str | None) -> None:
    assert_no_room(session(world, Room(), Hand(dict(RECORD)), out, Net(fails(20, 40))))


def test_the_search_is_not_blind(world: pytest.MonkeyPatch) -> None:
    """Who asks for the room gets it, everywhere."""
    hand = Hand({5: "e", 8: "\r", 130: "r", 140: "p"}, quit_after=200)
    for where, pictures in session(world, Room(), hand, "out.mkv", Net()).items():
        assert any(violet(p).mean() > 0.3 for p in pictures), where


def of(value: float) -> Callable[[tuple[int, int]], Any]:
    return lambda size: np.full((1, 1, *size), value, np.float32)


BAD: dict[str, Callable[[tuple[int, int]], Any]] = {
    "nan": of(np.nan),
    "one nan": lambda s: np.where(np.arange(s[0] * s[1]).reshape(1, 1, *s) == 7, np.nan, 1).astype(np.float32),
    "infinite": of(np.inf),
    "two": of(2),
    "too wide": lambda s: np.ones((1, 1, s[0], s[1] + 1), np.float32),
    "turned": lambda s: np.ones((1, 1, s[1], s[0]), np.float32),
    "empty": lambda s: np.ones((1, 1, 0, 0), np.float32),
    "error": lambda s: RuntimeError("CUDA failure 700"),
    "memory": lambda s: MemoryError(),
}


@pytest.mark.parametrize("first", [0, WARM_UP + 20], ids=["at the start", "on the way"])
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_alpha(world: pytest.MonkeyPatch, bad: str, first: int) -> None:
    """What onnxruntime gives is wrong; what Model.run makes of it is the real code."""

    class Session:
        def __init__(self, session: Any) -> None:
            self._session, self.calls = session, 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._session, name)

        def run(self, names: list[str], feed: dict[str, Any]) -> list[Any]:
            frame, self.calls = feed["frame_bgr"][0], self.calls + 1
            said = BAD[bad](frame.shape[:2]) if self.calls > first else truth(frame)[None, None]
            if isinstance(said, Exception):
                raise said
            return [said]

    def init(self: Model, *args: Any, **options: Any) -> None:
        real(self, *args, **options)
        self._session = Session(self._session)

    real = Model.__init__
    world.setattr(Model, "__init__", init)
    assert_no_room(session(world, Room(), Hand(dict(RECORD)), "out.mkv"), bad)


def test_all_is_person(world: pytest.MonkeyPatch) -> None:
    """As from fp16 that overflows before a sigmoid, or a training that collapsed."""
    world.setattr("rtseg.pipeline.require_nobody", require_nobody)  # as where nobody has set up this world
    world.setattr(Model, "run", lambda self, frame, previous: np.ones_like(previous))
    assert_no_room(session(world, Room(), Hand(), "virtual"))


def test_another_camera(world: pytest.MonkeyPatch) -> None:
    """It breaks off again and again, and comes back as one of another size."""
    world.setattr(reconnect, "FIRST_WAIT", 0.3)
    others = [Room(breaks=10, size=(96, 160)), Room(breaks=10, size=(161, 97)), Room()]
    source = Reconnecting(lambda: others.pop(0), Room(breaks=20))
    hand = Hand(dict(RECORD), until=lambda: not others)
    assert_no_room(session(world, source, hand, "virtual", Net()))


def damage(path: Path, how: str) -> None:
    for p in sorted(path.iterdir()) if path.is_dir() else [path]:
        if how == "gone":
            p.unlink()
        elif how == "cut":
            with p.open("r+b") as f:
                f.truncate(p.stat().st_size // 2)
        else:
            p.write_bytes(b"something else")


@pytest.mark.parametrize("how", ["gone", "cut", "replaced"])
@pytest.mark.parametrize(
    ("background", "live"),
    [("bgs/0.png", True), ("bgs", True), ("bgs", False), ("film.mp4", True), ("film.mp4", False)],
)
def test_a_lost_background(world: pytest.MonkeyPatch, background: str, how: str, live: bool) -> None:
    Path("bgs").mkdir()
    for i in range(3):
        cv2.imwrite(f"bgs/{i}.png", np.full((60, 80, 3), (40 * i, 200, 40 * i), np.uint8))
    shades = [np.full((90, 160, 3), (0, 150 + i, 0), np.uint8) for i in range(60)]
    film = write_clip(Path("film.mp4"), shades, [i / 30 for i in range(60)])
    Path("bgs/film.mp4").write_bytes(film.read_bytes())
    keys = RECORD | {40: "]", 45: "]", 50: "[", 55: "+", 60: "b", 65: "b"}
    hand = Hand(keys, doing={30: lambda: damage(Path(background), how)}, quit_after=120)
    source = Room(live=live, count=FOREVER if live else 200)
    assert_no_room(session(world, source, hand, "out.mkv", Net(), bg=background))


def test_nothing_comes_after_pause(world: pytest.MonkeyPatch) -> None:
    """Not even the person: frames that were under way when the key was pressed included."""
    hand = Hand({20: "b"}, quit_after=60)
    for where, pictures in session(world, Room(), hand, "virtual", Net(lambda call: time.sleep(0.05))).items():
        grey = [bool((np.abs(p.astype(int) - 128).max(-1) < 12).mean() > 0.02) for p in pictures]
        last = max(i for i, g in enumerate(grey) if g)
        assert last < len(grey) * 3 // 4 and (where != "window" or last <= 21)


@pytest.mark.parametrize("keys", ["i", "v", "?", "vi?t", "ivb"])
def test_views_stay_in_the_window(world: pytest.MonkeyPatch, keys: str) -> None:
    pressed = dict(zip(range(10, 100, 8), keys, strict=False)) | {60: "p"}
    seen = session(world, Room(), Hand(pressed), "virtual", Net())
    del seen["window"]
    assert_no_room(seen, keys)


def test_a_wall_as_bright_as_the_person(world: pytest.MonkeyPatch) -> None:
    """Who leaves a wall of their own brightness, while power is saved, must not uncover it."""
    wall = np.array([200, 60, 230], np.uint8)
    world.setattr(Model, "run", lambda self, frame, previous: truth(frame))
    pipeline = Pipeline(background=GREEN, provider="cpu", threads=1, model="fast")
    pipeline.save_power = True
    pictures = []
    for index in range(40):
        frame = np.tile(wall, (SIZE[1], SIZE[0], 1))
        if index < 10:
            frame[30:, 50:110] = round(float(wall @ np.array([0.114, 0.587, 0.299])))
        pictures.append(pipeline(frame).copy())
    assert_no_room({"composite": pictures})


APPLIED = {
    "composite": ["o.mp4", "o.mkv", "o.webm", "o/"],
    "alpha": ["o.mp4", "o/"],
    "cutout": ["o.mov", "o.webm", "o/"],
}


@pytest.mark.parametrize(("emit", "out"), [(emit, out) for emit, outs in APPLIED.items() for out in outs])
@pytest.mark.parametrize("trouble", ["none", "it fails"])
def test_apply(world: pytest.MonkeyPatch, emit: str, out: str, trouble: str) -> None:
    Path("in").mkdir()
    source = write_clip(Path("in/in.mp4"), [room_frame(i) for i in range(12)], [i / 30 for i in range(12)])
    net = Net(lambda call: ModelError("made to fail") if trouble != "none" and call == 6 else None)
    world.setattr(Model, "run", lambda self, frame, previous: net(frame))
    pipeline = Pipeline(background=GREEN, provider="cpu", threads=1, model="fast")
    try:
        apply.run(source, out, pipeline, emit, Console(file=io.StringIO()))
    except RtsegError:
        assert trouble != "none"
    left = [p for p in Path().rglob("*") if p.is_file() and p.parent.name != "in"]
    assert bool(left) == (trouble == "none")
    for path in left:
        for picture in pictures_in(path, "bgra" if emit == "cutout" else "bgr24"):
            if picture.ndim == 3:  # with or without its alpha, as who drops that would see it
                assert not violet(picture[..., :3], margin=1).any(), path.name
