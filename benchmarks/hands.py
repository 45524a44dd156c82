"""What is missing of people who move their hands, and what of the room is shown, by clips that two segmenters agree on.

python train/recipes/clip_frames.py RVM.onnx OPINIONS CLIPS...     # in an environment of its own, see there
python benchmarks/hands.py balanced quality my.onnx --opinions OPINIONS --clips CLIPS... --json hands.json

Every frame is run as `rtseg cam` runs it; of those of which there is an opinion, what counts is pixels that both
segmenters call person and where alpha is below a half, and pixels that both call room and where it is above.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from rtseg import Pipeline
from rtseg.arrays import U8
from rtseg.errors import DataError, RtsegError
from rtseg.files import write_json

CLEAR = 0.9  # of 255: from this the label is a person, below the rest room
RIM = np.ones((9, 9), np.uint8)  # pixels within 4 of what is not so clear do not count
MANY = 300  # pixels: a hand, at 640x480


def clear(opinions: Path, clip: Path, number: int) -> tuple[U8, U8] | None:
    """Where a frame surely shows a person and where the room, uint8 HxW 0 or 1; None without an opinion of it."""
    name = f"{clip.stem}_{number:04d}.png"
    label, sure = (cv2.imread(str(opinions / kind / name), cv2.IMREAD_GRAYSCALE) for kind in ("masks", "sures"))
    if label is None or sure is None:
        return None
    person, room = (label >= CLEAR * 255) & (sure == 255), (label <= (1 - CLEAR) * 255) & (sure == 255)
    eroded = [np.asarray(cv2.erode(where.astype(np.uint8), RIM), np.uint8) for where in (person, room)]
    return eroded[0], eroded[1]


def measure(model: str, opinions: Path, clips: list[Path]) -> dict[str, float]:
    """Means over all frames with an opinion. Raises DataError for a clip that has none of them."""
    counts: list[list[int]] = []
    pipe = Pipeline(background="#000000", model=model, provider="cpu", threads=1)
    for clip in clips:
        pipe.reset()
        capture, number, before = cv2.VideoCapture(str(clip)), 0, len(counts)
        while (read := capture.read())[0]:
            pipe(np.asarray(read[1], np.uint8))
            if found := clear(opinions, clip, number):
                person, room = found
                counts.append([int((person & (pipe.alpha < 0.5)).sum()), int((room & (pipe.alpha > 0.5)).sum())])
            number += 1
        if len(counts) == before:
            raise DataError(f"{opinions} has no opinion of any of the {number} frames of {clip}; see clip_frames.py")
    missing, shown = np.array(counts).T
    return {
        "frames": len(counts),
        "missing": float(missing.mean()),
        "with_much_missing": float((missing > MANY).mean()),
        "shown": float(shown.mean()),
        "with_much_shown": float((shown > MANY).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--opinions", type=Path, required=True, help="what clip_frames.py wrote of the clips")
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    try:
        results = {}
        for model in given.models:
            row = results[model] = measure(model, given.opinions, given.clips)
            missing = f"{row['missing']:.1f} pixels of the person missing ({row['with_much_missing']:.1%})"
            shown = f"{row['shown']:.1f} of the room shown ({row['with_much_shown']:.1%})"
            print(f"{model}, {row['frames']} frames (over {MANY} in): {missing}, {shown}", flush=True)
        if given.json:
            write_json(given.json, {"clips": [clip.name for clip in given.clips], "models": results})
    except RtsegError as e:
        raise SystemExit(f"error: {e}") from e


if __name__ == "__main__":
    main()
