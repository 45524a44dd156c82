"""Cut-outs: people with exact alpha, which are put before backgrounds as they are, without softening the edge.

A folder of transparent pictures (PNG with alpha, as photo editors and background removers save them), a folder with
fg/ and masks/ (or fgr/ and pha/, as matting sets have them, also in train/), or a list with fg,mask[,source].
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg_train.dataset import Found, Pair, Sets, find_pairs, find_sets, inside, looking_into, match, read_list
from rtseg_train.folders import MASK_FILES, MASKS, SPLITS, Layout, layout_of, part_of, pictures_under, subfolder
from rtseg_train.inspect_data import Finding, doubts_of
from rtseg_train.masks import Mask, decode, read_pair
from rtseg_train.tables import has_columns

FOREGROUNDS = ("fg", "fgr", "foreground", "foregrounds")  # names of folders
SOLID = 16  # alpha from which a pixel's colour is believed: below, eight bits have rounded it away
SEEN = 127  # alpha that somebody has somewhere
SHARP = 0.002  # share of a cut-out between 5 % and 95 %, below which its edge was cut without softness
HOW = "a cut-out is a picture whose background is transparent, a PNG with alpha"
OTHERWISE = "a folder with pictures in fgr/ and their alpha in pha/, or a list with the columns fg,mask"


def is_cutouts(path: Path) -> bool:
    """Whether a list or folder holds cut-outs and no labelled pictures."""
    path = inside(path)
    with looking_into(path):
        if path.is_file():
            return has_columns(path, ("fg", "mask"))
        if not path.is_dir() or layout_of(path) or any(part_of(path, split) for split in ("train", "val")):
            return False
        return pairs_of_layers(path) is not None or any(map(may_be_transparent, pictures_under(path)[:1]))


def find_with_cutouts(train: str, val: str | None, person: str | None, more: str | None) -> tuple[Sets, Found]:
    """What `find_sets` finds, and the cut-outs: those of `more`, and `train` itself where it holds cut-outs.

    Raises DataError as `find_sets` and `find_cutouts` do.
    """
    cutouts = find_cutouts(Path(more)) if more else Found([], "none")
    if not is_cutouts(Path(train)):
        return find_sets(Path(train), val, person), cutouts
    own, checked = find_cutouts(Path(train)), Found([], "none: give labelled pictures with --val")
    if val and val != "none":
        checked = find_pairs(Path(val), "val", person)
    return Sets(Found([], "cut-outs alone"), checked), replace(own, pairs=own.pairs + cutouts.pairs)


def find_cutouts(path: Path) -> Found:
    """The cut-outs in a list or folder, in a fixed order; raises DataError when there are none.

    Of a transparent picture both files of the pair are the picture itself.
    """
    path = inside(path)
    with looking_into(path):
        if path.is_file():
            return replace(read_list(path, "fg"), layout="a list of cut-outs")
        if not path.is_dir():
            raise DataError(f"cut-outs: there is no file or folder {path}")
        found = pairs_of_layers(path)
        if found is None:
            files = [p for p in pictures_under(path) if may_be_transparent(p)]
            sources = ("/".join(p.relative_to(path).parent.parts) or "cut-outs" for p in files)
            pairs = [Pair(source, file, file) for source, file in zip(sources, files, strict=True)]
            others = tuple(p for p in pictures_under(path) if p not in set(files))
            found = Found(pairs, "transparent pictures", lonely_images=others, transparent=True)
    if not found.pairs:
        raise DataError(f"{path} holds no cut-outs: {HOW}; or give {OTHERWISE}")
    return found


def pairs_of_layers(folder: Path) -> Found | None:
    """What is in fg/ and masks/, or in the training part of a split set; None where there are none."""
    foregrounds, masks = subfolder(folder, FOREGROUNDS), subfolder(folder, MASKS)
    if not foregrounds or not masks:
        part = subfolder(folder, SPLITS["train"])
        found = pairs_of_layers(part) if part else None
        return replace(found, layout=f"{found.layout} in {part.name}/") if part and found else None
    layout = Layout(foregrounds, masks, f"cut-outs in {foregrounds.name}/ and {masks.name}/")
    return match(pictures_under(foregrounds), pictures_under(masks, MASK_FILES), layout)


def may_be_transparent(path: Path) -> bool:
    """By its header; a file that can't be read counts, so that it is told."""
    try:
        with Image.open(path) as picture:
            return picture.has_transparency_data
    except (OSError, ValueError, SyntaxError):
        return True


def read_cutout(pair: Pair) -> tuple[U8, U8]:
    """(uint8 HxWx3 BGR, uint8 HxW alpha 0..255) of a cut-out; raises DataError for what is none.

    Beyond the edge the colours are those of the nearest pixel of the person, whatever the file has there.
    """
    if pair.image != pair.mask:
        image, alpha = read_pair(pair)
    else:
        image, alpha = read_transparent(pair.image)
    if int(alpha.max()) <= SEEN:
        raise DataError(f"{pair.mask} is transparent all over: nobody is in it")
    return image, alpha


def read_transparent(path: Path) -> tuple[U8, U8]:
    """`read_cutout` for a picture with alpha."""
    raw = decode(path)[0]
    if raw.ndim != 3 or raw.shape[2] != 4 or int(raw[..., 3].min()) == np.iinfo(raw.dtype).max:
        raise DataError(f"{path} has no transparency: {HOW}")
    layers: U8 = raw if raw.dtype == np.uint8 else np.rint(raw / 257).astype(np.uint8)
    alpha = np.ascontiguousarray(layers[..., 3])
    return carried_outward(layers[..., :3], alpha), alpha


def carried_outward(image: U8, alpha: U8) -> U8:
    """The picture HxWx3 with the colour of the nearest solid pixel wherever alpha is next to nothing.

    Editors leave black, white or the old room there, and whatever resizes the picture mixes that into the edge.
    """
    solid = alpha >= min(SOLID, int(alpha.max()))
    labels = cv2.distanceTransformWithLabels((~solid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[
        1
    ]
    where = np.zeros(int(labels.max()) + 1, np.intp)
    where[labels[solid]] = np.flatnonzero(solid)
    return np.ascontiguousarray(image.reshape(-1, 3)[where[labels]])


def look_at_cutout(pair: Pair) -> tuple[Finding, U8, U8]:
    """As `look` for labelled pictures: what it turned out to be, its colours and its alpha; 0x0 when unusable."""
    try:
        image, alpha = read_cutout(pair)
    except DataError as e:
        nothing = np.zeros((0, 0), np.uint8)
        return Finding(pair, str(e)), nothing, nothing
    height, width = alpha.shape
    person = round(float(np.count_nonzero(alpha > SEEN)) / alpha.size, 4)
    soft = float(np.mean((alpha > 12) & (alpha < 243)))
    doubts = [d for d in doubts_of(Mask(alpha, "soft", ()), person) if d != "looks inverted"]
    doubts += ["a hard edge, without half-transparent pixels"] if soft < SHARP and person < 1 else []
    return Finding(pair, "", (width, height), "soft", (), person, tuple(doubts)), image, alpha
