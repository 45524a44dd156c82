"""Draws the README's pictures from the demo clip: docs/demo.jpg, stills, and docs/demo.webp, before and after."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from rtseg import Pipeline
from rtseg.arrays import U8
from rtseg.sources.opening import open_source

DOCS = Path(__file__).parent.parent / "docs"
CHOSEN = (60, 176)  # frames of the clip that become stills
WIDTH = 400  # pixels of one tile
EVERY, FRAMES = 3, 80  # of the clip's frames, and how many of these the animation has
FPS, QUALITY = 10, 60
ON, BLURRED = "beach.jpg", 30.0


def main() -> None:
    beach, blur = Pipeline(background=ON), Pipeline(blur=BLURRED)
    rows, animation = [], []
    with open_source("demo") as source:
        for frame in source:
            composite, blurred = beach(frame.image), blur(frame.image)
            if frame.index in CHOSEN:
                alpha = cv2.cvtColor(np.rint(beach.alpha * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
                rows.append(np.hstack([frame.image, composite, blurred, alpha]))
            if frame.index % EVERY == 0 and len(animation) < FRAMES:
                after = composite if len(animation) < FRAMES // 2 else blurred
                animation.append(wiped(frame.image, after, len(animation) / (FRAMES // 2)))
    picture = np.vstack(rows)
    height = round(picture.shape[0] * 4 * WIDTH / picture.shape[1])
    small = cv2.resize(picture, (4 * WIDTH, height), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(DOCS / "demo.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, 88])
    save(animation, DOCS / "demo.webp")


def wiped(before: U8, after: U8, turn: float) -> U8:
    """Both pictures (uint8 HxWx3 BGR) either side of a line that goes from the right edge to the left and back."""
    width = before.shape[1]
    line = round(width * (0.5 + 0.55 * math.cos(2 * math.pi * turn)))
    out = after.copy()
    out[:, : max(0, line)] = before[:, : max(0, line)]
    if 0 < line < width:
        cv2.line(out, (line, 0), (line, before.shape[0]), (255, 255, 255), 2)
    return out


def save(pictures: list[U8], path: Path) -> None:
    """An animated WebP that starts again without an end."""
    animation = cv2.Animation()
    animation.frames, animation.durations = pictures, [1000 // FPS] * len(pictures)
    cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])


if __name__ == "__main__":
    main()
