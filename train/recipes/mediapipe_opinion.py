"""Write what MediaPipe's selfie segmenter says of every labelled picture: the opinions for second_opinion.py.

Each picture is segmented as it is and mirrored, and so is the crop around its label, where a small person is
seen at a larger size; the crop counts twice. Needs mediapipe 0.10.21 (Apache-2.0; its selfie segmenter too) in an
environment of its own, because it wants numpy 1: `python -m venv mp; mp/bin/pip install mediapipe==0.10.21`.

mp/bin/python train/recipes/mediapipe_opinion.py DATA/train.csv OPINIONS   (writes OPINIONS/<mask's path in the list>)
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

MARGIN, MARGIN_PIXELS = 0.12, 6  # around the label, of its width and height, plus pixels: what the crop shows
WHOLE = 0.8  # share of the picture from which a crop would show nothing new


def segment(segmenter: Any, image: np.ndarray) -> np.ndarray:
    """Alpha float32 HxW of a picture uint8 HxWx3 BGR: the mean of it and its mirror image."""
    alphas = []
    for rgb in (image[..., ::-1], image[:, ::-1, ::-1]):
        segmenter.reset()
        alphas.append(segmenter.process(np.ascontiguousarray(rgb)).segmentation_mask)
    return ((alphas[0] + alphas[1][:, ::-1]) / 2).astype(np.float32)


def window(label: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the label's person with a margin."""
    slices = []
    for axis, length in zip((1, 0), label.shape, strict=True):
        inside = np.flatnonzero((label > 127).any(axis))
        low, high = inside[0], inside[-1] + 1
        margin = MARGIN * (high - low) + MARGIN_PIXELS
        slices.append(slice(int(max(0, low - margin)), int(min(length, high + margin))))
    return slices[0], slices[1]


def opinion(segmenter: Any, image: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Alpha float32 HxW of a labelled picture, whole and cropped."""
    alpha = segment(segmenter, image)
    crop = window(label)
    if image[crop][..., 0].size < WHOLE * label.size:
        alpha[crop] = (alpha[crop] + 2 * segment(segmenter, image[crop])) / 3
    return alpha


def read(path: Path, flags: int) -> np.ndarray:
    picture = cv2.imread(str(path), flags)
    if picture is None:
        sys.exit(f"cannot read the picture {path}")
    return picture


def main(pictures: Path, out: Path) -> None:
    """Write OUT/<mask> for every row of the list whose label has anybody in it."""
    try:
        import mediapipe
    except ImportError as e:
        sys.exit(f"{sys.executable} has no mediapipe ({e}); see the first lines of {Path(__file__).name}")
    segmenter = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
    with pictures.open(newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    written = 0
    for row in rows:
        label = read(pictures.parent / row["mask"], cv2.IMREAD_GRAYSCALE)
        if not (label > 127).any():
            continue
        alpha = opinion(segmenter, read(pictures.parent / row["image"], cv2.IMREAD_COLOR), label)
        target = out / row["mask"]
        target.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(target), np.clip(np.rint(alpha * 255), 0, 255).astype(np.uint8)):
            sys.exit(f"cannot write {target}")
        written += 1
    print(f"{written} opinions on {len(rows)} pictures in {out}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} LIST OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
