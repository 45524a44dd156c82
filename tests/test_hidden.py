"""What a source hides, by transparency, stays hidden in composites, and a blurred room does not take it up."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from rtseg.commands.apply import run as apply
from rtseg.pipeline import Pipeline
from test_containers import GREEN, half_clear


@pytest.mark.parametrize("name", ["in.png", "in.webm", "in.mov"])
@pytest.mark.parametrize("emit", ["composite", "alpha", "cutout"])
def test_what_a_source_hides_stays_hidden(
    tmp_path: Path, name: str, emit: str, make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtseg.pipeline.require_nobody", lambda model: None)
    source = half_clear(tmp_path / name)
    still = name.endswith("png")
    target = tmp_path / ("out.png" if still else "out/")
    pipeline = Pipeline(model=make_model("half"), background="#00ff00")  # half of everything is a person
    apply.run(source, str(target) + ("" if still else "/"), pipeline, emit, Console(quiet=True))
    out = cv2.imread(str(target if still else target / "000000.png"), cv2.IMREAD_UNCHANGED)
    hidden, seen = out[48, 20], out[48, 110]
    if emit == "composite":
        np.testing.assert_allclose(hidden, GREEN, atol=3)
        np.testing.assert_allclose(seen, (128, 255, 128), atol=6)
    elif emit == "alpha":
        assert hidden <= 1 and abs(int(seen) - 128) <= 4
    else:
        assert hidden[3] <= 1 and hidden[2] <= 12 and abs(int(seen[3]) - 128) <= 4


def test_a_blurred_room_does_not_take_up_what_is_hidden(tmp_path: Path, make_model: Callable[..., Path]) -> None:
    source = half_clear(tmp_path / "in.png", opacity=3)  # of 255
    apply.run(
        source, tmp_path / "out.png", Pipeline(model=make_model("nobody"), blur=30), "composite", Console(quiet=True)
    )
    out = cv2.imread(str(tmp_path / "out.png")).astype(int)
    assert (out[..., 2] - out[..., 1]).max() < 8  # no red anywhere
