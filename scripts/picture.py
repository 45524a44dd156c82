"""Draws docs/demo.jpg for the README: frames of the demo clip, on a beach, blurred, and their alpha."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from rtseg import Pipeline
from rtseg.sources.opening import open_source

CHOSEN = (60, 176)  # frames of the clip
WIDTH = 400  # pixels of one tile
TARGET = Path(__file__).parent.parent / "docs" / "demo.jpg"


def main() -> None:
    beach, blur = Pipeline(background="beach.jpg"), Pipeline(blur=30)
    rows = []
    with open_source("demo") as source:
        for frame in source:
            composite, blurred = beach(frame.image), blur(frame.image)
            if frame.index in CHOSEN:
                alpha = cv2.cvtColor(np.rint(beach.alpha * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
                rows.append(np.hstack([frame.image, composite, blurred, alpha]))
    picture = np.vstack(rows)
    height = round(picture.shape[0] * 4 * WIDTH / picture.shape[1])
    small = cv2.resize(picture, (4 * WIDTH, height), interpolation=cv2.INTER_AREA)
    TARGET.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(TARGET), small, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
