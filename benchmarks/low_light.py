"""How much of a person is found in the dark: labelled pictures darkened to a peak, with a cheap camera's noise.

python benchmarks/low_light.py quality balanced my.onnx --list DATA/val.csv --step 3 --json low_light.json

Made, not filmed: levels to the power of 1.2 and then to PEAK of 255, normal noise in single pixels and in blotches of
three. Every picture is a first frame, run as `rtseg cam` runs it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from rtseg import Pipeline
from rtseg.arrays import U8, f32
from rtseg.errors import RtsegError
from rtseg.files import write_json
from rtseg_train.dataset import read_list
from rtseg_train.masks import read_pair
from rtseg_train.measures import iou

PEAKS = (255, 120, 70, 40)
NOISE = {255: 0.0, 120: 3.0, 70: 5.0, 40: 5.0}  # standard deviation, levels


def darkened(rng: np.random.Generator, frame: U8, peak: int) -> U8:
    """The frame, uint8 HxWx3, in a dark room; itself for a peak of 255."""
    if peak == 255:
        return frame
    height, width = frame.shape[:2]
    grains = rng.normal(0, NOISE[peak], frame.shape)
    blotches = f32(rng.normal(0, 0.7 * NOISE[peak], (height // 3, width // 3, 3)).astype(np.float32))
    levels = (frame / 255) ** 1.2 * peak + grains + cv2.resize(blotches, (width, height))
    return np.clip(levels, 0, 255).astype(np.uint8)


def measure(model: str, pictures: list[tuple[U8, U8]]) -> dict[str, dict[str, float]]:
    """By peak: mean IoU and that of the worst tenth, percent."""
    pipe = Pipeline(background="#000000", model=model, provider="cpu", threads=1)
    found = {}
    for peak in PEAKS:
        rng, values = np.random.default_rng(3), []
        for frame, label in pictures:
            pipe.reset()
            pipe(darkened(rng, frame, peak))
            values.append(100 * iou(pipe.alpha > 0.5, label > 127))
        worst = np.sort(values)[: max(1, len(values) // 10)]
        found[str(peak)] = {"iou": float(np.mean(values)), "worst_tenth": float(worst.mean())}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument(
        "--list", type=Path, required=True, help="labelled pictures; those without a person are left out"
    )
    parser.add_argument("--step", type=int, default=1, help="every how manieth of them")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    try:
        pairs = [read_pair(pair) for pair in read_list(given.list).pairs[:: given.step]]
        pictures = [(frame, label) for frame, label in pairs if label.any()]
        results = {}
        for model in given.models:
            results[model] = measure(model, pictures)
            cells = "  ".join(
                f"{peak}: {row['iou']:.1f} ({row['worst_tenth']:.1f})" for peak, row in results[model].items()
            )
            print(f"{model}, {len(pictures)} pictures, IoU (worst tenth) by peak: {cells}", flush=True)
        if given.json:
            write_json(given.json, {"pictures": len(pictures), "models": results})
    except RtsegError as e:
        raise SystemExit(f"error: {e}") from e


if __name__ == "__main__":
    main()
