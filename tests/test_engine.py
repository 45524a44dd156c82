"""The capture loop's threads: newest frame only, none of a file lost, and the background when anything goes wrong."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from rtseg.errors import ModelError, ProviderError
from rtseg.frames import Frame
from rtseg.live import engine as engine_module
from rtseg.live import loop as loop_module
from rtseg.live import status as status_module
from rtseg.live.engine import Engine, Reader
from sessions import ROOM, Kept, Made, Seen, is_green, person, pipeline_that, play


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


def test_a_composite_that_nobody_took_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a window that hangs for a moment would be late from then on."""
    monkeypatch.setattr(engine_module, "second_look", lambda pipeline: None)
    source = Made(40, live=True)
    engine = Engine(source, pipeline_that(person))
    while source.given < source.count - 1:
        time.sleep(0.01)
    taken = 0
    while not engine.ended:
        taken += engine.get(1.0) is not None
    engine.stop()
    assert 1 <= taken <= 3  # what was ready, and what was in work


def test_the_mask_is_brought_for_as_long_as_it_is_looked_at(console: Console) -> None:
    seen = Seen(keys={6: "v", 29: "t", 30: "v"})  # a key that comes again at once is one that is held down
    play(Made(80, live=False, fps=1000), pipeline_that(person), seen, console)
    brought = [shown.alpha is not None for shown in seen.shown]
    assert brought.count(True) > 10 and not any(brought[:6]) and not brought[-1]
    assert all((shown.alpha == 1).all() for shown in seen.shown if shown.alpha is not None)


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


class Dimmed(Made):
    """Somebody is there while it is bright."""

    dark = (*range(10, 80), *range(100, 170))
    by = 4

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            yield replace(frame, image=frame.image // self.by) if frame.index in self.dark else frame


@pytest.mark.parametrize(
    "by, text, cure", [(4, "nobody is found", "more light, an upright camera"), (8, "the picture is black", "shutter")]
)
def test_where_nobody_is_found_for_long_it_is_told(
    by: int, text: str, cure: str, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    """In the window for as long as it is so, and printed once."""
    monkeypatch.setattr(status_module, "PATIENCE", 50)
    monkeypatch.setattr(status_module, "time", SimpleNamespace(monotonic=count().__next__))  # a frame is a second
    source, seen = Dimmed(190, live=False, fps=1000), Seen()
    source.by = by
    play(source, pipeline_that(lambda call: np.float32(call not in source.dark)), seen, console)
    told = [index for index, status in enumerate(seen.texts[-190:]) if text in status]
    assert told == [*range(59, 80), *range(149, 170)]
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.count(cure) == printed.count(text) == 1


def test_failing_inference_ends_a_file(console: Console) -> None:
    seen = Seen()
    with pytest.raises(ModelError, match="made to fail"):
        play(Made(10, live=False), pipeline_that(lambda call: None if call == 4 else np.float32(0)), seen, console)
    assert all(is_green(i) for i in seen.images)


def test_hanging_inference_shows_the_background_only(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    monkeypatch.setattr(loop_module, "STALL", 0.15)
    monkeypatch.setattr(loop_module, "PATIENCE", 0.3)
    release = threading.Event()

    def hang(call: int) -> np.ndarray:
        if call == 3:
            release.wait(5)
        return np.float32(1)  # type: ignore[return-value]

    class Patient(Seen):
        def key(self) -> int | None:
            return ord("q") if sum("does not answer" in text for text in self.texts) >= 3 else None

    seen, kept = Patient(), Kept()
    play(Made(400, live=True), pipeline_that(hang), seen, console, kept)
    release.set()
    assert 0 < sum(is_green(image) for image in kept.images) < len(kept.images)  # a file does not stand still either
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
    assert any(re.search(r"network at \d+%", text) for text in seen.texts)


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
