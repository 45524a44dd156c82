"""The CPU's way as a whole: nothing large is allocated per frame, and odd networks work or are refused."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.errors import ModelError
from rtseg.models.model import Model
from rtseg.paths.cpu import CpuPath


@pytest.mark.parametrize("replaced", [True, False])
def test_steady_state_allocates_nothing_of_a_frames_size(replaced: bool) -> None:
    width, height = 1280, 720
    noise = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
    background = noise[2] if replaced else None
    path = CpuPath(Model("fast", provider="cpu", threads=1), width, height, 8192)
    path.composite(noise[0], background, 20.0)
    tracemalloc.start()
    try:
        for frame in noise[:2]:
            path.composite(frame, background, 20.0)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            for frame in noise[:2]:
                path.composite(frame, background, 20.0)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < noise[0].nbytes / 4  # arrays of the network's size, all together
    assert after - before < 16 * 1024


@pytest.mark.parametrize("size", [(50, 37), (9, 8), (300, 11)])
def test_networks_of_any_size_work(
    size: tuple[int, int], make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other people's networks may have sides that nothing divides."""
    model = Model(make_model("one"), provider="cpu", threads=1)
    monkeypatch.setattr(model, "size_for", lambda *_: size)
    frame, background = np.random.default_rng(0).integers(0, 256, (2, 90, 160, 3), np.uint8)
    path = CpuPath(model, 160, 90, 8192)
    for behind in (background, None):
        np.testing.assert_array_equal(path.composite(frame, behind, 20.0), frame)
    assert (path.alpha(frame) == 1).all()


def test_a_network_too_small_for_the_filters_is_refused(
    make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(make_model("one"), provider="cpu", threads=1)
    monkeypatch.setattr(model, "size_for", lambda *_: (32, 4))
    with pytest.raises(ModelError, match="works at 32x4 pixels"):
        CpuPath(model, 160, 90, 8192)


def test_a_person_does_not_glow_in_the_blurred_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask that is softer and wider than the person: around them stands the room's colour, not theirs."""
    room, person = np.array((160, 160, 150), np.uint8), np.array((0, 120, 250), np.uint8)
    frame = np.empty((360, 640, 3), np.uint8)
    frame[:] = room
    frame[100:, 220:420] = person
    model = Model("fast", provider="cpu", threads=1)
    width, height = model.size_for(640, 360, 20480)
    sure = np.zeros((height, width), np.float32)
    sure[height * 100 // 360 :, width * 220 // 640 : width * 420 // 640] = 1
    soft = cv2.GaussianBlur(cv2.dilate(sure, np.ones((3, 3))), (0, 0), 2.0)
    monkeypatch.setattr(model, "run", lambda *_: soft)
    out = CpuPath(model, 640, 360, 20480).composite(frame, None, 20.0)
    beyond = out[150:330, 424:460].astype(int) - room
    assert np.abs(beyond).max() < 12
    assert np.abs(out[150:330, 240:400].astype(int) - person).max() < 12
