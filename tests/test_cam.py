"""The capture loop with made-up sources: newest frame only, nothing of the room when anything goes wrong."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
from rich.console import Console

from conftest import read_clip
from rtseg import cam
from rtseg.cam import CamOptions, Loop
from rtseg.engine import Engine, Newest
from rtseg.errors import ModelError, OutputError, SourceError
from rtseg.frames import Frame
from rtseg.pipeline import Pipeline

ROOM = 77  # the grey level that must never be seen
GREEN = (0, 255, 0)


class Made:
    """A source of `count` frames of one grey, each with its number in the corner; live ones come at `fps`."""

    name, width, height, remark = "made", 64, 48, None

    def __init__(self, count: int, live: bool, fps: float = 200.0, fails: bool = False) -> None:
        self.count, self.live, self.fps, self.fails = count, live, fps, fails

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            if self.live:
                time.sleep(1 / self.fps)
            image = np.full((self.height, self.width, 3), ROOM, np.uint8)
            yield Frame(image, time.monotonic() if self.live else index / self.fps, index)
        if self.fails:
            raise SourceError("made broke off")

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None: ...


class Seen:
    """Stands for a window; keeps what it was shown."""

    def __init__(self, quit_after: int = 10**9) -> None:
        self.images: list[np.ndarray] = []
        self.texts: list[str] = []
        self.quit_after = quit_after

    def show(self, image: np.ndarray, overlay: str) -> bool:
        self.images.append(image.copy())
        self.texts.append(overlay)
        return self.poll()

    def poll(self) -> bool:
        return len(self.images) < self.quit_after


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


def play(source: Made, pipeline: Pipeline, seen: Seen, console: Console) -> Loop:
    engine = Engine(source, pipeline)
    loop = Loop(source, pipeline, engine, None, seen, None)  # type: ignore[arg-type]
    try:
        loop.run(console)
    finally:
        engine.stop()
    return loop


def to_file(folder: Path) -> CamOptions:
    return CamOptions(background="#00ff00", source="x", out=folder / "out.mp4", window=False, provider="cpu")


def is_green(image: np.ndarray) -> bool:
    return bool((image == GREEN).all())


def test_files_never_drop_a_frame(console: Console) -> None:
    seen = Seen()
    loop = play(Made(50, live=False, fps=1000), pipeline_that(lambda _: np.float32(1)), seen, console)
    assert loop.frames == 50
    assert sum((i == ROOM).all() for i in seen.images) == 50


def test_live_sources_keep_only_the_newest(console: Console) -> None:
    def slow(_: int) -> np.ndarray:
        time.sleep(0.05)
        return np.float32(1)  # type: ignore[return-value]

    loop = play(Made(100, live=True), pipeline_that(slow), Seen(), console)
    assert 3 <= loop.frames < 60


def test_newest_skips_what_nobody_took() -> None:
    newest = iter(Newest(Made(40, live=True)))
    assert next(newest).index < 5
    time.sleep(0.1)
    assert next(newest).index >= 8


def test_background_first(console: Console) -> None:
    seen = Seen()
    play(Made(5, live=True), pipeline_that(lambda _: np.float32(1)), seen, console)
    assert is_green(seen.images[0])


def test_failing_inference_shows_the_background_only(console: Console) -> None:
    """The model fails from the start, recovers, fails again: the room is seen only where it said person."""
    seen = Seen()
    pipeline = pipeline_that(lambda call: np.float32(0.0) if 20 <= call < 40 else None)
    play(Made(60, live=True), pipeline, seen, console)
    assert len(seen.images) > 10 and all(is_green(i) for i in seen.images)
    assert any("background only" in t for t in seen.texts)
    assert console.file.getvalue().count("made to fail") == 1  # type: ignore[attr-defined]


def test_failing_inference_ends_a_file(console: Console) -> None:
    seen = Seen()
    with pytest.raises(ModelError, match="made to fail"):
        play(Made(10, live=False), pipeline_that(lambda call: None if call == 4 else np.float32(0)), seen, console)
    assert all(is_green(i) for i in seen.images)


def test_hanging_inference_shows_the_background_only(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    monkeypatch.setattr(cam, "STALL", 0.15)
    release = threading.Event()

    def hang(call: int) -> np.ndarray:
        if call == 3:
            release.wait(5)
        return np.float32(1)  # type: ignore[return-value]

    class Patient(Seen):
        def show(self, image: np.ndarray, overlay: str) -> bool:
            stalled = "no new frame" in overlay
            super().show(image, overlay)
            return not (stalled and self.texts.count(overlay) >= 3)

    seen = Patient()
    play(Made(400, live=True), pipeline_that(hang), seen, console)
    release.set()
    assert is_green(seen.images[-1]) and "no new frame" in seen.texts[-1]


def test_quitting_stops_everything(console: Console) -> None:
    before = threading.active_count()
    loop = play(Made(10**6, live=True), pipeline_that(lambda _: np.float32(0)), Seen(quit_after=10), console)
    assert loop.frames < 20
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_recording_of_a_camera_that_breaks_off_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, console: Console
) -> None:
    monkeypatch.setattr(cam, "open_source", lambda *_, **__: Made(40, live=True, fps=30, fails=True))
    with pytest.raises(SourceError, match="made broke off"):
        cam.run(
            CamOptions(background="#00ff00", source="x", out=tmp_path / "out.mp4", window=False, provider="cpu"),
            console,
        )
    frames, times = read_clip(tmp_path / "out.mp4")
    assert len(frames) > 5 and 0.2 < times[-1] < 10


def test_broken_file_leaves_no_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, console: Console) -> None:
    monkeypatch.setattr(cam, "open_source", lambda *_, **__: Made(10, live=False, fails=True))
    with pytest.raises(SourceError, match="made broke off"):
        cam.run(
            CamOptions(background="#00ff00", source="x", out=tmp_path / "out.mp4", window=False, provider="cpu"),
            console,
        )
    assert list(tmp_path.iterdir()) == []


def test_output_is_never_the_source(clip: Path, console: Console) -> None:
    before = clip.read_bytes()
    with pytest.raises(OutputError, match="source itself"):
        cam.run(CamOptions(source=str(clip), out=clip, window=False, provider="cpu"), console)
    assert clip.read_bytes() == before


def test_size_is_a_cameras(clip: Path, console: Console, tmp_path: Path) -> None:
    options = CamOptions(source=str(clip), out=tmp_path / "o.mp4", window=False, provider="cpu", size=(640, 480))
    cam.run(options, console)
    assert "--size and --fps are for cameras" in console.file.getvalue()  # type: ignore[attr-defined]
