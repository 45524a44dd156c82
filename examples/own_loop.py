"""Your own loop around OpenCV: python examples/own_loop.py [CAMERA OR FILE] (none: camera 0; Ctrl-C ends it)"""

import sys

import cv2

from rtseg import Pipeline

source = sys.argv[1] if len(sys.argv) > 1 else "0"
capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
with Pipeline(background="beach.jpg", model="fast") as pipe:
    while True:
        good, frame_bgr = capture.read()
        if not good:
            break
        composite = pipe(frame_bgr)  # show, send or write this one
        print(f"{composite.shape[1]}x{composite.shape[0]}: {sum(pipe.timings.values()):.1f} ms", end="\r")
print()
