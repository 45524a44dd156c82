"""Cut-outs of users: found, checked, and composited exactly, with nothing of what lies under transparent pixels."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg_train.config import TrainConfig
from rtseg_train.cutouts import find_cutouts, is_cutouts, look_at_cutout, read_cutout
from rtseg_train.data import TrainBatches
from rtseg_train.dataset import Pair, find_pairs
from rtseg_train.loop import fit
from tiny_runs import call

SKIN, HIDDEN, ROOM = 200, 255, 40  # levels: of the person, under transparent pixels, of the backgrounds
SMALL = {"batch": 4, "area": 4096, "max_area": 8192, "workers": 0, "threads": 1, "init": "scratch", "paired": 0.0}
RUN = {"steps": 2, "frozen_steps": 1, "warmup": 1, "checkpoint_every": 1, "eval_every": 2, "batch": 2}


def soft_bust() -> U8:
    mask = np.zeros((96, 72), np.uint8)
    cv2.ellipse(mask, (36, 96), (18, 64), 0, 0, 360, 255, -1)
    return cv2.GaussianBlur(mask, (0, 0), 2).astype(np.uint8)


def transparent(alpha: U8 | None = None) -> U8:
    """BGRA: a grey person, and white wherever alpha is 0."""
    alpha = soft_bust() if alpha is None else alpha
    picture = np.full((*alpha.shape, 3), SKIN, np.uint8)
    picture[alpha == 0] = HIDDEN
    return np.dstack([picture, alpha])


def save(path: Path, picture: NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    for i in range(2):
        save(tmp_path / "rooms" / f"{i}.png", np.full((64, 96, 3), ROOM, np.uint8))
    return tmp_path / "rooms"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "more/c.png"):
        save(tmp_path / "people" / name, transparent())
    return tmp_path / "people"


def photos(folder: Path) -> Path:
    for i in range(3):
        save(folder / "images" / f"{i}.png", np.full((96, 72, 3), 120, np.uint8))
        save(folder / "masks" / f"{i}.png", soft_bust())
    return folder


def test_a_folder_of_transparent_pictures(people: Path) -> None:
    save(people / "photo.jpg", np.full((96, 72, 3), 90, np.uint8))
    found = find_cutouts(people)
    assert is_cutouts(people) and [(p.source, p.image.name) for p in found.pairs] == [
        ("cut-outs", "a.png"),
        ("cut-outs", "b.png"),
        ("more", "c.png"),
    ]
    assert [p.name for p in found.lonely_images] == ["photo.jpg"]


@pytest.mark.parametrize("layout", ["fg/a.jpg masks/a.png", "fgr/a.png pha/a.png", "Foreground/a.jpg Alpha/a.png"])
def test_a_folder_of_foregrounds_and_masks(tmp_path: Path, layout: str) -> None:
    image, mask = (tmp_path / name for name in layout.split())
    save(image, np.full((96, 72, 3), SKIN, np.uint8))
    save(mask, soft_bust())
    (pair,) = find_cutouts(tmp_path).pairs
    assert (pair.image, pair.mask) == (image, mask) and is_cutouts(tmp_path)


def test_a_matting_set_as_it_is_unpacked(tmp_path: Path) -> None:
    for clip, part in (("0000", "train"), ("0001", "train"), ("0000", "test")):
        save(tmp_path / "set" / "Videos_SD" / part / "fgr" / clip / "00000.jpg", np.full((96, 72, 3), SKIN, np.uint8))
        save(tmp_path / "set" / "Videos_SD" / part / "pha" / clip / "00000.jpg", soft_bust())
    for folder in (tmp_path / "set", tmp_path / "set" / "Videos_SD"):
        found = find_cutouts(folder)
        assert is_cutouts(folder) and found.layout == "cut-outs in fgr/ and pha/ in train/"
        assert [(p.source, p.image.parts[-4]) for p in found.pairs] == [("0000", "train"), ("0001", "train")]
    assert np.abs(read_cutout(found.pairs[0])[1].astype(int) - soft_bust()).max() < 16, "a JPEG's noise"


def test_pictures_that_a_matting_set_has_composited_are_labelled_ones(tmp_path: Path) -> None:
    for name in ("com", "fgr", "pha"):
        save(tmp_path / name / "0000.png", soft_bust() if name == "pha" else np.full((96, 72, 3), SKIN, np.uint8))
    (pair,) = find_pairs(tmp_path).pairs
    assert pair.image.parent.name == "com" and pair.mask.parent.name == "pha" and not is_cutouts(tmp_path)
    assert find_cutouts(tmp_path).pairs[0].image.parent.name == "fgr", "--cutouts takes the people alone"


def test_a_list_of_foregrounds_and_masks(tmp_path: Path) -> None:
    save(tmp_path / "f.png", np.full((96, 72, 3), SKIN, np.uint8))
    save(tmp_path / "m.png", soft_bust())
    (tmp_path / "list.csv").write_text("Mask;FG\nm.png;f.png\n")
    (pair,) = find_cutouts(tmp_path / "list.csv").pairs
    assert is_cutouts(tmp_path / "list.csv") and np.array_equal(read_cutout(pair)[1], soft_bust())
    (tmp_path / "other.csv").write_text("image,mask\nf.png,m.png\n")
    assert not is_cutouts(tmp_path / "other.csv") and not is_cutouts(photos(tmp_path / "photos"))
    with pytest.raises(DataError, match=r"other\.csv needs a header with the columns fg,mask"):
        find_cutouts(tmp_path / "other.csv")
    for folder in ("photos/images", "nowhere"):
        with pytest.raises(DataError, match=r"no cut-outs: .*transparent.*fg,mask|no file or folder"):
            find_cutouts(tmp_path / folder)


@pytest.mark.parametrize("kind", ["8 bit", "16 bit", "grey", "palette"])
def test_colours_come_from_the_person_and_alpha_is_kept(tmp_path: Path, kind: str) -> None:
    path, layers = tmp_path / "a.png", transparent()
    if kind in ("8 bit", "16 bit"):
        save(path, layers if kind == "8 bit" else layers.astype(np.uint16) * 257)
    else:
        rgba = Image.fromarray(layers)
        (rgba.convert("LA") if kind == "grey" else rgba.quantize(256)).save(path)
    image, alpha = read_cutout(Pair("", path, path))
    assert image.dtype == alpha.dtype == np.uint8 and image.shape == (*alpha.shape, 3)
    assert np.abs(alpha.astype(int) - soft_bust()).max() <= (40 if kind == "palette" else 0)
    assert np.abs(image.astype(int) - SKIN).max() <= 2, "what lay under transparent pixels came along"


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (transparent()[..., :3], "has no transparency"),
        (transparent(np.full((96, 72), 255, np.uint8)), "has no transparency"),
        (transparent(np.zeros((96, 72), np.uint8)), "nobody is in it"),
        (transparent(soft_bust() // 4), "nobody is in it"),
    ],
)
def test_what_is_no_cut_out(tmp_path: Path, picture: U8, says: str) -> None:
    path = save(tmp_path / "a.png", picture)
    assert says in look_at_cutout(Pair("", path, path))[0].problem


def test_a_hard_edge_is_suspicious(tmp_path: Path) -> None:
    hard = save(tmp_path / "hard.png", transparent(np.where(soft_bust() > 127, np.uint8(255), np.uint8(0))))
    soft = save(tmp_path / "soft.png", transparent())
    doubts = [look_at_cutout(Pair("", path, path))[0].doubts for path in (hard, soft)]
    assert doubts == [("a hard edge, without half-transparent pixels",), ()]


def test_every_sample_is_a_person_before_a_room(people: Path, rooms: Path) -> None:
    data = TrainBatches(TrainConfig(train=str(people), backgrounds=str(rooms), empty=0.1, **SMALL))  # type: ignore[arg-type]
    assert list(data.preload())[-1] == data.count == 5 and not data.people and data.val == []
    batches = [data[step] for step in range(4)]
    shares = [float(alpha.mean()) for _, _, alphas, _, _ in batches for alpha in alphas]
    assert sum(share > 0.02 for share in shares) > 0.6 * len(shares)
    for frames, _, alphas, _, _ in batches:
        for frame, alpha in zip(frames.float().mean(3), alphas[:, 0], strict=True):
            if alpha.max() > 0.99 and (alpha < 0.01).any():
                assert frame[alpha > 0.99].mean() > 1.3 * frame[alpha < 0.01].mean(), "where alpha is, there is nobody"


def test_they_need_rooms(people: Path, tmp_path: Path) -> None:
    for train, more in ((people, {}), (photos(tmp_path / "photos"), {"cutouts": str(people)})):
        with pytest.raises(DataError, match=r"cut-outs need rooms.*--backgrounds"):
            TrainBatches(TrainConfig(train=str(train), **more))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"cut-outs need rooms.*no picture in .*bad can be used"):
        list(TrainBatches(TrainConfig(train=str(people), backgrounds=str(tmp_path / "bad"))).preload())


def test_check_reports_them_and_bad_ones_are_left_out(
    people: Path, rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (people / "broken.png").write_text("not a picture")
    save(people / "clear.png", transparent(np.zeros((96, 72), np.uint8)))
    options = ["--cutouts", str(people), "--backgrounds", str(rooms)]
    call("train", str(photos(tmp_path / "photos")), "--check", "--out", str(tmp_path / "run"), *options)
    said = capsys.readouterr().out
    for line in ("training: 2 pictures", "cut-outs: 3 of 5 pictures (transparent pictures)", "nobody is in it"):
        assert line in said
    found = json.loads((tmp_path / "run" / "data.json").read_text())
    assert len(found["cut-outs"]) == 5 and sum("problem" in f for f in found["cut-outs"]) == 2
    with pytest.raises(DataError, match=r"--strict refuses.*[\s\S]*broken\.png"):
        call("train", str(tmp_path / "photos"), "--check", "--strict", "--out", str(tmp_path / "strict"), *options)
    for path in people.rglob("*.png"):
        path.write_text("not a picture")
    with pytest.raises(DataError, match="none of the 5 cut-outs can be used"):
        call("train", str(tmp_path / "photos"), "--check", "--out", str(tmp_path / "none"), *options)


def test_show_batch_and_a_run_that_resumes_with_the_same_cut_outs(people: Path, rooms: Path, tmp_path: Path) -> None:
    small = [f"--{k.replace('_', '-')}={v}" for k, v in (SMALL | RUN).items()]
    call("train", str(people), "--backgrounds", str(rooms), "--show-batch", "--out", str(tmp_path / "look"), *small)
    assert cv2.imread(str(tmp_path / "look" / "batch.png")) is not None
    config = TrainConfig(train=str(people), backgrounds=str(rooms), **(SMALL | RUN))  # type: ignore[arg-type]
    fit(config, tmp_path / "run")
    fit(config, tmp_path / "run", resume=True)
    save(people / "a.png", transparent(soft_bust() * (np.arange(96) > 60)[:, None].astype(np.uint8)))
    with pytest.raises(DataError, match="the cut-outs are not those"):
        fit(config, tmp_path / "run", resume=True)
