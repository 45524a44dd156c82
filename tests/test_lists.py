"""Lists and folders of labelled pictures as people have them: separators, encodings, paths, missing files, names."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg_train.clips import find_clips
from rtseg_train.data_report import Inspection
from rtseg_train.dataset import find_pairs, find_sets
from rtseg_train.masks import read_mask
from tiny_runs import call


def bust() -> U8:
    mask = np.zeros((64, 64), np.uint8)
    return cv2.ellipse(mask, (32, 64), (16, 48), 0, 0, 360, 255, -1).astype(np.uint8)


def write(image: Path, mask: Path) -> None:
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(image), np.full((64, 64, 3), 90, np.uint8))
    if mask.suffix.lower() == ".gif":
        Image.fromarray(bust()).save(mask)
    else:
        assert cv2.imwrite(str(mask), bust())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in "ab":
        write(tmp_path / "images" / f"{name}.jpg", tmp_path / "masks" / f"{name}.png")
    return tmp_path


ROWS = "image,mask\nimages/a.jpg,masks/a.png\nimages/b.jpg,masks/b.png\n"
AS_WRITTEN = {
    "semicolons": ROWS.replace(",", ";").encode(),
    "tabs": ROWS.replace(",", "\t").encode(),
    "spaces after commas": ROWS.replace(",", " ,  ").encode(),
    "quotes": b'"image", "mask"\n"images/a.jpg", "masks/a.png"\n"images/b.jpg", "masks/b.png"\n',
    "capitals": ROWS.replace("image,mask", "Image,MASK").encode(),
    "other order, more columns": b"id;Mask;Source;image\n1;masks/a.png;;images/a.jpg\n2;masks/b.png;;images/b.jpg\n",
    "backslashes": ROWS.replace("/", "\\").encode(),
    "other case of names": ROWS.replace("images/a.jpg", "Images/A.JPG").encode(),
    "byte-order mark": ROWS.encode("utf-8-sig"),
    "UTF-16": ROWS.encode("utf-16"),
    "UTF-16 without a mark": ROWS.encode("utf-16-le"),
    "UTF-16, big end first": ROWS.encode("utf-16-be"),
    "carriage returns": ROWS.replace("\n", "\r").encode(),
    "empty rows at the end": (ROWS + ",\n\n , \n,,,\n").encode(),
    "empty rows in between": ROWS.replace("\n", "\r\n\r\n").encode(),
    "comments": b"# mine\n" + ROWS.replace("\n", "\n# half, of them\n").encode(),
    "a comment before the header's names": ("#" + ROWS).encode(),
    "other names of columns": ROWS.replace("image,mask", "filename,labels").encode(),
    "rows and the header again": (ROWS * 2).encode(),
    "an old end of text": (ROWS + "\x1a\0\0").encode(),
    "Excel's first line": ("sep=;\r\n" + ROWS.replace(",", ";")).encode(),
}


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_lists_of_all_kinds_name_the_same_pictures(pictures: Path, name: str) -> None:
    (pictures / "list.csv").write_bytes(AS_WRITTEN[name])
    found = find_pairs(pictures / "list.csv")
    expected = [(pictures / "images" / f"{n}.jpg", pictures / "masks" / f"{n}.png") for n in "ab"]
    assert all(p.image.samefile(i) and p.mask.samefile(m) for p, (i, m) in zip(found.pairs, expected, strict=True))
    assert [p.source for p in found.pairs] == ["all", "all"] and not found.missing


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["Zo\xeb M\xfcller", "Zoe\u0308 Mu\u0308ller"])
def test_names_with_accents_in_any_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    write(tmp_path / f"{name}.jpg", tmp_path / f"{name}.png")
    (tmp_path / "list.csv").write_bytes("image;mask\nZo\xeb M\xfcller.jpg;Zo\xeb M\xfcller.png\n".encode(encoding))
    assert [p.image.name for p in find_pairs(tmp_path / "list.csv").pairs] == [f"{name}.jpg"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are letters, not bytes")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", tmp_path / "a.png")
    for ending in (".jpg", ".png"):
        (tmp_path / f"a{ending}").rename(tmp_path / f"M\udcfcller{ending}")
    (tmp_path / "list.csv").write_bytes(b"image,mask\nM\xfcller.jpg,M\xfcller.png\nB\xfcrger.jpg,M\xfcller.png\n")
    found = find_pairs(tmp_path / "list.csv")
    assert [p.image.name for p in found.pairs] == ["M\udcfcller.jpg"]
    assert found.missing == (r"B\udcfcrger.jpg",), "what is missing can be printed"


def test_two_names_alike_are_not_confused(pictures: Path) -> None:
    write(pictures / "images" / "c.JPG", pictures / "masks" / "c.png")
    write(pictures / "images" / "C.jpg", pictures / "masks" / "C.PNG")
    (pictures / "list.csv").write_text("image,mask\nimages/C.jpg,masks/c.png\nimages/c.jpg,masks/a.png\n")
    found = find_pairs(pictures / "list.csv")
    if (pictures / "IMAGES").exists():
        pytest.skip("upper and lower case are one here")
    assert [(p.image.name, p.mask.name) for p in found.pairs] == [("C.jpg", "c.png")]
    assert found.missing == ("images/c.jpg",)


def test_a_row_that_is_half_empty_is_named_by_its_line(pictures: Path) -> None:
    (pictures / "list.csv").write_text("sep=,\n\nimage,mask\n\nimages/a.jpg,masks/a.png\n,,\nimages/b.jpg,\n")
    with pytest.raises(DataError, match=r"list\.csv, line 7: image or mask is empty"):
        find_pairs(pictures / "list.csv")


def test_a_device_has_no_end() -> None:
    for device in ("/dev/zero", "/dev/full"):
        with pytest.raises(DataError, match=f"cannot read the list {device}: it is a device"):
            find_pairs(Path(device))


def test_missing_files_are_left_out_and_reported_or_refused(pictures: Path) -> None:
    path = pictures / "list.csv"
    path.write_text(ROWS + "images/c.jpg,masks/c.png\n\n")
    inspection = Inspection(find_sets(path, "none"))
    list(inspection.read())
    said = "\n".join(inspection.lines())
    assert "training: 2 pictures" in said and "listed but not there, skipped (2):\n    images/c.jpg" in said
    strict = Inspection(find_sets(path, "none"), strict=True)
    with pytest.raises(DataError, match=r"--strict refuses[\s\S]*images/c\.jpg is not there"):
        list(strict.read())
    with pytest.raises(DataError, match=r"names files that are not there.*\n.*images/c\.jpg"):
        call("eval", "fast", str(path))
    path.write_text(ROWS + "".join(f"images/{i}.jpg,masks/{i}.png\n" for i in range(3)))
    with pytest.raises(DataError, match=r"not there in 3 of 5 rows .*relative to the list"):
        find_pairs(path)


def test_rows_that_are_there_twice_are_said(pictures: Path) -> None:
    (pictures / "list.csv").write_text(ROWS + ROWS)
    assert find_pairs(pictures / "list.csv").layout == "a CSV list, 2 rows of which are there twice"


@pytest.mark.parametrize("there", ["", ROWS.partition("\n")[2]])
def test_a_million_missing_files_are_not_looked_for_one_by_one(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    from rtseg_train import tables

    path, looked = pictures / "list.csv", []
    monkeypatch.setattr(tables.os.path, "isdir", lambda p: looked.append(p) or Path(p).is_dir())
    monkeypatch.setattr(tables.os.path, "isfile", lambda p: looked.append(p) or Path(p).is_file())
    path.write_text("image,mask\n" + there + "".join(f"gone/{i}.jpg,gone/{i}.png\n" for i in range(30_000)))
    with pytest.raises(DataError, match=r"not there in 10000 of 1000[02] rows"):
        find_pairs(path)
    assert len(looked) < 10


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("imgs/a.jpg", "masks/a.png"),
        ("imgs/a.jpg", "masks/a_mask.gif"),
        ("Images/a.JPG", "Masks/a.PNG"),
        ("image/a.jpg", "mask/a.png"),
        ("JPEGImages/a.jpg", "SegmentationClass/a.png"),
        ("train/a.jpg", "train_masks/a_mask.gif"),
        ("train/imgs/a.jpg", "train/masks/a.png"),
        ("imgs/train/a.jpg", "masks/train/a.png"),
        ("a.jpg", "a_mask.gif"),
        ("a.jpg", "mask_a.png"),
        ("a.jpg", "a-mask.png"),
        ("images/a.jpg", "labels/a.jpg.png"),
        ("images/training/a.jpg", "annotations/training/a.png"),
        ("VOCdevkit/VOC2012/JPEGImages/a.jpg", "VOCdevkit/VOC2012/SegmentationClass/a.png"),
    ],
)
def test_folders_of_all_kinds(tmp_path: Path, image: str, mask: str) -> None:
    write(tmp_path / image, tmp_path / mask)
    (pair,) = find_pairs(tmp_path).pairs
    assert (pair.image, pair.mask, pair.source) == (tmp_path / image, tmp_path / mask, "all")
    assert np.array_equal(read_mask(pair.mask).alpha, bust())


def test_a_clip_with_the_same_names(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path / "imgs" / f"{i}.jpg", tmp_path / "Masks" / f"{i}_mask.gif")
    (clip,) = find_clips(tmp_path)
    assert len(clip) == 3 and all(mask is not None and mask.alpha.any() for _, mask in clip.read())
