"""Pull rough labels towards second opinions near their edge, say what is in doubt, and write the list to train on.

Hand-made masks of different sources disagree by 1 to 3 pixels about where a person ends, each in its own way. Near the
label's edge this mixes in what other segmenters say of the same picture; away from the edge the label stands. Where the
opinions contradict the label or each other, the pixel is believed less: a second picture, the column `sure`, says so.

python train/recipes/second_opinion.py DATA/train.csv OUT --opinions FOLDER[:WEIGHT] ... [--more LIST ...]

A folder of opinions holds FOLDER/<mask's path in the list>. One from mediapipe_opinion.py is coarse: name it with
`--coarse FOLDER[:WEIGHT]`, and the edge filter refines it first. --more: further lists, taken as they are.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np

from rtseg.arrays import F32, U8
from rtseg.pixels.composite import full_alpha
from rtseg.pixels.geometry import network_size
from rtseg.pixels.matte import fit_coefficients
from rtseg.pixels.shrink import shrink

SHARE = 0.75  # of the opinions at the edge, unless told
BAND = 0.025  # of the picture's diagonal: where their share has fallen to nothing
DOUBTED = 0.3  # how far a pixel is believed where the opinions agree with each other and not with the label
AREA = 57344  # pixels at which the edge filter works
EXACT = ("aisegment",)  # sources whose labels are better than any opinion


def refine(image: U8, alpha: F32) -> F32:
    """The edge filter on a coarse alpha (float32 HxW), as the runtime applies it."""
    h, w = alpha.shape
    size = network_size(w, h, AREA)
    small = shrink(image, size)
    out = np.empty((h, w), np.float32)
    full_alpha(image, fit_coefficients(small, cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)), out)
    return out


def mix(label: U8, opinions: list[tuple[F32, float]], most: float = SHARE) -> tuple[U8, U8]:
    """(label, sure), uint8 HxW: the label (0..255) with up to `most` of the opinions where its edge is near.

    opinions: (float32 HxW in 0..1, weight).
    """
    person = label > 127
    total = sum(weight for _, weight in opinions)
    opinion = np.asarray(sum(alpha * (weight / total) for alpha, weight in opinions), np.float32)
    reach = BAND * float(np.hypot(*label.shape))
    distances = [cv2.distanceTransform(m.astype(np.uint8), cv2.DIST_L2, 5) for m in (person, ~person)]
    near = np.clip(2 - 2 * np.minimum(np.maximum(*distances), reach) / reach, 0, 1)
    # Where most of the neighbourhood differs the opinions have missed a limb or seen another person.
    window = (2 * round(reach) + 1,) * 2
    differs = cv2.blur(((opinion > 0.5) != person).astype(np.float32), window)
    share = most * near * np.clip(2 - 5 * differs, 0, 1)
    mixed = label * (1 - share) + 255 * opinion * share
    against = np.minimum.reduce([np.abs(alpha - label / 255) for alpha, _ in opinions])  # all of them say otherwise
    doubt = np.clip(2 * against - 0.5, 0, 1) * (1 - share / most)
    if len(opinions) > 1:  # at the edge, where they contradict each other
        apart = np.abs(opinions[0][0] - opinions[1][0])
        doubt = np.maximum(doubt, np.clip(2 * apart - 1, 0, 1) * near * 0.7)
    return np.rint(mixed).astype(np.uint8), np.rint(255 * (1 - (1 - DOUBTED) * doubt)).astype(np.uint8)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a list with the columns source,image,mask."""
    with path.open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def weighted(text: str) -> tuple[Path, float]:
    """FOLDER:WEIGHT, or FOLDER alone with the weight 1."""
    path, _, weight = text.rpartition(":")
    return (Path(path), float(weight)) if path else (Path(text), 1.0)


def opinions_on(row: dict[str, str], image: U8, folders: list[tuple[Path, float, bool]]) -> list[tuple[F32, float]]:
    """Those that there are on the picture, with their weights."""
    found = []
    for folder, weight, coarse in folders:
        if (folder / row["mask"]).is_file():
            alpha = cv2.imread(str(folder / row["mask"]), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
            found.append((refine(image, alpha) if coarse else alpha, weight))
    return found


def main(train_list: Path, out: Path, folders: list[tuple[Path, float, bool]], more: list[Path], most: float) -> None:
    """Write mixed masks and what is sure of them below `out`, and out/train.csv with absolute paths."""
    rows = []
    for row in read_rows(train_list):
        image_file, mask_file, sure_file = train_list.parent / row["image"], train_list.parent / row["mask"], ""
        label = cv2.imread(str(mask_file), cv2.IMREAD_GRAYSCALE)
        image = cv2.imread(str(image_file))
        opinions = opinions_on(row, image, folders) if row["source"] not in EXACT and label.any() else []
        if opinions:
            mask_file, sure_file = out / row["mask"], str((out / "sure" / row["mask"]).resolve())
            for path, picture in zip((mask_file, Path(sure_file)), mix(label, opinions, most), strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), picture)
        files = {"image": image_file.resolve(), "mask": mask_file.resolve(), "sure": sure_file}
        rows.append({"source": row["source"], **files})
    for path in more:
        for row in read_rows(path):
            files = {key: (path.parent / row[key]).resolve() for key in ("image", "mask", "sure") if row.get(key)}
            rows.append({"source": row["source"], **files})
    with (out / "train.csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, ["source", "image", "mask", "sure"], restval="")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train_list", type=Path)
    parser.add_argument("out", type=Path)
    for option in ("--opinions", "--coarse"):
        parser.add_argument(option, type=weighted, nargs="*", default=[], metavar="FOLDER[:WEIGHT]")
    parser.add_argument("--more", type=Path, nargs="*", default=[], metavar="LIST")
    parser.add_argument("--share", type=float, default=SHARE, help="of the opinions at the edge (default %(default)s)")
    given = parser.parse_args()
    folders = [(*f, False) for f in given.opinions] + [(*f, True) for f in given.coarse]
    main(given.train_list, given.out, folders, given.more, given.share)
