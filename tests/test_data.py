"""Lists, pictures and samples: what is refused, what a sample looks like, and that a seed decides it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rtseg.errors import DataError
from rtseg_train.config import TrainConfig, field_help
from rtseg_train.data import TrainBatches
from rtseg_train.dataset import read_list
from rtseg_train.masks import read_pair
from rtseg_train.windows import Picture


def person(height: int = 96, width: int = 72, seed: int = 0) -> Picture:
    """A bright bust, cut by the bottom edge, on dark noise."""
    image = np.random.default_rng(seed).integers(0, 80, (height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.uint8)
    cv2.ellipse(alpha, (width // 2, height), (width // 4, height * 2 // 3), 0, 0, 360, 255, -1)
    image[alpha > 0] = 230
    return Picture(image, alpha)


def write_list(folder: Path, count: int = 4) -> Path:
    """`count` pictures with masks in `folder`, and the list of them."""
    rows = ["source,image,mask"]
    for i in range(count):
        picture = person(seed=i)
        cv2.imwrite(str(folder / f"{i}.jpg"), picture.image)
        cv2.imwrite(str(folder / f"{i}.png"), picture.alpha)
        rows.append(f"test,{i}.jpg,{i}.png")
    path = folder / "list.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def small(train: Path, **settings: object) -> TrainConfig:
    values: dict[str, object] = {"batch": 2, "area": 4096, "max_area": 8192, "workers": 0, "val": "none", **settings}
    return TrainConfig(train=str(train), **values)  # type: ignore[arg-type]


def test_list_is_read_relative_to_itself(tmp_path: Path) -> None:
    pairs = read_list(write_list(tmp_path)).pairs
    assert [p.source for p in pairs] == ["test"] * 4
    image, mask = read_pair(pairs[0])
    assert image.shape == (96, 72, 3) and mask.shape == (96, 72) and image.dtype == mask.dtype == np.uint8


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "image,mask\n", "image,mask\nx.jpg,\n"])
def test_bad_lists(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"bad\.csv"):
        read_list(path)


def test_list_that_is_a_picture_or_nothing(tmp_path: Path) -> None:
    write_list(tmp_path)
    for name in ("0.jpg", "nothing.csv"):
        with pytest.raises(DataError, match=name):
            read_list(tmp_path / name)


def test_missing_files_are_named_at_once(tmp_path: Path) -> None:
    path = write_list(tmp_path, 8)
    for i in range(1, 7):
        (tmp_path / f"{i}.png").unlink()
    with pytest.raises(DataError, match=r"1\.png\n.*2\.png\n.*3\.png\n.*4\.png\n.*and 2 more"):
        read_list(path)


def test_bad_pictures_are_skipped_and_the_batches_are_those_without_them(tmp_path: Path) -> None:
    path = write_list(tmp_path, 6)
    without = tmp_path / "without.csv"
    without.write_text("\n".join(line for line in path.read_text().splitlines() if line[5:6] not in "12"))
    (tmp_path / "1.jpg").write_text("not a picture")
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((10, 20), np.uint8))
    skipping, clean = (TrainBatches(small(p)) for p in (path, without))
    for data in (skipping, clean):
        list(data.preload())
    assert skipping.people == [0, 3, 4, 5] and len(clean.people) == 4
    assert all(torch.equal(a, b) for step in range(3) for a, b in zip(skipping[step][:3], clean[step][:3], strict=True))
    said = "\n".join(skipping.inspection.lines())
    assert "4 of 6 pictures" in said and "1.jpg: not a picture" in said and "2.png is 20x10, its picture" in said


def test_strict_names_the_bad_pictures_together(tmp_path: Path) -> None:
    path = write_list(tmp_path)
    (tmp_path / "1.jpg").write_text("not a picture")
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((10, 20), np.uint8))
    expected = r"2 .*can't be used.*:\n.*1\.jpg: not a picture .*\n.*2\.png is 20x10, its picture .*2\.jpg is 72x96"
    with pytest.raises(DataError, match=expected):
        list(TrainBatches(small(path, strict=True)).preload())


def test_bad_validation_pictures_are_not_scored(tmp_path: Path) -> None:
    path = write_list(tmp_path)
    (tmp_path / "1.jpg").write_text("not a picture")
    data = TrainBatches(small(path, val=str(path)))
    list(data.preload())
    assert [p.image.name for p in data.val] == ["0.jpg", "2.jpg", "3.jpg"]
    assert "in both sets" in "\n".join(data.inspection.lines())


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    path = write_list(tmp_path, 2)
    for i in range(2):
        (tmp_path / f"{i}.jpg").write_text("not a picture")
    with pytest.raises(DataError, match=r"none of the 2 training pictures can be used[\s\S]*1\.jpg: not a picture"):
        list(TrainBatches(small(path)).preload())


def test_a_background_that_is_no_picture_is_skipped(tmp_path: Path) -> None:
    path = write_list(tmp_path)
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    cv2.imwrite(str(rooms / "a.png"), np.full((64, 96, 3), 90, np.uint8))
    (rooms / "b.png").write_text("not a picture")
    data = TrainBatches(small(path, backgrounds=str(rooms)))
    list(data.preload())
    assert data.empties == [4] and "b.png: not a picture" in "\n".join(data.inspection.lines())


def test_masks_without_anybody(tmp_path: Path) -> None:
    path = write_list(tmp_path, 1)
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((96, 72), np.uint8))
    with pytest.raises(DataError, match="anybody"):
        list(TrainBatches(small(path)).preload())


def test_batches_are_decided_by_seed_and_step(tmp_path: Path) -> None:
    path = write_list(tmp_path)
    sets = [TrainBatches(small(path, seed=seed, backgrounds=str(tmp_path))) for seed in (1, 1, 2)]
    for data in sets:
        list(data.preload())
    first, same, other = (data[5] for data in sets)
    assert all(torch.equal(a, b) for a, b in zip(first[:4], same[:4], strict=True)) and first[4] == same[4]
    assert first[0].shape != other[0].shape or not torch.equal(first[0], other[0])
    assert first[0].shape != sets[0][6][0].shape or not torch.equal(first[0], sets[0][6][0])


def test_pictures_that_do_not_fit_in_memory_give_the_same_batches(tmp_path: Path) -> None:
    path = write_list(tmp_path)
    kept, read_again = TrainBatches(small(path)), TrainBatches(small(path, cache_mib=0))
    for data in (kept, read_again):
        list(data.preload())
    assert len(kept.cache) == 4 and not read_again.cache
    assert all(torch.equal(a, b) for a, b in zip(kept[0][:4], read_again[0][:4], strict=True))


def test_batch_shapes_types_and_ranges(tmp_path: Path) -> None:
    data = TrainBatches(small(write_list(tmp_path), backgrounds=str(tmp_path)))
    list(data.preload())
    for step in range(20):
        frame, previous, alpha, sure, pairs = data[step]
        n, h, w, c = frame.shape
        assert pairs in (0, 1)
        assert (n, c, frame.dtype) == (2, 3, torch.uint8) and h % 32 == 0 and w % 32 == 0
        for x in (previous, alpha, sure):
            assert x.shape == (2, 1, h, w) and x.dtype == torch.float32
            assert x.min() >= 0 and x.max() <= 1


def test_config_survives_saving(tmp_path: Path) -> None:
    config = TrainConfig(train="a.csv", steps=7, precision="bf16")
    config.save(tmp_path / "config.json")
    assert TrainConfig.load(tmp_path / "config.json") == config
    for text, says in (
        ('{"train": "a.csv", "colour": 1}', "colour is not a training setting"),
        ('{"train": "a.csv", "steps": "7"}', r'json: steps is "7"; give a whole number'),
        ('{"steps": 7}', "not a training config: train"),
    ):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(DataError, match=says):
            TrainConfig.load(tmp_path / "config.json")


@pytest.mark.parametrize("field", ["steps", "batch", "warmup", "lr", "clip"])
def test_config_refuses_nonsense(field: str) -> None:
    with pytest.raises(DataError, match=field):
        TrainConfig(train="a.csv", **{field: 0})  # type: ignore[arg-type]


def test_every_setting_is_explained() -> None:
    assert all(len(text) > 4 for text in field_help().values())
