"""Pull rough labels towards a second opinion near their edge, and write the list to train on.

Hand-made masks of different sources disagree by 1 to 3 pixels about where a person ends, each in its own
way. Near the label's edge this mixes in what another segmenter says of the same picture, refined by the
edge filter; away from the edge the label stands, whatever the other says.

python train/recipes/second_opinion.py DATA/train.csv OPINIONS OUT [MORE.csv ...]

OPINIONS is from mediapipe_opinion.py; further lists are taken as they are.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.pixels.composite import full_alpha
from rtseg.pixels.geometry import network_size
from rtseg.pixels.matte import fit_coefficients, grey_of
from rtseg.pixels.shrink import shrink

SHARE = 0.6  # of the second opinion at the edge
BAND = 0.025  # of the picture's diagonal: where its share has fallen to nothing
AREA = 57344  # pixels at which the edge filter works
EXACT = ("aisegment",)  # sources whose labels are better than any opinion


def refine(image: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """The edge filter on a coarse alpha (float32 HxW), as the runtime applies it."""
    h, w = alpha.shape
    size = network_size(w, h, AREA)
    small = shrink(image, size)
    grey = grey_of(small)
    a, b = fit_coefficients(grey, cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))
    out = np.empty((h, w), np.float32)
    full_alpha(image, a, b, out)
    return out


def mix(label: NDArray[np.uint8], opinion: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The label (0..255) with up to SHARE of the opinion (0..1) where its edge is near."""
    person = (label > 127).astype(np.uint8)
    reach = BAND * float(np.hypot(*label.shape))
    inside, outside = (np.minimum(cv2.distanceTransform(m, cv2.DIST_L2, 5), reach) for m in (person, 1 - person))
    # Where most of the neighbourhood differs the opinion has missed a limb or seen another person.
    window = (2 * round(reach) + 1,) * 2
    differs = cv2.blur(((opinion > 0.5) != (person > 0)).astype(np.float32), window)
    share = SHARE * np.clip(2 - 2 * np.maximum(inside, outside) / reach, 0, 1) * np.clip(2 - 5 * differs, 0, 1)
    return np.rint(label * (1 - share) + 255 * opinion * share).astype(np.uint8)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a list with the columns source,image,mask."""
    with path.open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def main(train_list: Path, opinions: Path, out: Path, *more: Path) -> None:
    """Write the mixed masks below `out`, and out/train.csv with absolute paths."""
    rows = []
    for row in read_rows(train_list):
        image_file, mask_file, other = (
            train_list.parent / row["image"],
            train_list.parent / row["mask"],
            opinions / row["mask"],
        )
        label = cv2.imread(str(mask_file), cv2.IMREAD_GRAYSCALE)
        if row["source"] not in EXACT and label.any() and other.is_file():
            image = cv2.imread(str(image_file))
            opinion = cv2.imread(str(other), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
            mask_file = out / row["mask"]
            mask_file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(mask_file), mix(label, refine(image, opinion)))
        rows.append({"source": row["source"], "image": image_file.resolve(), "mask": mask_file.resolve()})
    for path in more:
        for row in read_rows(path):
            files = {key: (path.parent / row[key]).resolve() for key in ("image", "mask")}
            rows.append({"source": row["source"], **files})
    with (out / "train.csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, ["source", "image", "mask"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("give DATA/train.csv OPINIONS OUT [MORE.csv ...]")
    main(*map(Path, sys.argv[1:]))
