"""A room in colours that nothing else has, a network that knows where the person is, and a search for those colours.

Every violet pixel that comes out is a leak: of a frame without an alpha, of an alpha with another frame's pixels, of
what lies under transparency.
"""

import io
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from rtseg import pipeline
from rtseg.arrays import F32, U8, u8
from rtseg.commands.cam import session as cam
from rtseg.commands.cam.options import CamOptions
from rtseg.errors import RtsegError, SourceError
from rtseg.frames import Frame
from rtseg.live import loop
from rtseg.models.model import Model
from rtseg.options.call import Call
from rtseg.sinks import loopback, virtual

Answer = Callable[[int], Any]  # the number of a call -> alpha HxW, an exception, or None for the truth
SIZE = (160, 96)
VIOLETS = ((255, 0, 255), (170, 0, 150))  # BGR; no background, text or person here has less green than both others
PERSON = (128, 128, 128)
GREEN = "#00ff00"
WARM_UP = 3  # calls of the network before the first frame, at most


def room_frame(index: int, size: tuple[int, int] = SIZE) -> U8:
    """A checkerboard, uint8 HxWx3, and before it the person, a grey disc that moves."""
    width, height = size
    y, x = np.mgrid[:height, :width] // 8
    frame = np.ascontiguousarray(np.array(VIOLETS, np.uint8)[(x + y) % 2])
    cv2.circle(frame, (width // 4 + 7 * index % (width // 2), height // 2), height // 4, PERSON, cv2.FILLED)
    return frame


def violet(picture: U8, margin: int = 2) -> NDArray[np.bool_]:
    """Where a picture (HxWx3 BGR) has the room's colours, but for the mixed ones of an edge `margin` pixels wide."""
    blue, green, red = (picture[..., c].astype(int) for c in range(3))
    marks = (np.minimum(blue, red) - green > 50).astype(np.uint8)
    return cv2.erode(marks, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)).astype(bool)


def assert_no_room(seen: dict[str, list[U8]], what: str = "") -> None:
    for where, pictures in seen.items():
        assert pictures, f"{where}: there is nothing to look at"
        for number, picture in enumerate(pictures):
            share = float(violet(picture).mean())
            assert not share, f"{where}, {what}: {share:.2%} of picture {number} of {len(pictures)} is the room"


def truth(small_bgr: U8) -> F32:
    """The alpha, HxW, of a frame of this world at any size."""
    blue, green, red = (small_bgr[..., c].astype(int) for c in range(3))
    return ((np.minimum(blue, red) - green < 30) & (green > 40) & (green < 220)).astype(np.float32)


class Net:
    """Takes the place of Model.run: the truth, unless `answer` has something else to say. Calls start at 0."""

    def __init__(self, answer: Answer = lambda call: None) -> None:
        self.answer, self.calls = answer, 0

    def __call__(self, frame_bgr: U8) -> F32:
        said = self.answer(self.calls)
        self.calls += 1
        if isinstance(said, Exception):
            raise said
        return truth(frame_bgr) if said is None else said


class Room:
    """A camera in that room.

    Args:
        grows: from this frame on they have another size.
        breaks: at this frame it breaks off.
        pauses: seconds before a frame, by its number.
    """

    name, remark = "room", None

    def __init__(
        self,
        count: int = 10**9,
        *,
        live: bool = True,
        breaks: int | None = None,
        grows: int | None = None,
        size: tuple[int, int] = SIZE,
        pauses: dict[int, float] | None = None,
    ) -> None:
        self.count, self.live, self.fps, self.breaks, self.grows = count, live, 120.0, breaks, grows
        self.width, self.height = self.size = size
        self.pauses, self.closed = pauses or {}, False

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            if self.closed:
                return
            if self.live:
                time.sleep(self.pauses.get(index, 0) + 1 / self.fps)
            if index == self.breaks:
                raise SourceError("the room is gone")
            size = (96, 160) if self.grows is not None and index >= self.grows else self.size
            yield Frame(room_frame(index, size), time.monotonic() if self.live else index / self.fps, index)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


@dataclass
class Hand:
    """Stands for the window: keeps all that is drawn; presses keys, and does things, at given numbers of pictures."""

    keys: dict[int, str] = field(default_factory=dict)
    quit_after: int = 80
    doing: dict[int, Callable[[], None]] = field(default_factory=dict)
    pictures: list[U8] = field(default_factory=list)
    until: Callable[[], bool] = lambda: True
    deadline: float = field(default_factory=lambda: time.monotonic() + 30)

    def draw(self, picture: U8) -> None:
        self.pictures.append(picture.copy())
        time.sleep(0.004)

    def key(self) -> int | None:
        seen = len(self.pictures)
        for at in [at for at in self.doing if at <= seen]:
            self.doing.pop(at)()
        if due := [at for at in sorted(self.keys) if at <= seen]:
            return ord(self.keys.pop(due[0]))
        over = seen >= self.quit_after and self.until()
        return ord("q") if over or time.monotonic() > self.deadline else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None: ...


class FakeCamera:
    """Stands for pyvirtualcam.Camera."""

    sent: list[U8] = []  # noqa: RUF012

    def __init__(self, width: int, height: int, fps: float, **_: object) -> None:
        self.width, self.height, self.device = width, height, "/dev/video42"
        FakeCamera.sent = []

    def send(self, picture: U8) -> None:
        FakeCamera.sent.append(picture.copy())

    def close(self) -> None: ...


@lru_cache(maxsize=1)
def compile_loops() -> None:
    """Where nothing is compiled yet, a session of seconds would be over before its first composite."""
    for background in (GREEN, "blur"):
        with pipeline.Pipeline(background=background, model="fast", provider="cpu", threads=1) as real:
            real.warm_up(*SIZE)


def set_up(world: pytest.MonkeyPatch) -> None:
    """A display and a virtual camera that are not real; a short patience with what hangs.

    Models are not looked at first: to this world's net whatever is grey is a person.
    """
    world.setattr(pipeline, "require_nobody", lambda model: None)
    compile_loops()
    fake = types.SimpleNamespace(Camera=FakeCamera, PixelFormat=types.SimpleNamespace(BGR=0))
    world.setitem(sys.modules, "pyvirtualcam", fake)
    answers = {"choose": "/dev/video42", "fixed_size": None, "shared": False, "readers": ["x"], "readers_known": True}
    for name, value in {**answers, "release": None}.items():
        world.setattr(loopback, name, lambda *_, value=value: value)
    world.setattr(cam, "display_problem", lambda: None)
    world.setattr(loop, "STALL", 0.2)
    world.setattr(virtual, "SCAN_INTERVAL", 0.05)


def session(
    world: pytest.MonkeyPatch, source: Any, hand: Hand, out: str | None, net: Net | None = None, **options: Any
) -> dict[str, list[U8]]:
    """Run `rtseg cam` with a network in place of every Model.run; all that came out, by output.

    Errors that the tool announces end it, as they would.
    """
    world.setattr(cam, "Window", lambda *_: hand)
    world.setattr(cam, "choose_source", lambda *_, **__: source)
    if net:
        world.setattr(Model, "run", lambda self, frame, previous: net(frame))
    given = {"bg": GREEN, "provider": "cpu", "threads": 1, "model": "fast"} | options
    try:
        cam.run(CamOptions(source="x", out=out, **given), Call("cam", (), {}), Console(file=io.StringIO(), width=200))
    except RtsegError as e:
        hand.keys[0] = str(e)  # for who debugs a test
    seen = {"window": hand.pictures}
    if out == "virtual":
        seen["virtual"] = FakeCamera.sent
    for path in Path().iterdir():
        if path.suffix in (".mp4", ".mkv", ".webm", ".png") and "film" not in path.name:
            seen[path.name] = pictures_in(path)
    return seen


def pictures_in(path: Path, pixels: str = "bgr24") -> list[U8]:
    """The frames of a video or a picture, as they are stored."""
    if path.suffix == ".png":
        return [u8(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))]
    with av.open(str(path)) as container:
        return [f.to_ndarray(format=pixels) for f in container.decode(video=0)]
