"""Clips with masks: what counts as one, how it is scored, what is refused, and clips that are made."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from conftest import write_clip
from rtseg.arrays import F32, U8
from rtseg.errors import DataError
from rtseg_train.clips import find_clips, score_clip

SIZE = 64  # pixels


def disc(x: int) -> U8:
    """A mask with a disc around column x."""
    return cv2.circle(np.zeros((SIZE, SIZE), np.uint8), (x, 32), 16, 255, -1)


def picture_of(mask: U8, seed: int = 0) -> U8:
    image = np.random.default_rng(seed).integers(0, 80, (SIZE, SIZE, 3), np.uint8)
    image[mask > 0] = 220
    return image


def write_pictures(folder: Path, images: str = "frames", count: int = 4) -> Path:
    """A disc that moves two pixels per frame: folder/<images>/0000i.png, folder/masks/0000i.png."""
    for name in (images, "masks"):
        (folder / name).mkdir(parents=True)
    for i in range(count):
        mask = disc(28 + 2 * i)
        cv2.imwrite(str(folder / "masks" / f"{i:05}.png"), mask)
        cv2.imwrite(str(folder / images / f"{i:05}.png"), picture_of(mask, i))
    return folder


def bright(frame_bgr: U8) -> F32:
    """The perfect predictor of these pictures."""
    return (frame_bgr[..., 0] > 150).astype(np.float32)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "moving")


def test_masks_of_zero_and_one_are_masks(clip: Path) -> None:
    for path in (clip / "masks").iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) // 255)
    assert all(s.iou == 1 for s in score_clip(bright, find_clips(clip)[0]))


def test_frames_without_a_mask_are_run_but_not_scored(clip: Path) -> None:
    (clip / "masks" / "00001.png").unlink()
    (found,) = find_clips(clip)
    seen = []
    scores = list(score_clip(lambda frame: seen.append(1) or bright(frame), found))
    assert len(seen) == 4 and len(scores) == 3
    # only the last has a labelled frame just before it
    assert [s.dtssd is None for s in scores] == [True, True, False] and scores[2].dtssd == 0


def test_a_video_file_with_masks(clip: Path, tmp_path: Path) -> None:
    frames = [cv2.imread(str(p)) for p in sorted((clip / "frames").iterdir())]
    video = write_clip(tmp_path / "video.mp4", frames, [i / 30 for i in range(len(frames))])
    (from_file,), (from_folder,) = find_clips(video, clip / "masks"), find_clips(clip)
    one, other = (list(score_clip(bright, found)) for found in (from_file, from_folder))
    assert [s.iou for s in one] == pytest.approx([s.iou for s in other], abs=0.05) and one[0].source == "video"
    (clip / "masks" / "00003.png").unlink()
    with pytest.raises(DataError, match="more frames than the 3 masks"):
        list(score_clip(bright, find_clips(video, clip / "masks")[0]))
    with pytest.raises(DataError, match="--masks"):
        find_clips(video)


def test_a_folder_with_a_video_and_masks(clip: Path) -> None:
    frames = sorted((clip / "frames").iterdir())
    write_clip(clip / "video.mp4", [cv2.imread(str(p)) for p in frames], [i / 30 for i in range(len(frames))])
    for path in frames:
        path.unlink()
    (clip / "frames").rmdir()
    (found,) = find_clips(clip)
    assert found.name == "moving" and len(list(score_clip(bright, found))) == 4


def test_what_is_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="needs masks/ and either"):
        find_clips(tmp_path / "empty")
    with pytest.raises(DataError, match="not there"):
        find_clips(tmp_path / "nothing")
    cv2.imwrite(str(clip / "masks" / "00000.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(DataError, match="8x8, its frame is 64x64"):
        list(score_clip(bright, find_clips(clip)[0]))
    (clip / "frames" / "00002.png").unlink()
    with pytest.raises(DataError, match=r"1 masks have no frame[\s\S]*00002"):
        find_clips(clip)


@pytest.fixture(scope="module")
def keyed() -> ModuleType:
    """benchmarks/keyed_clips.py, which is no package's."""
    path = Path(__file__).parents[1] / "benchmarks" / "keyed_clips.py"
    spec = importlib.util.spec_from_file_location("keyed_clips", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def bust() -> tuple[U8, U8]:
    """White on grey, cut by the bottom edge: picture and label."""
    label = cv2.ellipse(np.zeros((96, 72), np.uint8), (36, 96), (24, 70), 0, 0, 360, 255, -1)
    image = np.full((96, 72, 3), 90, np.uint8)
    image[label > 0] = 255
    return image, label


def test_the_truth_of_a_keyed_clip_is_what_it_was_blended_with(keyed: ModuleType) -> None:
    person = keyed.cut_out(*bust())
    black = np.zeros((72, 128, 3), np.uint8)
    moved = []
    for kind in ("still", "slow", "fast"):
        scene = keyed.Scene(person, black, keyed.KINDS[kind], (128, 72), seed=1)
        alphas = []
        for t in (0.0, 0.2):
            frame, alpha = scene.at(t)
            # white on black shows its alpha, and nothing of the grey it was cut from
            np.testing.assert_allclose(frame[..., 0] / 255, alpha, atol=0.02)
            assert 0.1 < alpha.mean() < 0.5 and alpha[-1].any() and not alpha[0].any()
            alphas.append(alpha)
        moved.append(float(np.abs(alphas[1] - alphas[0]).mean()))
    assert moved[0] == 0 < 2 * moved[1] < moved[2]


def test_a_keyed_clip_is_a_clip(keyed: ModuleType, tmp_path: Path) -> None:
    scene = keyed.Scene(keyed.cut_out(*bust()), np.zeros((72, 128, 3), np.uint8), keyed.KINDS["slow"], (128, 72), 1)
    (clip,) = find_clips(keyed.write_clip(scene, 3, tmp_path / "made", seed=0))
    scores = list(score_clip(lambda frame: (frame[..., 1] / 255).astype(np.float32), clip))
    # noise is all that is between the frames and the truth
    assert len(scores) == 3 and all(s.iou > 0.97 and s.mae < 0.03 for s in scores)
    assert scores[1].flicker is not None and scores[1].flicker > 0


def test_only_people_whom_nothing_but_the_bottom_edge_cuts_are_keyed(keyed: ModuleType) -> None:
    image, label = bust()
    assert keyed.cut_out(image, np.roll(label, 20, axis=1)) is None  # by the right edge too
    assert keyed.cut_out(image, np.roll(label, -5, axis=0)) is None  # floats
    assert keyed.cut_out(image, np.zeros_like(label)) is None
