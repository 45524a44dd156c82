"""Find the labelled pictures: a CSV list, pictures beside their masks, or folders of images and masks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rtseg.errors import DataError
from rtseg.formats import PICTURES
from rtseg_train.classes import Person
from rtseg_train.folders import MASK_ENDINGS, SPLITS, Layout, layout_of, part_of
from rtseg_train.metrics import UNNAMED
from rtseg_train.tables import Files, read_table

LAYOUTS = """it takes
  a CSV list with the columns image,mask[,source], paths relative to the list
  a folder with pictures beside their masks: 00001.png and 00001_matte.png (or 00001_mask.png)
  a folder with images/ and masks/ inside: images/anna.jpg (or imgs/anna.jpg) and masks/anna.png
  a folder with NAME/ and NAME_masks/ inside, such as train/ and train_masks/
All kinds of folder may be split in two: training/ and testing/, or train/ and val/."""
MANY_MISSING = 10_000  # rows; when the files of so many are not there, and of fewer are, the rest is not read
MOST_MISSING = 0.5  # share of a list's rows whose files may be missing: above, the list looks in the wrong place
HELD_OUT_EVERY, MOST_HELD_OUT = 20, 200  # pictures


@dataclass(frozen=True)
class Pair:
    """One labelled picture."""

    source: str
    image: Path
    mask: Path
    sure: Path | None = None  # grey: how far the mask is to be believed; None: wholly
    person: Person | None = None  # which of a mask's classes are the person, where it has classes


@dataclass(frozen=True)
class Found:
    """What is in a list or folder. Pictures and masks without partner are only in a folder."""

    pairs: list[Pair]
    layout: str  # in words, for one line
    split: bool = False  # only the part asked for; else the whole set, whatever was asked for
    lonely_images: tuple[Path, ...] = ()
    lonely_masks: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()  # what a list names and is not there
    transparent: bool = False  # the pictures are their own masks: cut-outs


@dataclass(frozen=True)
class Sets:
    """What a run trains on and what it is validated on."""

    train: Found
    val: Found
    held_out: bool = False  # the validation pictures were taken from the training set


def find_sets(train: Path, val: str | None, person: str | None = None) -> Sets:
    """The training set, and the validation set: `val` (a list or folder; "none" for none), else the set's own
    part for it, else what `hold_out` takes from the training set. Raises DataError as `find_pairs` does.
    """
    train = inside(train)
    found = find_pairs(train, person=person)
    if val == "none":
        return Sets(found, Found([], "none, as asked"))
    if val:
        return Sets(found, find_pairs(Path(val), "val", person))
    if found.split and part_of(train, "val"):
        return Sets(found, find_pairs(train, "val", person))
    kept, held = hold_out(found.pairs)
    layout = f"held out, every {HELD_OUT_EVERY}th by name; choose with --val" if held else "none: too few pictures"
    return Sets(replace(found, pairs=kept), Found(held, layout), bool(held))


def find_pairs(path: Path, split: str = "train", person: str | None = None) -> Found:
    """The labelled pictures in a CSV list or a folder, in a fixed order.

    split: "train", "val" or "test"; chooses the sub-folder where the set has such, and nothing where it has not.
    person: which numbers or colours of the masks are the person, see classes.py; None for masks that have none.
    Raises DataError for anything else, with the layouts that are accepted.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; choose from {', '.join(SPLITS)}")
    classes = None if person is None else Person.of(person)
    path = inside(path)
    with looking_into(path):
        if path.is_dir():
            found = find_in_folder(path, split)
        elif not path.exists():
            raise DataError(f"there is no file or folder {path}")
        else:
            found = read_list(path)
    return replace(found, pairs=[replace(pair, person=classes) for pair in found.pairs]) if classes else found


@contextlib.contextmanager
def looking_into(path: Path) -> Iterator[None]:
    """What the system says of a list or folder, as DataError."""
    try:
        yield
    except OSError as e:
        raise DataError(f"cannot look into {path}: {e}") from e


def find_in_folder(folder: Path, split: str) -> Found:
    """`find_pairs` for a folder."""
    layout = part_of(folder, split)
    if layout is None and any(part_of(folder, other) for other in SPLITS):
        raise DataError(f"{folder} has no part for {split}: none of the sub-folders {', '.join(SPLITS[split])}")
    layout = layout or layout_of(folder)
    if not layout:
        raise DataError(f"{folder} holds no labelled pictures in a known order; {LAYOUTS}")
    images, masks = layout.pictures()
    found = match(images, masks, layout)
    if not found.pairs:
        count = f"{len(images)} pictures ({', '.join(PICTURES)}) and {len(masks)} masks"
        raise DataError(f"{folder} has {count}, but none that belong together by name; {LAYOUTS}")
    return found


def match(images: list[Path], masks: list[Path], layout: Layout) -> Found:
    """Pairs of the same name (anna.jpg and anna_mask.png, mask_anna.png or anna.jpg.png), in the pictures' order.

    A sub-folder's name is the source of what is in it.
    """
    by_name = {key(mask, layout.masks): mask for mask in reversed(masks)}  # of two with one name the first counts
    pairs, lonely = [], []
    for image in images:
        names = [image, *(image.with_stem(image.stem + e) for e in MASK_ENDINGS)]
        names += [image.with_name(f"mask_{image.name}"), image.with_name(f"{image.name}.png")]
        mask = next((by_name.pop(k) for k in (key(n, layout.images) for n in names) if k in by_name), None)
        if mask is None:
            lonely.append(image)
        else:
            pairs.append(Pair("/".join(image.relative_to(layout.images).parent.parts) or UNNAMED, image, mask))
    used = {pair.mask for pair in pairs}
    return Found(pairs, layout.words, layout.split, tuple(lonely), tuple(m for m in masks if m not in used))


def inside(path: Path) -> Path:
    """The folder itself, or what is alone in it, as VOCdevkit/VOC2012/ and what archives unpack to."""
    with looking_into(path):
        while path.is_dir():
            found = [p for p in path.iterdir() if p.name[0] != "."]
            if len(found) != 1 or not found[0].is_dir() or found[0].name.lower() in sum(SPLITS.values(), ()):
                break
            path = found[0]
    return path


def key(path: Path, folder: Path) -> str:
    """What a picture and its mask share: the sub-folders and the stem."""
    return path.relative_to(folder).with_suffix("").as_posix().lower()


def read_list(path: Path, picture: str = "image") -> Found:
    """Read a list with the columns image,mask[,source][,sure], see tables.py; raises DataError for what is not one.

    picture: the column of the pictures' files.
    A list most of whose files are missing looks in the wrong place, and is refused; of others the rows are left out.
    """
    files, rows, again = Files(path.parent), 0, 0
    seen: set[tuple[Path | None, Path | None]] = set()
    pairs: list[Pair] = []
    missing: list[str] = []
    for number, row in read_table(path, (picture, "mask")):
        rows += 1
        if not row[picture] or not row["mask"]:
            raise DataError(f"{path}, line {number}: {picture} or mask is empty")
        named = [row[picture], row["mask"], row.get("sure", "")]
        image, mask, sure = (files.find(name) if name else None for name in named)
        if (image, mask) in seen:
            again += 1
        elif image and mask and (sure or not named[2]):
            seen.add((image, mask))
            pairs.append(Pair(row.get("source") or UNNAMED, image, mask, sure))
        else:
            missing += [shorten(n) for n, file in zip(named, (image, mask, sure), strict=True) if n and not file]
        if rows - len(pairs) - again == MANY_MISSING and len(pairs) < MANY_MISSING:
            break  # a million names that are not there: no need to look for each
    if not rows:
        raise DataError(f"{path} has a header, but no rows: it lists no pictures")
    if len(pairs) + again < rows * (1 - MOST_MISSING):
        what = (
            f"files that are not there in {rows - len(pairs) - again} of {rows} rows (paths are relative to the list)"
        )
        raise DataError(f"{path} names {what}: {several(missing)}")
    words = "a CSV list" + (f", {again} rows of which are there twice" if again else "")
    return Found(pairs, words, missing=tuple(missing))


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
    """The text with its middle left out when it is very long; what can't be printed in it is spelled out."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"
