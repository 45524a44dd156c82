"""The capture loop with made-up sources: newest frame only, nothing of the room when anything goes wrong."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
from rich.console import Console

from conftest import read_clip
from rtseg import cam
from rtseg.cam import CamOptions
from rtseg.errors import ModelError, OutputError, ProviderError, SourceError
from rtseg.frames import Frame
from rtseg.live import loop as loop_module
from rtseg.live.controls import Controls, choices
from rtseg.live.engine import Engine, Reader
from rtseg.live.loop import Loop
from rtseg.live.overlay import Shown
from rtseg.live.settings import Settings
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


@pytest.fixture(autouse=True)
def nothing_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "preview", lambda shown, settings: replace(shown, image=shown.image.copy()))


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
    engine = Engine(source, pipeline, **options)
    controls = Controls(Settings(background="#00ff00"), choices("#00ff00"), CALL)
    loop = Loop(source, pipeline, engine, controls, kept, seen, console)  # type: ignore[arg-type]
    try:
        loop.run()
    finally:
        engine.stop()
    return loop


def to_file(folder: Path) -> CamOptions:
    return CamOptions(background="#00ff00", source="x", out=str(folder / "out.mp4"), window=False, provider="cpu")


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
    source = Made(200, live=True)
    newest = iter(Reader(source))
    next(newest)
    while source.given < 20:
        time.sleep(0.01)
    assert next(newest).index >= 18  # the one before may be what lies there


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
    monkeypatch.setattr(loop_module, "STALL", 0.15)
    release = threading.Event()

    def hang(call: int) -> np.ndarray:
        if call == 3:
            release.wait(5)
        return np.float32(1)  # type: ignore[return-value]

    class Patient(Seen):
        def key(self) -> int | None:
            return ord("q") if sum("does not answer" in text for text in self.texts) >= 3 else None

    seen = Patient()
    play(Made(400, live=True), pipeline_that(hang), seen, console)
    release.set()
    assert is_green(seen.images[-1]) and "the model does not answer" in seen.texts[-1]
    assert "the model does not answer" in console.file.getvalue()  # type: ignore[attr-defined]


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
        cam.run(to_file(tmp_path), CALL, console)
    frames, times = read_clip(tmp_path / "out.mp4")
    assert len(frames) > 5 and 0.2 < times[-1] < 10


def test_broken_file_leaves_no_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, console: Console) -> None:
    monkeypatch.setattr(cam, "open_source", lambda *_, **__: Made(10, live=False, fails=True))
    with pytest.raises(SourceError, match="made broke off"):
        cam.run(to_file(tmp_path), CALL, console)
    assert list(tmp_path.iterdir()) == []


def test_output_is_never_the_source(clip: Path, console: Console) -> None:
    before = clip.read_bytes()
    with pytest.raises(OutputError, match="source itself"):
        cam.run(CamOptions(source=str(clip), out=str(clip), window=False, provider="cpu"), CALL, console)
    assert clip.read_bytes() == before


def test_size_is_a_cameras(clip: Path, console: Console, tmp_path: Path) -> None:
    options = CamOptions(source=str(clip), out=str(tmp_path / "o.mp4"), window=False, provider="cpu", size=(640, 480))
    cam.run(options, CALL, console)
    assert "--size and --fps are for cameras" in console.file.getvalue()  # type: ignore[attr-defined]


def person(_: int) -> np.ndarray:
    return np.float32(1)  # type: ignore[return-value]


def test_pause_gives_every_output_the_background(console: Console) -> None:
    kept, seen = Kept(), Seen(quit_after=60, keys={20: "b"})
    play(Made(10**6, live=True), pipeline_that(person), seen, console, kept)
    green = [is_green(image) for image in kept.images]
    first = green.index(True)
    assert 10 < first < 30 and all(green[first:]) and not any(green[:first])


def test_the_effect_goes_off_for_who_confirms(console: Console) -> None:
    nobody = pipeline_that(lambda _: np.float32(0))  # type: ignore[arg-type, return-value]
    kept, seen = Kept(), Seen(quit_after=60, keys={10: "e"})
    play(Made(10**6, live=True), nobody, seen, console, kept)
    assert all(is_green(image) for image in kept.images)
    kept, seen = Kept(), Seen(quit_after=250, keys={10: "e", 60: "\r"})
    play(Made(10**6, live=True), nobody, seen, console, kept)
    assert is_green(kept.images[30]) and (kept.images[-1] == ROOM).all()


@pytest.mark.parametrize("keys", [{1: "q"}, {1: "r", 2: "q"}])
def test_quitting_before_the_first_frame_is_no_error(console: Console, tmp_path: Path, keys: dict[int, str]) -> None:
    source, recorded = Made(10**6, live=True, fps=0.5), "r" in keys.values()
    loop = play(source, pipeline_that(person), Seen(keys=keys), console)
    assert not loop.frames and "no frame yet" in loop.summary(None)
    assert ("recorded nothing" in console.file.getvalue()) == recorded  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())


def test_quitting_a_file_says_how_far_it_got(console: Console) -> None:
    loop = play(Made(500, live=False, fps=1000), pipeline_that(person), Seen(quit_after=20), console)
    assert f"{loop.frames} of 500 frames" in loop.summary(None)


def test_keys_change_the_background(console: Console) -> None:
    seen = Seen(quit_after=60, keys={10: "]"})
    pipeline = pipeline_that(lambda _: np.float32(0))  # type: ignore[arg-type, return-value]
    play(Made(10**6, live=True), pipeline, seen, console)
    assert is_green(seen.images[5]) and not is_green(seen.images[-1]) and not (seen.images[-1] == ROOM).all()


def test_snapshots_and_recordings_never_overwrite(console: Console, tmp_path: Path) -> None:
    keys = {10: "p", 80: "p", 100: "r", 340: "r", 580: "r"}  # r is taken once a second
    play(Made(10**6, live=True), pipeline_that(person), Seen(quit_after=640, keys=keys), console)
    pictures, videos = sorted(tmp_path.glob("rtseg-*.png")), sorted(tmp_path.glob("rtseg-*.mp4"))
    assert len(pictures) == 2 and len(videos) == 2
    assert len(read_clip(videos[0])[0]) > 20, "the one that was running when the user quit is complete too"
    assert len(read_clip(videos[1])[0]) > 5


def test_a_provider_that_was_asked_for_and_is_gone_ends_it(console: Console) -> None:
    def gone(*_: object) -> np.ndarray:
        raise ProviderError("--provider cuda: out of memory")

    pipeline = pipeline_that(person)
    pipeline.model.run = gone  # type: ignore[method-assign, assignment]
    with pytest.raises(ProviderError, match="out of memory"):
        play(Made(10**6, live=True), pipeline, Seen(), console)


def test_too_much_work_lowers_the_network(console: Console) -> None:
    def slow(_: int) -> np.ndarray:
        time.sleep(0.02)
        return np.float32(1)  # type: ignore[return-value]

    seen = Seen(quit_after=60)
    play(Made(10**6, live=True), pipeline_that(slow), seen, console, target_fps=100)
    assert any("network at 75%" in text for text in seen.texts)


def test_no_more_frames_are_worked_on_than_asked(console: Console) -> None:
    class Counting(Made):
        given = 0

        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                self.given += 1
                yield frame

    source = Counting(10**6, live=True)
    loop = play(source, pipeline_that(person), Seen(quit_after=20), console, fps=25)
    assert loop.frames < source.given / 2


def test_a_film_is_asked_for_its_moments_in_order(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going back and forth would make it seek for every frame."""
    pipeline = pipeline_that(person)
    asked: list[float] = []
    at = pipeline.background.at

    def noted(seconds: float | None, width: int, height: int) -> np.ndarray:
        assert seconds is not None, "a file's background goes by the file's time"
        asked.append(seconds)
        return at(seconds, width, height)

    monkeypatch.setattr(pipeline.background, "at", noted)
    play(Made(30, live=False, fps=1000), pipeline, Seen(), console)
    moments = [x for x in asked if x]  # several ask for 0, as they start
    assert len(moments) >= 29 and moments == sorted(moments)
