"""MediaPipe's side of quality_peers.py: its selfie segmenter on frames from a pipe; runs in an interpreter of its own.

python mediapipe_pipe.py general|landscape    reads a line of JSON, [height, width] and then so many bytes of BGR, or
null to forget the frames so far; answers each frame with float32 HxW, and at first with a line of versions
"""

from __future__ import annotations

import json
import sys

import block_server
import cv2
import numpy as np
from mediapipe_frames import SELECTIONS


def main(name: str) -> None:
    text = block_server.claim_stdout()  # closed with the last name of it
    answers = text.buffer
    try:
        import mediapipe
    except ImportError as e:
        sys.exit(f"{e}; install mediapipe==0.10.21 there")
    segmenter = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=SELECTIONS[name])
    answers.write(json.dumps({"mediapipe": mediapipe.__version__}).encode() + b"\n")
    answers.flush()
    while line := sys.stdin.buffer.readline():
        shape = json.loads(line)
        if shape is None:
            segmenter.reset()
            continue
        frame_bgr = np.frombuffer(sys.stdin.buffer.read(shape[0] * shape[1] * 3), np.uint8).reshape(*shape, 3)
        alpha = segmenter.process(cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB)).segmentation_mask
        answers.write(alpha.astype(np.float32).tobytes())
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
