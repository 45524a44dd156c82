"""A browser for all tests, a server for each module, and as many pages on it as a test opens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser.visit import Served, Visit
from conftest import write_clip
from leaks import VIOLETS
from rtseg import Pipeline

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE = {"width": 1280, "height": 800}
FPS = 12


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs a Chromium (apt: chromium); none of {', '.join(NAMES)} is here")
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    with driver.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def room_clip(browser: Any, demo_frames: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo clip's person in a room of one violet, there and back, so that it goes round without a jump."""
    blue, green, red = VIOLETS[1]
    pipe = Pipeline(background=f"#{red:02x}{green:02x}{blue:02x}", model="quality", provider="cpu", threads=1)
    frames = [pipe(frame) for frame in demo_frames]
    frames += frames[-2:0:-1]
    return write_clip(tmp_path_factory.mktemp("clip") / "room.mp4", frames, [k / FPS for k in range(len(frames))])


@pytest.fixture(scope="module")
def served(room_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`rtseg ui` on the violet room, before green."""
    server = Served(room_clip, tmp_path_factory.mktemp("served"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def visit(browser: Any, served: Served) -> Iterator[Callable[..., Visit]]:
    """Opens a page in a context of its own; all of them must have kept to the policy in the end."""
    visits: list[Visit] = []

    def opened(**options: Any) -> Visit:
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        visits.append(Visit(context, served))
        return visits[-1]

    yield opened
    for each in visits:
        each.page.context.close()
    assert not [problem for each in visits for problem in each.problems]


@pytest.fixture(scope="module")
def first_page(browser: Any, served: Served) -> Iterator[Visit]:
    opened = Visit(browser.new_context(viewport=WIDE, reduced_motion="reduce"), served)
    yield opened
    opened.page.context.close()


@pytest.fixture
def page(first_page: Visit) -> Iterator[Visit]:
    """A page on a session as it was started; the same one in all of a module, since loading it takes long."""
    first_page.page.set_viewport_size(WIDE)
    first_page.reset()
    yield first_page
    assert not first_page.problems
