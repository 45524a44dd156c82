"""--model auto while a session runs: down and up, past a tier that fails, on CUDA, and for what is written."""

import re
from pathlib import Path

import pytest
from rich.console import Console

from rtseg.commands.cam import session as cam
from rtseg.commands.cam import sources
from rtseg.commands.cam.options import CamOptions
from rtseg.live.choice import Choice
from rtseg.live.effort import Effort
from sessions import CALL, Made, Seen, is_green, play
from test_choice import auto_pipeline
from tiers import Loaded, Machine, Promised


def ways_in(texts: list[str]) -> list[str]:
    return [m[0] for text in texts if (m := re.search(r"(quality|balanced|fast)( \d+%)?", text))]


def test_auto_goes_down_and_up_and_shows_no_room(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    """Nobody is there, so that every picture is green: at the start, at each change, and after it."""

    class Patient(Seen):
        """Goes when `quality` is back, or late."""

        def key(self) -> int | None:
            ways = ways_in(self.texts)
            back = any(way != "quality" for way in ways) and ways[-1] == "quality"
            return ord("q") if back or len(ways) > 3000 else None

    seen = Patient()
    pipeline = auto_pipeline(monkeypatch, Loaded(range(30, 45)))
    loop = play(Promised(), pipeline, seen, console, auto=True)
    ways = ways_in(seen.texts)
    assert ways[0] == ways[-1] == "quality" and any(way.startswith(("balanced", "fast")) for way in ways)
    assert all(is_green(image) for image in seen.images)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said.count("auto: quality takes 1.1 ms a frame; 100.0 ms is half of a core at 5 fps") == 1
    assert re.search(r"\d+% (quality|balanced|fast), \d+% ", loop.summary(None))


def test_a_tier_that_fails_once_it_is_needed_hides_the_room(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    machine = Loaded(range(30, 10**9))

    def answer(name: str) -> float | None:
        return None if name != "quality" and machine.frames > 30 else 0.0

    seen = Seen(quit_after=80)
    play(Promised(), auto_pipeline(monkeypatch, machine, answer), seen, console, auto=True)
    assert all(is_green(image) for image in seen.images) and "background only" in seen.texts[-1]
    assert "showing the background only: made to fail" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("fails", [False, True])
def test_on_cuda_it_is_the_best_for_as_long_as_cuda_works(
    monkeypatch: pytest.MonkeyPatch, console: Console, fails: bool
) -> None:
    """Left to the CPU, it is measured: what CUDA does easily may be far too much there."""
    machine = Machine(3.0)
    machine.cuda = True
    failures = iter([None] if fails else [])

    def answer(name: str) -> float | None:
        return next(failures, 0.0) if machine.frames == 20 else 0.0

    seen = Seen(quit_after=60)
    play(Made(10**6, live=True, fps=60), auto_pipeline(monkeypatch, machine, answer), seen, console, auto=True)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("auto: balanced 50% takes" in said) == fails == ("CUDA failed: made to fail" in said)
    assert any("balanced" in text for text in seen.texts) == fails and all(is_green(image) for image in seen.images)
    assert machine.opened[0] == "quality" and (len(machine.opened) > 1) == fails


def test_a_file_keeps_the_tier_it_began_with(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    machine = Loaded(range(30, 10**9))
    seen = Seen()
    play(Made(40, live=False, fps=200), auto_pipeline(monkeypatch, machine), seen, console, auto=True)
    ways = [text for text in seen.texts if not text.startswith("starting")]
    assert len(ways) >= 40 and all("  quality  " in text for text in ways)
    assert "15.0 ms is what keeps 60 fps" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("live", "words"), [(True, "model: auto, on CPU"), (False, "model: quality ")])
def test_what_is_written_of_a_file_is_the_best(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, console: Console, live: bool, words: str
) -> None:
    """...on every machine; of a camera it is what the machine can do."""
    auto_pipeline(monkeypatch, Machine(3.0))
    monkeypatch.setattr(sources, "open_source", lambda *_, **__: Made(30, live=live, fps=30))
    options = CamOptions(bg="#00ff00", source="x", out=str(tmp_path / "o.mp4"), window=False)
    cam.run(options, CALL, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert words in said and ("auto: balanced takes" in said) == live


class Changing(Effort):
    """As the window's thread sees it when the engine's sets all anew between two looks."""

    hurried = False

    @property
    def choice(self) -> Choice | None:  # type: ignore[override]
        seen = self._choice
        if self.hurried:
            self._choice = self._governor = None
        return seen

    @choice.setter
    def choice(self, value: Choice | None) -> None:
        self._choice = value


def test_the_way_can_be_asked_for_while_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    effort = Changing(Promised(), auto_pipeline(monkeypatch, Machine(0.05)), fps=None, target_fps=None, auto=True)
    effort.warm_up()
    effort.hurried = True
    assert effort.way == "quality" and effort.way is None
