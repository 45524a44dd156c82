"""Sets whose masks hold classes: they are asked about once, void is left out, train and eval take the answer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import write_clip
from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg_train.clips import Clip, score_clip
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches
from rtseg_train.data_report import Inspection
from rtseg_train.dataset import find_pairs, find_sets
from rtseg_train.evaluate import evaluate
from rtseg_train.masks import read_pair
from rtseg_train.reliability import Reliability
from test_classes import coloured, middle, round_one, save, voc
from tiny_runs import call


def photos(folder: Path, masks: list[U8]) -> Path:
    for i, mask in enumerate(masks):
        save(folder / "images" / f"{i}.jpg", np.full((*mask.shape[:2], 3), 90, np.uint8))
        save(folder / "masks" / f"{i}.png", mask)
    return folder


def test_a_set_of_jpeg_classes_is_refused_early(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", [coloured(round_one())] * 20)
    for path in (folder / "masks").iterdir():
        save(path.with_suffix(".jpg"), cv2.imread(str(path)))
        path.unlink()
    with pytest.raises(DataError, match=r"0\.jpg has blurred borders.*20 masks are like that"):
        checked(folder)


def checked(folder: Path, person: str | None = None) -> str:
    inspection = Inspection(find_sets(folder, "none", person))
    list(inspection.read())
    return "\n".join(inspection.lines())


def test_a_set_of_classes_is_refused_and_read_when_the_person_is_named(tmp_path: Path) -> None:
    folder = photos(tmp_path / "voc", [voc(), voc(0), voc(15, 0)])
    with pytest.raises(DataError, match=r"0\.png holds the numbers 0, 9, 15, 255.*Which is the person"):
        checked(folder)
    said = checked(folder, "15")
    assert "2 binary classes, 1 nobody" in said and "15 taken as the person (3)" in said
    image, alpha = read_pair(find_pairs(folder, person="15").pairs[0])
    assert image.shape[:2] == alpha.shape and set(np.unique(alpha)) == {0, 255}


def test_a_large_set_is_asked_about_early_and_a_wrong_number_is_told(tmp_path: Path) -> None:
    folder = photos(tmp_path / "voc", [voc()] * 21)
    inspection, seen = Inspection(find_sets(folder, "none")), 0
    with pytest.raises(DataError, match="20 masks are like that"):
        for seen in inspection.read():  # noqa: B007
            pass
    assert seen == 19
    with pytest.raises(DataError, match=r"holds 14, which --person names; look at .*0\.png"):
        checked(folder, "14")


def test_one_class_in_each_mask_is_seen_in_the_set(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", [voc(15, 0, 0), voc(15, 0, 0), voc(0, 9, 0)])
    with pytest.raises(DataError, match=r"2\.png holds 9 beside 0 and .*15: the set holds the numbers 9, 15"):
        checked(folder)
    same = photos(tmp_path / "same", [voc(15, 0, 0)] * 2 + [middle()])
    assert "15 taken as 255 (2)" in checked(same)
    assert "taken as 255" in checked(photos(tmp_path / "mixed", [middle(), middle() // 255]))


def test_a_few_odd_masks_among_many_are_left_out(tmp_path: Path) -> None:
    said = checked(photos(tmp_path / "set", [middle()] * 19 + [voc()]))
    assert "19 of 20 pictures" in said and "19.png holds the numbers" in said


def test_void_is_neither_learned_from_nor_scored(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", [voc()] * 2)
    data = TrainBatches(TrainConfig(train=str(folder), person="15", paired=0.0, batch=4, workers=0))
    list(data.preload())
    for cached in (True, False):
        sure = data.picture(0).sure
        assert sure is not None and not sure[voc() == 255].any() and (sure[voc() != 255] == 255).all()
        assert cached or not data.cache
        data.cache.clear()
    assert min(float(data[step][3].min()) for step in range(4)) == 0
    right = np.where(voc() == 15, 1, 0).astype(np.float32)
    pairs = find_pairs(folder, person="15").pairs
    results = []
    for wrong in (0.0, 0.45, 1.0):  # what is said of the void is the same to every figure
        alpha, bins = np.where(voc() == 255, np.float32(wrong), right), Reliability()
        looks = [lambda name, image, mask, alpha, score, bins=bins: bins.add(alpha, mask.alpha, mask.void)]
        results.append(list(evaluate(lambda image, alpha=alpha: alpha, pairs, looks)))
        assert bins.error == 0 and bins.pixels.sum() == 2 * np.count_nonzero(voc() != 255)
    assert results[0] == results[1] == results[2]
    assert results[0][0].iou == results[0][0].boundary_iou == results[0][0].mean_iou == 1 and results[0][0].mae == 0
    clip = Clip("c", tuple(p.image for p in pairs), tuple(p.mask for p in pairs), pairs[0].person)
    unsure = np.where(voc() == 255, np.float32(0.3), right)
    assert [s.dtssd for s in score_clip(lambda image: unsure, clip)] == [None, 0]
    person, chair, known = (np.count_nonzero(part) for part in (voc() == 15, voc() == 9, voc() != 255))
    wrong = next(evaluate(lambda image: np.maximum(unsure, voc() == 9), pairs))
    assert (wrong.iou, wrong.mae) == pytest.approx((person / (person + chair), chair / known))


def test_void_that_covers_much_is_suspicious(tmp_path: Path) -> None:
    mostly = np.full((64, 64), 255, np.uint8)
    mostly[20:40, 20:40] = 15
    mostly[:8] = 0
    assert "suspicious: much of it is void (1): 0.png" in checked(photos(tmp_path / "set", [mostly, voc()]), "15")


def test_train_asks_and_takes_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photos(tmp_path / "set", [voc()] * 3)
    for more in ([], ["--preset", "article"]):
        with pytest.raises(DataError, match="Which is the person"):
            call("train", str(folder), "--check" if not more else "--strict", "--out", str(tmp_path / "run"), *more)
    call("train", str(folder), "--check", "--out", str(tmp_path / "run"), "--person", "15")
    assert "15 taken as the person" in capsys.readouterr().out
    with pytest.raises(DataError, match="person is 'me'"):
        call("train", str(folder), "--check", "--out", str(tmp_path / "other"), "--person", "me")


def test_eval_takes_the_person_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photos(tmp_path / "set", [voc()])
    with pytest.raises(DataError, match="Which is the person"):
        call("eval", "fast", str(folder), "--provider", "cpu")
    call("eval", "fast", str(folder), "--provider", "cpu", "--person", "15")
    video = write_clip(tmp_path / "c.mp4", [np.full((64, 64, 3), 90, np.uint8)], [0.0])
    call("eval", "fast", str(video), "--masks", str(folder / "masks"), "--provider", "cpu", "--person", "15")
    assert "boundary" in capsys.readouterr().out
