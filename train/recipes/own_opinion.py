"""Write what a model of ours says of every labelled picture: opinions for second_opinion.py, ours to ship.

Each picture is segmented as it is and mirrored, at the area that `rtseg apply` has for pictures.

python train/recipes/own_opinion.py DATA/train.csv OPINIONS [MODEL]      writes OPINIONS/<mask's path in the list>
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np

from rtseg import Pipeline
from rtseg.still import still_area


def main(pictures: Path, out: Path, model: str) -> None:
    """Write OUT/<mask> for every row of the list whose label has anybody in it."""
    pipeline = Pipeline(background="#000000", model=model, threads=1)
    pipeline.follow = False
    pipeline.area = still_area(pipeline.model.info.area)
    with pictures.open(newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    for row in rows:
        image = cv2.imread(str(pictures.parent / row["image"]))
        if not (cv2.imread(str(pictures.parent / row["mask"]), cv2.IMREAD_GRAYSCALE) > 127).any():
            continue
        alphas = []
        for frame in (image, np.ascontiguousarray(image[:, ::-1])):
            pipeline.reset()
            pipeline(frame)
            alphas.append(pipeline.alpha.copy())
        target = out / row["mask"]
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), np.rint(127.5 * (alphas[0] + alphas[1][:, ::-1])).astype(np.uint8))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(f"usage: {sys.argv[0]} LIST OUT [MODEL]")
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) == 4 else "quality")
