"""What a source hides, by transparency, stays hidden in frames and composites; a blurred room does not take it up."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from rtseg.commands.apply import run as apply
from rtseg.live.engine import Engine
from rtseg.pipeline import Pipeline
from rtseg.pixels.matte import HIGH, LOW
from rtseg.sinks.video_file import VideoFile
from rtseg.sources.opening import open_source

GREEN = (0, 255, 0)
SHOWN = round(255 * (0.5 - LOW) / (HIGH - LOW))  # of a net's half


def half_clear(path: Path, opacity: int = 0) -> Path:
    """A picture or video, white all over, whose left half is transparent and hides the word that is red in it."""
    layers = np.full((96, 128, 4), 255, np.uint8)
    layers[:, :64] = (0, 0, 255, opacity)
    if path.suffix == ".png":
        cv2.imwrite(str(path), layers)
        return path
    with VideoFile(path, size=(128, 96), fps=30, pixels="bgra", live=False) as sink:
        for i in range(3):
            sink.write(layers, i / 30)
    return path


@pytest.mark.parametrize("name", ["in.webm", "in.mov"])
def test_frames_hold_nothing_of_what_is_hidden(tmp_path: Path, name: str) -> None:
    """Whoever takes frames by the library may look at nothing but their colours."""
    with open_source(str(half_clear(tmp_path / name))) as source:
        frames = list(source)
    assert len(frames) == 3 and all(f.opacity is not None and f.opacity[48, 20] == 0 for f in frames)
    assert max(int(f.image[8:-8, 8:48].max()) for f in frames) == 0
    assert min(int(f.image[8:-8, 80:-8].min()) for f in frames) > 240


def test_the_preview_of_the_source_hides_it_too(tmp_path: Path, make_model: Callable[..., Path]) -> None:
    with open_source(str(half_clear(tmp_path / "in.mov", opacity=20))) as source:  # of 255
        engine = Engine(source, Pipeline(model=make_model("nobody"), background="#00ff00"))
        composite = engine.get(timeout=60)
        engine.stop()
    assert composite is not None
    assert composite.frame_bgr[8:-8, 8:48].max() < 40 and composite.frame_bgr[8:-8, 80:-8].min() > 240


def test_nor_does_it_show_through_a_frame_that_is_doubted(
    tmp_path: Path, make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the effect off that picture goes out, whatever became of the alpha."""
    monkeypatch.setattr("rtseg.pipeline.require_nobody", lambda model: None)
    with open_source(str(half_clear(tmp_path / "in.mov", opacity=20))) as source:
        engine = Engine(source, Pipeline(model=make_model("half"), background="#00ff00"), sent=True)
        composite = engine.get(timeout=60)
        engine.stop()
    assert composite is not None and composite.hidden
    assert composite.frame_bgr[8:-8, 8:48].max() < 40


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
        np.testing.assert_allclose(seen, (SHOWN, 255, SHOWN), atol=6)
    elif emit == "alpha":
        assert hidden <= 1 and abs(int(seen) - SHOWN) <= 4
    else:
        assert hidden[3] <= 1 and hidden[2] <= 12 and abs(int(seen[3]) - SHOWN) <= 4


def test_a_blurred_room_does_not_take_up_what_is_hidden(tmp_path: Path, make_model: Callable[..., Path]) -> None:
    source = half_clear(tmp_path / "in.png", opacity=3)  # of 255
    apply.run(
        source, tmp_path / "out.png", Pipeline(model=make_model("nobody"), blur=30), "composite", Console(quiet=True)
    )
    out = cv2.imread(str(tmp_path / "out.png")).astype(int)
    assert (out[..., 2] - out[..., 1]).max() < 8  # no red anywhere
