"""MediaPipe's side of peers.py: whole frames through its Python API; runs in MediaPipe's own interpreter.

python mediapipe_frames.py THREADS    see block_server.py for what it reads and writes
"""

from __future__ import annotations

import sys
from functools import lru_cache
from itertools import count
from pathlib import Path

import block_server
import cv2
import pixel_ways

SELECTIONS = {"general": 0, "landscape": 1}  # of the older API, mp.solutions
# The models that are in the wheel do for the newer API, mp.tasks, as well.
FOLDER = "modules/selfie_segmentation"
FRAME_MS = 33  # between the time stamps that mp.tasks asks for


@lru_cache  # one serves all ways: a dozen of them at 4K would take gigabytes
def solution(name: str):
    """frame_bgr -> mask float32 HxW, by mp.solutions."""
    import mediapipe

    segmenter = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=SELECTIONS[name])

    def mask(frame_bgr):
        frame_rgb = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB)
        frame_rgb.flags.writeable = False  # passes it on without a copy
        return segmenter.process(frame_rgb).segmentation_mask

    return mask


@lru_cache
def task():
    """The same by mp.tasks, with the landscape model."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    model = Path(mediapipe.__file__).parent / FOLDER / "selfie_segmentation_landscape.tflite"
    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.VIDEO,
        output_confidence_masks=True,
        output_category_mask=False,
    )
    segmenter = vision.ImageSegmenter.create_from_options(options)
    stamps = count(0, FRAME_MS)

    def mask(frame_bgr):
        frame_rgb = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB)
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame_rgb)
        return segmenter.segment_for_video(image, next(stamps)).confidence_masks[0].numpy_view()

    return mask


CONTENDERS = [f"MediaPipe {name}, {way}" for name in ("general", "landscape") for way in ("example", "OpenCV")]
CONTENDERS += ["MediaPipe tasks, OpenCV", "MediaPipe tasks, hard cut"]


def make(contender, background):
    name, way = contender.removeprefix("MediaPipe ").split(", ")
    mask, blend = task() if name == "tasks" else solution(name), pixel_ways.ways()[way]
    return lambda frame_bgr: blend(frame_bgr, mask(frame_bgr), background)


def main(threads: int) -> None:
    block_server.hold_to(threads)
    answers = block_server.claim_stdout()
    try:
        import mediapipe
    except ImportError as e:
        sys.exit(f"{e}; install mediapipe==0.10.21 there")
    cv2.setNumThreads(threads)
    block_server.serve(CONTENDERS, {"mediapipe": mediapipe.__version__}, make, answers)


if __name__ == "__main__":
    main(int(sys.argv[1]))
