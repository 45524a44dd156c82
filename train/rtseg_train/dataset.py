"""Find the labelled pictures: a CSV list, pictures beside their masks, or folders of images and masks."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from rtseg.errors import DataError
from rtseg.formats import PICTURES

LAYOUTS = """it takes
  a CSV list with the columns image,mask[,source], paths relative to the list
  a folder with pictures beside their masks: 00001.png and 00001_matte.png (or 00001_mask.png)
  a folder with images/ and masks/ inside: images/anna.jpg and masks/anna.png
Both kinds of folder may be split in two: training/ and testing/, or train/ and val/."""
KINDS = ("images", "masks")
MASK_ENDINGS = ("_matte", "_mask")
# A set may be split into sub-folders; the first name that is there counts.
SPLITS = {
    "train": ("training", "train"),
    "val": ("val", "valid", "validation", "testing", "test"),
    "test": ("testing", "test", "val", "valid", "validation"),
}
HELD_OUT_EVERY, MOST_HELD_OUT = 20, 200  # pictures


@dataclass(frozen=True)
class Pair:
    """One labelled picture."""

    source: str
    image: Path
    mask: Path
    sure: Path | None = None  # grey: how far the mask is to be believed; None: wholly


@dataclass(frozen=True)
class Found:
    """What is in a list or folder. Pictures and masks without partner are only in a folder."""

    pairs: list[Pair]
    layout: str  # in words, for one line
    split: bool = False  # only the part asked for; else the whole set, whatever was asked for
    lonely_images: tuple[Path, ...] = ()
    lonely_masks: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Sets:
    """What a run trains on and what it is validated on."""

    train: Found
    val: Found
    held_out: bool = False  # the validation pictures were taken from the training set


def find_sets(train: Path, val: str | None) -> Sets:
    """The training set, and the validation set: `val` (a list or folder; "none" for none), else the set's own
    part for it, else what `hold_out` takes from the training set. Raises DataError as `find_pairs` does.
    """
    found = find_pairs(train)
    if val == "none":
        return Sets(found, Found([], "none, as asked"))
    if val:
        return Sets(found, find_pairs(Path(val), "val"))
    if found.split and part_of(train, "val"):
        return Sets(found, find_pairs(train, "val"))
    kept, held = hold_out(found.pairs)
    layout = f"held out, every {HELD_OUT_EVERY}th by name; choose with --val" if held else "none: too few pictures"
    return Sets(replace(found, pairs=kept), Found(held, layout), bool(held))


def find_pairs(path: Path, split: str = "train") -> Found:
    """The labelled pictures in a CSV list or a folder, in a fixed order.

    split: "train", "val" or "test"; chooses the sub-folder where the set has such, and nothing where it has not.
    Raises DataError for anything else, with the layouts that are accepted.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; choose from {', '.join(SPLITS)}")
    try:
        if path.is_dir():
            return find_in_folder(path, split)
        if not path.exists():
            raise DataError(f"there is no file or folder {path}")
    except OSError as e:
        raise DataError(f"cannot look into {path}: {e}") from e
    return Found(read_list(path), "a CSV list")


def part_of(folder: Path, split: str) -> Path | None:
    """The sub-folder of a split set: train/ (or one of its other names), or images/train/ beside masks/train/."""
    for name in SPLITS[split]:
        if (folder / name).is_dir() and layout_of(folder / name):
            return folder / name
        if all((folder / kind / name).is_dir() for kind in KINDS):
            return folder / "images" / name
    return None


def find_in_folder(folder: Path, split: str) -> Found:
    """`find_pairs` for a folder."""
    part, layout = part_of(folder, split), layout_of(folder)
    if part is None and any(part_of(folder, other) for other in SPLITS):
        raise DataError(f"{folder} has no part for {split}: none of the sub-folders {', '.join(SPLITS[split])}")
    if part is not None and part.parent == folder:
        folder, layout = part, f"{layout_of(part)} in {part.name}/"
    elif part is not None:
        layout = f"images/{part.name}/ and masks/{part.name}/"
    if not layout:
        raise DataError(f"{folder} holds no labelled pictures in a known order; {LAYOUTS}")
    if layout.startswith("images/"):
        below = part.name if part is not None and part != folder else ""
        images, masks = (pictures_under(folder / kind / below) for kind in KINDS)
    else:
        beside = list_images(folder)
        masks = [p for p in beside if p.stem.lower().endswith(MASK_ENDINGS)]
        images = [p for p in beside if not p.stem.lower().endswith(MASK_ENDINGS)]
    found = match(images, masks, folder, layout, part.name if part else None)
    if not found.pairs:
        count = f"{len(images)} pictures ({', '.join(PICTURES)}) and {len(masks)} masks"
        raise DataError(f"{folder} has {count}, but none that belong together by name; {LAYOUTS}")
    return found


def layout_of(folder: Path) -> str:
    """The layout of a folder that is not split, in words; "" for none."""
    if all((folder / kind).is_dir() for kind in KINDS):
        return "images/ and masks/"
    if any(p.stem.lower().endswith(MASK_ENDINGS) for p in list_images(folder)):
        return "pictures beside their masks"
    return ""


def match(images: list[Path], masks: list[Path], folder: Path, layout: str, part: str | None) -> Found:
    """Pairs of the same name, in the pictures' order; a sub-folder's name is the source of what is in it."""
    by_name = {key(mask, folder): mask for mask in reversed(masks)}  # of two with one name the first counts
    pairs, lonely = [], []
    for image in images:
        keys = [key(image, folder), *(key(image.with_stem(image.stem + e), folder) for e in MASK_ENDINGS)]
        mask = next((by_name.pop(k) for k in keys if k in by_name), None)
        if mask is None:
            lonely.append(image)
        else:
            parents = image.relative_to(folder).parent.parts
            source = "/".join(parents[2:] if parents[1:2] == (part,) else parents[1:])  # without images/ and the part
            pairs.append(Pair(source or "all", image, mask))
    used = {pair.mask for pair in pairs}
    return Found(pairs, layout, part is not None, tuple(lonely), tuple(m for m in masks if m not in used))


def key(path: Path, folder: Path) -> str:
    """What a picture and its mask share: the sub-folders below images/ or masks/, and the stem."""
    parts = path.relative_to(folder).with_suffix("").parts
    return "/".join(parts[1:] if len(parts) > 1 else parts).lower()


def list_images(folder: Path) -> list[Path]:
    """The pictures directly in a folder, sorted by name."""
    return sorted(p for p in folder.iterdir() if is_picture(p))


def pictures_under(folder: Path) -> list[Path]:
    """The pictures in a folder and all its sub-folders, sorted by path."""
    return sorted(p for p in folder.rglob("*") if is_picture(p))


def is_picture(path: Path) -> bool:
    """By name; hidden files are not, among them what macOS leaves on foreign disks (._00001.png)."""
    return path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file()


def read_list(path: Path, picture: str = "image") -> list[Pair]:
    """Read a CSV with the columns image,mask[,source][,sure]; raises DataError for what is not one.

    picture: the column of the pictures' files.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as f:  # spreadsheets put a byte order mark in front
            rows = list(csv.DictReader(f))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise DataError(f"cannot read the list {path}: {e}") from e
    if not rows or not {picture, "mask"} <= set(rows[0]):
        raise DataError(f"{path} needs a header with the columns {picture},mask and at least one row")
    pairs = []
    for number, row in enumerate(rows, start=2):
        if not row[picture] or not row["mask"]:
            raise DataError(f"{path}, line {number}: {picture} or mask is empty")
        image, mask = path.parent / row[picture], path.parent / row["mask"]
        sure = path.parent / row["sure"] if row.get("sure") else None
        pairs.append(Pair(row.get("source") or "all", image, mask, sure))
    files = (p for pair in pairs for p in (pair.image, pair.mask, pair.sure) if p)
    missing = [shorten(str(p)) for p in files if not is_there(p)]
    if missing:
        raise DataError(f"{path} names files that are not there (paths are relative to the list): {several(missing)}")
    return pairs


def is_there(path: Path) -> bool:
    """Whether it is a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be looked into
        return False


def hold_out(pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(for training, for validation): about every 20th by sorted name, 1 to 200 of them; none of a single pair."""
    count = min(MOST_HELD_OUT, max(1, len(pairs) // HELD_OUT_EVERY)) if len(pairs) > 1 else 0
    names = sorted(range(len(pairs)), key=lambda i: (str(pairs[i].image), i))
    held = {names[i * len(names) // count] for i in range(count)}
    return [p for i, p in enumerate(pairs) if i not in held], [pairs[i] for i in sorted(held)]


def several(problems: Iterable[str], shown: int = 4) -> str:
    """The first few of many problems, one a line, for an error message."""
    lines = list(problems)
    more = [f"... and {len(lines) - shown} more"] if len(lines) > shown else []
    return "".join(f"\n  {line}" for line in lines[:shown] + more)


def shorten(text: str, most: int = 200) -> str:
    """The text with its middle left out when it is very long."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"
