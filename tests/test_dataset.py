"""Training data as people have it: which layouts are found, what is said before training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg_train.data_report import Inspection
from rtseg_train.dataset import Pair, find_pairs, find_sets, hold_out
from tiny_runs import bust


def write(image: Path, mask: Path, alpha: U8 | None = None) -> None:
    for path, picture in ((image, np.full((64, 64, 3), 90, np.uint8)), (mask, bust() if alpha is None else alpha)):
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), picture)


def as_the_article(folder: Path, training: int = 4, testing: int = 2) -> Path:
    for part, count in (("training", training), ("testing", testing)):
        for i in range(count):
            write(folder / part / f"{i:05d}.png", folder / part / f"{i:05d}_matte.png")
    return folder


def images_and_masks(folder: Path, names: str = "abcd") -> Path:
    for name in names:
        write(folder / "images" / f"{name}.jpg", folder / "masks" / f"{name}.png")
    return folder


def stems(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [(p.image.stem, p.mask.stem) for p in pairs]


def test_the_articles_layout_and_its_parts(tmp_path: Path) -> None:
    folder = as_the_article(tmp_path)
    found = find_pairs(folder)
    assert stems(found.pairs) == [(f"{i:05d}", f"{i:05d}_matte") for i in range(4)]
    assert len(find_pairs(folder, "val").pairs) == len(find_pairs(folder, "test").pairs) == 2
    assert len(find_pairs(folder / "testing").pairs) == 2
    sets = find_sets(folder, None)
    assert (len(sets.train.pairs), len(sets.val.pairs), sets.held_out) == (4, 2, False)


def test_images_and_masks(tmp_path: Path) -> None:
    folder = images_and_masks(tmp_path)
    write(folder / "images" / "anna" / "a.webp", folder / "masks" / "anna" / "a_mask.png")
    (folder / "masks" / "b.png").unlink()
    (folder / "images" / "c.jpg").unlink()
    found = find_pairs(folder)
    assert [(p.source, p.image.name, p.mask.name) for p in found.pairs] == [
        ("all", "a.jpg", "a.png"),
        ("anna", "a.webp", "a_mask.png"),
        ("all", "d.jpg", "d.png"),
    ]
    assert [p.name for p in found.lonely_images] == ["b.jpg"] and [p.name for p in found.lonely_masks] == ["c.png"]


@pytest.mark.parametrize("order", ["{part}/{kind}", "{kind}/{part}"])
def test_images_and_masks_in_parts(tmp_path: Path, order: str) -> None:
    for part, names in (("train", "abc"), ("val", "de")):
        for name in names:
            image, mask = (tmp_path / order.format(part=part, kind=kind) for kind in ("images", "masks"))
            write(image / f"{name}.jpg", mask / f"{name}.png")
    sets = find_sets(tmp_path, None)
    assert [[p.image.stem for p in found.pairs] for found in (sets.train, sets.val)] == [list("abc"), list("de")]
    assert {p.source for p in sets.train.pairs} == {"all"}


def test_what_only_looks_like_a_picture_is_left_out(tmp_path: Path) -> None:
    folder = images_and_masks(tmp_path)
    (folder / "images" / "folder.jpg").mkdir()
    (folder / "masks" / "a.png").unlink()
    (folder / "masks" / "a.png").mkdir()
    (folder / "images" / "._b.jpg").write_bytes(b"what macOS leaves behind")
    found = find_pairs(folder)
    assert [p.image.stem for p in found.pairs] == list("bcd") and [p.stem for p in found.lonely_images] == ["a"]


def test_folders_without_pairs_show_the_layouts(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "apart" / "images" / "a.png", tmp_path / "apart" / "masks" / "b.png")
    as_the_article(tmp_path / "one_part", testing=0)
    for name in ("empty", "apart"):
        with pytest.raises(DataError, match=rf"{name}[\s\S]*CSV[\s\S]*_matte\.png[\s\S]*images/ and masks/"):
            find_pairs(tmp_path / name)
    with pytest.raises(DataError, match="one_part has no part for val"):
        find_pairs(tmp_path / "one_part", "val")
    with pytest.raises(DataError, match=r"no file or folder .*nowhere"):
        find_pairs(tmp_path / "nowhere")


def test_lists_from_spreadsheets(tmp_path: Path) -> None:
    images_and_masks(tmp_path)
    path = tmp_path / "list.csv"
    path.write_bytes("\ufeffimage,mask\r\nimages/a.jpg,masks/a.png\r\n".encode())
    assert stems(find_pairs(path).pairs) == [("a", "a")]


@pytest.mark.parametrize("length", [5_000, 200_000])
def test_a_huge_field_is_an_error_of_one_screen(tmp_path: Path, length: int) -> None:
    (tmp_path / "list.csv").write_text("image,mask\n" + "x" * length + ",y.png\n")
    with pytest.raises(DataError, match=r"list\.csv") as error:
        find_pairs(tmp_path / "list.csv")
    assert len(str(error.value)) < 2000


def test_hold_out_is_every_20th_by_name() -> None:
    def held(count: int) -> list[int]:
        pairs = [Pair("all", Path(f"{i:05d}.png"), Path("m.png")) for i in reversed(range(count))]
        kept, out = hold_out(pairs)
        assert sorted(kept + out, key=str) == sorted(pairs, key=str) and kept == [p for p in pairs if p not in out]
        return sorted(int(p.image.stem) for p in out)

    assert held(1) == [] and held(2) == [0] and held(40) == [0, 20] and len(held(9000)) == 200
    assert held(10_000) == list(range(0, 10_000, 50)), "from all of them, not from the first names alone"


def report(folder: Path) -> str:
    inspection = Inspection(find_sets(folder, "none"))
    list(inspection.read())
    return "\n".join(inspection.lines())


def test_report_names_what_is_odd(tmp_path: Path) -> None:
    folder = images_and_masks(tmp_path, "abcdefgh")
    odd = {"a": bust() // 255, "b": bust() * 0, "c": bust() * 0 + 255, "d": 255 - bust(), "e": bust()[:9]}
    for name, mask in odd.items():
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), mask)
    (folder / "masks" / "f.png").unlink()
    said = report(folder)
    for expected in (
        "6 of 7 pictures (images/ and masks/)",
        "smallest 64x64",
        "1 binary 0/1",
        "1 taken as 255 (1)",
        "1 nobody (black)",
        "all person (1): c.png",
        "looks inverted (1): d.png",
        "e.png is 64x9, its picture",
        "without mask, skipped (1): f.jpg",
    ):
        assert expected in said, (expected, said)
    assert "WARNING" not in said


def test_report_is_loud_when_most_masks_look_inverted(tmp_path: Path) -> None:
    folder = images_and_masks(tmp_path)
    for name in "abc":
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), 255 - bust())
    assert "WARNING: 3 of 4 masks look inverted" in report(folder)
