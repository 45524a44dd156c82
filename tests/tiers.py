"""Stand-ins for the tiers that ship: networks that cost what a test says and answer what it wants."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import INFO
from rtseg.errors import ModelError
from rtseg.frames import Frame
from rtseg.models import in_use
from rtseg.models.model import TIERS
from rtseg.pixels.geometry import network_size
from rtseg.pixels.light import brightened, gain_for
from sessions import ROOM, Made

AREAS = {"quality": 122_880, "balanced": 40_960, "fast": 20_480}
COSTS = {"quality": 200.0, "balanced": 100.0, "fast": 50.0}  # nanoseconds of a pixel at network size
SEEN = np.full((1, 1, 3), ROOM, np.uint8)
Answer = Callable[[str], float | None]  # alpha that a tier gives, None: it fails


class Machine:
    """A clock that goes on only while a network works."""

    def __init__(self, slowness: float = 1.0, cores: float = 1.0) -> None:
        self.slowness, self.cores = slowness, cores
        self.busy = self.wall = 0.0
        self.cuda = False
        self.frames = 0  # of a made-up source, that a network has seen
        self.opened: list[str] = []

    def clock(self) -> tuple[float, float]:
        return self.busy, self.wall

    def work(self, seconds: float) -> None:
        self.busy += self.slowness * seconds
        self.wall += self.slowness * seconds / self.cores


class Tier:
    """Stands for a loaded model."""

    threads, fallback_reason, static, effect, follows, remembers = 1, None, None, None, False, False

    def __init__(self, name: str, machine: Machine, answer: Answer, provider: str) -> None:
        self.provider = provider
        self.name, self.machine, self.answer = name, machine, answer
        self.path, self.info = Path(f"{name}.onnx"), replace(INFO, name=name, area=AREAS[name])
        self.told: list[np.ndarray] = []  # the previous alpha, as the network got it

    def size_for(self, width: int, height: int, area: int) -> tuple[int, int]:
        return network_size(width, height, area)

    def reset(self) -> None: ...

    def run(self, frame_bgr: np.ndarray, previous_alpha: np.ndarray) -> np.ndarray:
        self.machine.frames += bool((frame_bgr == brightened(SEEN, gain_for(SEEN))).all())
        self.machine.work(COSTS[self.name] * 1e-9 * previous_alpha.size)
        self.told.append(previous_alpha)
        alpha = self.answer(self.name)
        if alpha is None:
            raise ModelError("made to fail")
        return np.full(previous_alpha.shape, alpha, np.float32)


def stand_in(monkeypatch: pytest.MonkeyPatch, machine: Machine, answer: Answer = lambda _: 0.0) -> dict[str, Tier]:
    """From here on a pipeline opens these; filled as it does."""
    tiers: dict[str, Tier] = {}

    def opened(name: str, *, provider: str, **_: object) -> Tier:
        assert name in TIERS
        machine.opened.append(name)
        tiers[name] = Tier(name, machine, answer, "cuda" if machine.cuda and provider != "cpu" else "cpu")
        return tiers[name]

    monkeypatch.setattr(in_use, "open_network", opened)
    return tiers


class Promised(Made):
    """A live source that says 5 fps, for a generous budget, and does not make anybody wait for its frames."""

    def __init__(self) -> None:
        super().__init__(10**6, live=True)
        self.fps = 5.0

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            time.sleep(0.005)
            yield Frame(np.full((self.height, self.width, 3), ROOM, np.uint8), time.monotonic(), index)


class Loaded(Machine):
    """One that was fast when it was measured, and that is busy for some of the frames."""

    def __init__(self, busy: range) -> None:
        super().__init__(0.05)
        self.load = busy

    def work(self, seconds: float) -> None:
        super().work(seconds)
        if self.frames in self.load:
            time.sleep(10 * seconds)
