"""What is drawn on the preview: readable, in its place, and never on what goes out."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from rtseg.live.keys import HELP
from rtseg.live.overlay import Shown, preview
from rtseg.live.settings import Settings

SIZES = [(360, 640), (1080, 1920), (640, 360), (180, 320)]
ROOM, BEACH = (np.full((72, 128, 3), level, np.uint8) for level in (77, 220))


def shown(height: int, width: int) -> Shown:
    """A grey moment with everything that could be drawn."""
    picture = np.full((height, width, 3), 120, np.uint8)
    frame = np.full_like(picture, (0, 200, 0))
    alpha = np.zeros((height, width), np.float32)
    return Shown(picture, frame, alpha, {"infer": 3.8, "blend": 12.1}, "29.9 fps  24 ms  ? help", "blur 35")


def drawn(moment: Shown, settings: Settings) -> np.ndarray:
    """Where anything is drawn."""
    plain = preview(Shown(moment.image), Settings())
    changed: np.ndarray = (preview(moment, settings) != plain).any(-1)
    return changed


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_nothing_overlaps(height: int, width: int) -> None:
    full = shown(height, width)
    quiet = replace(full, status="", message=None)
    off = Settings(effect=False)
    banner = drawn(quiet, off)
    base = [drawn(replace(full, message=None), Settings()), drawn(quiet, Settings(recording=True)), banner]
    message = drawn(full, Settings()) & ~base[0]
    boxes = [drawn(quiet, replace(off, **{name: True})) & ~banner for name in ("timings", "inset")]  # type: ignore[arg-type]
    panel = drawn(quiet, replace(off, help=True)) & ~banner
    assert all(x.any() for x in [*base, message, *boxes, panel])
    for group in ([*base, message, *boxes], [*base, message, panel]):
        for a, b in itertools.combinations(group, 2):
            assert not (a & b).any()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_default_view_leaves_the_face_alone(height: int, width: int) -> None:
    rows = np.nonzero(drawn(replace(shown(height, width), message=None), Settings()).any(1))[0]
    assert rows.min() > 0.9 * max(height, 360)


def test_the_help_can_be_read_at_every_size() -> None:
    """At least 18 pixels a row, and the panel within the picture."""
    for height, width in SIZES:
        mask = drawn(replace(shown(height, width), status="", message=None), Settings(help=True))
        rows = np.nonzero(mask.any(1))[0]
        assert (rows.max() - rows.min()) / len(HELP) >= 18
        assert mask.any(0).sum() < mask.shape[1]


def test_views() -> None:
    frame = np.zeros((360, 640, 3), np.uint8)
    frame[:, :320] = (0, 200, 0)
    alpha = np.zeros((360, 640), np.float32)
    alpha[:, 480:] = 1
    moment = Shown(np.full_like(frame, 60), frame, alpha)
    mask = preview(moment, Settings(view="mask"))
    assert (mask[:, 480:] == 255).all() and (mask[:, :480] == 0).all()
    flipped = preview(moment, Settings(view="mask", mirror=True))
    assert (flipped == cv2.flip(mask, 1)).all()
    green = (preview(moment, Settings(inset=True)) == (0, 200, 0)).all(-1)
    assert green.sum() > 5000
    mirrored = (preview(moment, Settings(inset=True, mirror=True)) == (0, 200, 0)).all(-1)
    assert np.nonzero(mirrored)[1].mean() > np.nonzero(green)[1].mean() + 40
    banner = preview(moment, Settings(effect=False))
    assert banner[2, 5].tolist()[2] > 200 > 60 > banner[2, 5].tolist()[0]  # red


def test_paused_means_that_the_preview_too_shows_the_background_only() -> None:
    everything = Settings(paused=True, inset=True, view="mask", timings=True, recording=True)
    moment = Shown(BEACH, ROOM, np.ones(ROOM.shape[:2], np.float32))
    assert (preview(moment, everything)[40:300] == 220).all()


@pytest.mark.parametrize("settings", [Settings(), Settings(help=True, inset=True), Settings(mirror=True, timings=True)])
def test_outputs_are_never_drawn_on(settings: Settings) -> None:
    moment = shown(360, 640)
    before = [moment.image.copy(), moment.frame_bgr.copy()]  # type: ignore[union-attr]
    preview(moment, settings)
    assert (moment.image == before[0]).all() and (moment.frame_bgr == before[1]).all()
