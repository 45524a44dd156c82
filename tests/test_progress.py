"""Without a terminal, as in a job's log, a line a minute says how far a command is."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from threading import enumerate as threads

import pytest

from rtseg import progress
from rtseg.console import Messages
from rtseg.progress import every_minute, lasted, progress_bar


@pytest.fixture(autouse=True)
def short_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.01)


def until(true: Callable[[], bool]) -> None:
    """Wait for it; the test fails after half a minute."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_log_gets_lines_and_no_bar() -> None:
    log = io.StringIO()
    with progress_bar(Messages(file=log)) as bar:
        files, frames = bar.add_task("files", total=20), bar.add_task("frames", total=None, visible=False)
        bar.advance(files, 3)
        until(lambda: "files 3/20, after 0 min" in log.getvalue())
        bar.update(frames, completed=120, visible=True)
        until(lambda: "files 3/20, frames 120, after" in log.getvalue())
    assert all(re.fullmatch(r"files 3/20(, frames 120)?, after 0 min", line) for line in log.getvalue().splitlines())
    assert "progress" not in [thread.name for thread in threads()]


def test_what_is_done_is_not_told_again() -> None:
    log = io.StringIO()
    with progress_bar(Messages(file=log)) as bar:
        bar.advance(bar.add_task("files", total=1))
        time.sleep(0.1)
    assert log.getvalue() == ""


def test_work_without_steps() -> None:
    log = io.StringIO()
    with every_minute(Messages(file=log), "exporting x.onnx"):
        until(lambda: "exporting x.onnx, after" in log.getvalue())


@pytest.mark.parametrize("console", [Messages(file=io.StringIO(), quiet=True), Messages(file=io.StringIO())])
def test_who_is_quiet_or_not_the_first_says_nothing(console: Messages) -> None:
    with progress_bar(console, disable=not console.quiet) as bar:
        bar.add_task("files", total=2)
        time.sleep(0.1)
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


def test_time_in_words() -> None:
    assert [lasted(s) for s in (59.9, 150, 3599, 7500)] == ["1 min", "2 min", "1 h 0 min", "2 h 5 min"]
