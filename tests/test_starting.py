"""What is said while nothing is shown yet: that something is compiled, only where that is so."""

from __future__ import annotations

import time

import pytest
from rich.console import Console

from rtseg.live import loop as loop_module
from sessions import Made, Seen, person, pipeline_that, play


@pytest.mark.parametrize("compiling", [True, False])
def test_compiling_is_said_when_it_is_so(monkeypatch: pytest.MonkeyPatch, console: Console, compiling: bool) -> None:
    monkeypatch.setattr(loop_module, "STALL", 0.02)
    monkeypatch.setattr(loop_module, "compiling", lambda: compiling)
    pipeline, seen = pipeline_that(person), Seen()
    pipeline.warm_up = lambda *_: time.sleep(0.5)  # type: ignore[method-assign]
    play(Made(5, live=True), pipeline, seen, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("compiling" in said) is compiling
    assert any(text.startswith("compiling" if compiling else "starting") for text in seen.texts)
