"""Made-up sources, windows and outputs, and a session of the capture loop on them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self
from unittest.mock import patch

import numpy as np
from rich.console import Console

from rtseg.errors import ModelError, SourceError
from rtseg.frames import Frame
from rtseg.live import engine as engine_module
from rtseg.live import surface as surface_module
from rtseg.live.controls import Controls
from rtseg.live.engine import Engine
from rtseg.live.keys import FEW_KEYS
from rtseg.live.loop import Loop
from rtseg.live.overlay import Shown
from rtseg.live.parts import Parts
from rtseg.live.settings import Settings
from rtseg.live.steps import choices
from rtseg.live.surface import InWindow
from rtseg.options.call import Call
from rtseg.pipeline import Pipeline

ROOM = 77  # the grey level that must never be seen
GREEN = (0, 255, 0)
CALL = Call("cam", (), {})


class Made:
    """A source of `count` frames of one grey, each with its number in the corner; live ones come at `fps`."""

    name, width, height, remark = "made", 64, 48, None

    def __init__(self, count: int, live: bool, fps: float = 200.0, fails: bool = False) -> None:
        self.count, self.live, self.fps, self.fails, self.given = count, live, fps, fails, 0

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            if self.live:
                time.sleep(1 / self.fps)
            image = np.full((self.height, self.width, 3), ROOM, np.uint8)
            self.given = index
            yield Frame(image, time.monotonic() if self.live else index / self.fps, index)
        if self.fails:
            raise SourceError("made broke off")

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None: ...


class Seen:
    """Stands for a window; keeps what it was shown before text was drawn over it, and presses keys."""

    def __init__(self, quit_after: int = 10**9, keys: dict[int, str] | None = None) -> None:
        self.shown: list[Shown] = []
        self.quit_after, self.keys = quit_after, keys or {}

    @property
    def images(self) -> list[np.ndarray]:
        return [s.image for s in self.shown]

    @property
    def texts(self) -> list[str]:
        return [s.status for s in self.shown]

    def draw(self, shown: Shown) -> None:
        self.shown.append(shown)

    def key(self) -> int | None:
        if len(self.shown) >= self.quit_after:
            return ord("q")
        due = [at for at in sorted(self.keys) if at <= len(self.shown)]
        return ord(self.keys.pop(due[0])) if due else None


class Kept:
    """Stands for an output."""

    remark = None

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []

    def write(self, picture: np.ndarray, time: float) -> None:
        self.images.append(picture.copy())


def pipeline_that(answer: Callable[[int], np.ndarray | None]) -> Pipeline:
    """A green-background pipeline whose model gives `answer(call)`; None: it fails. Warm-up does not count."""
    pipeline = Pipeline(background="#00ff00", provider="cpu", threads=1)
    pipeline.warm_up(64, 48)
    calls = iter(range(10**9))

    def run(frame_bgr: np.ndarray, previous_alpha: np.ndarray) -> np.ndarray:
        given = answer(next(calls))
        if given is None:
            raise ModelError("made to fail")
        return np.broadcast_to(given, previous_alpha.shape).astype(np.float32)

    pipeline.model.run = run  # type: ignore[method-assign]
    pipeline.warm_up = lambda *_: None  # type: ignore[method-assign]
    return pipeline


def play(
    source: Made, pipeline: Pipeline, seen: Seen, console: Console, kept: Kept | None = None, **options: float
) -> Loop:
    with patch.object(engine_module, "second_look", lambda pipeline: None):  # what the model says is made up
        engine = Engine(source, pipeline, **options)
    controls = Controls(Settings(background="#00ff00"), choices("#00ff00"), CALL)
    window = InWindow(seen, FEW_KEYS)  # type: ignore[arg-type]
    loop = Loop(Parts(source, pipeline, engine, controls), kept, window, console)  # type: ignore[arg-type]
    try:
        with patch.object(surface_module, "preview", lambda shown, _: replace(shown, image=shown.image.copy())):
            loop.run()
    finally:
        engine.stop()
    return loop


def is_green(image: np.ndarray) -> bool:
    return bool((image == GREEN).all())


def person(_: int) -> np.ndarray:
    return np.float32(1)  # type: ignore[return-value]
