"""Adapting to one person and room: labels from views and room, and a model that is kept only if it is better."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import write_clip
from rtseg.arrays import F32, U8
from rtseg.errors import DataError, RtsegError
from rtseg.sources.opening import DEMO_CLIP, open_source
from rtseg_train import tune as tune_module
from rtseg_train.selflabel import Opinion, Room, find_room, label
from rtseg_train.tune import Verdict, plate_at, sample_frames, tune

SIZE = (90, 120)  # rows, columns


def room_image() -> U8:
    """A textured wall."""
    rng = np.random.default_rng(0)
    return cv2.GaussianBlur(rng.integers(60, 180, (*SIZE, 3), np.uint8), (0, 0), 2).astype(np.uint8)


def scene(x: int, shift: int = 0) -> tuple[U8, F32]:
    """(frame_bgr, true alpha): a person of an even colour at column x before the wall, noise of a sensor."""
    rng = np.random.default_rng(x)
    frame, mask = np.roll(room_image(), shift, axis=1), np.zeros(SIZE, np.uint8)
    cv2.ellipse(mask, (x, 90), (18, 60), 0, 0, 360, 255, -1)
    frame[mask > 0] = (40, 60, 230)
    return np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8), (mask / 255).astype(np.float32)


def clip() -> tuple[list[U8], list[F32]]:
    frames, alphas = zip(*(scene(x) for x in range(20, 101, 4)), strict=True)
    return list(frames), list(alphas)


def test_the_room_is_seen_behind_a_person_who_moves() -> None:
    room = find_room(*clip())
    assert room is not None and room.known.mean() > 0.9
    assert np.abs(room.image.astype(int) - room_image())[room.known].mean() < 3


def test_no_room_when_the_camera_moves() -> None:
    frames, alphas = zip(*(scene(60, shift=7 * i) for i in range(20)), strict=True)
    assert find_room(frames, alphas) is None


def test_the_room_settles_what_the_views_dispute() -> None:
    frame, truth = scene(60)
    arm = np.zeros(SIZE, bool)
    arm[50:70, 70:90] = True
    frame[arm] = (40, 60, 230)  # hangs together with the body, and the views disagree about it
    wall = np.zeros(SIZE, bool)
    wall[10:30, 5:25] = True  # the views disagree about a piece of wall too
    alpha = np.where(arm | wall, np.float32(0.4), truth)
    room = Room(room_image(), np.ones(SIZE, bool), 3.0)
    made = label(frame, Opinion(alpha, ~(arm | wall)), room)
    assert made[arm].mean() > 0.95 and made[wall].max() == 0
    assert np.array_equal(label(frame, Opinion(alpha, ~(arm | wall)), None), alpha)


def test_a_blob_that_is_room_is_nobody() -> None:
    frame, truth = scene(60)
    alpha = truth.copy()
    alpha[10:40, 5:25] = 0.9  # all views agree, and all are wrong
    made = label(frame, Opinion(alpha, np.ones(SIZE, bool)), Room(room_image(), np.ones(SIZE, bool), 3.0))
    assert made[10:40, 5:25].max() == 0 and made[truth > 0.5].min() > 0.5


def test_better_needs_edge_iou_and_an_empty_room() -> None:
    old = {"iou": 95.0, "boundary_iou": 80.0, "false_alarm": 0.0}
    assert Verdict(old, old | {"boundary_iou": 81.0}).better
    assert not Verdict(old, old).better
    assert not Verdict(old, old | {"boundary_iou": 81.0, "iou": 94.0}).better
    assert not Verdict(old, old | {"boundary_iou": 81.0, "false_alarm": 1.0}).better


def test_tuning_the_shipped_model_on_the_demo_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "FRAMES", 24)
    with open_source("demo") as demo:  # without the dark chair at its right edge, on which the net's two views disagree
        frames = [np.ascontiguousarray(frame.image[:, :512]) for frame in demo][::10][:24]
    clip = str(write_clip(tmp_path / "clip.mp4", frames, [i / 3 for i in range(len(frames))]))
    verdict = tune(clip, "fast", tmp_path / "mine", plate=None, seconds=60, steps=2)
    assert verdict.old["iou"] > 95
    assert json.loads((tmp_path / "mine" / "verdict.json").read_text())["new"] == verdict.new
    assert (tmp_path / "mine" / "model.safetensors").exists() == verdict.better
    mask = cv2.imread(str(tmp_path / "mine" / "data" / "masks" / "000.png"), cv2.IMREAD_GRAYSCALE)
    assert 0.05 < (mask > 127).mean() < 0.6
    with pytest.raises(DataError, match="another --out"):
        tune(str(DEMO_CLIP), "fast", tmp_path / "mine", plate=None, seconds=60, steps=2)


def test_a_clip_without_anybody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "FRAMES", 24)
    path = write_clip(tmp_path / "empty.mp4", [room_image()] * 24, [i / 30 for i in range(24)])
    with pytest.raises(DataError, match="fewer than 20 of 24"):
        tune(str(path), "fast", tmp_path / "mine", plate=None, seconds=60, steps=2)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "FRAMES", 24)
    (tmp_path / "mine").write_text("a file where the folder should be")
    with pytest.raises(RtsegError, match=r"mine/verdict\.json: Not a directory"):  # before the work is done
        tune(str(DEMO_CLIP), "fast", tmp_path / "mine", plate=None, seconds=60, steps=2)


@pytest.mark.parametrize("name", ["data/train.csv", "model.safetensors", "verdict.json"])
def test_nothing_that_is_there_is_replaced(tmp_path: Path, name: str) -> None:
    """Not even where --out is a folder of one's own."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    with pytest.raises(DataError, match="another --out"):
        tune(str(DEMO_CLIP), "balanced", tmp_path, plate=None, seconds=60, steps=2)
    assert (tmp_path / name).read_text() == "precious"


def test_frames_are_spread_over_the_clip() -> None:
    frames = sample_frames(str(DEMO_CLIP), 60)
    with open_source(str(DEMO_CLIP)) as source:
        last = [frame.image for frame in source][-1]
    assert 48 <= len(frames) <= 192 and max(frames[0].shape) <= 512
    near_end = cv2.resize(last, frames[-1].shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(frames[-1].astype(int) - near_end).mean() < 12


def test_a_plate_of_another_shape_is_refused() -> None:
    with pytest.raises(DataError, match="not the same camera"):
        plate_at(np.zeros((100, 100, 3), np.uint8), (90, 160, 3))
    assert plate_at(np.zeros((180, 320, 3), np.uint8), (90, 160, 3)).shape == (90, 160, 3)
