"""One picture before several backgrounds, one file each: python examples/backgrounds.py me.jpg beach.jpg red blur"""

import sys
from pathlib import Path

import cv2

from rtseg import BackgroundError, Pipeline

picture, *backgrounds = sys.argv[1:]
frame_bgr = cv2.imread(picture)
with Pipeline(model="quality") as pipe:
    pipe.smoothing = False  # each picture by itself
    for background in backgrounds:
        try:
            pipe.change(background)
        except BackgroundError as e:
            print(f"left out: {e}")
            continue
        target = f"{Path(picture).stem}-{Path(background).stem}.png"
        cv2.imwrite(target, pipe(frame_bgr))
        print(f"wrote {target}")
