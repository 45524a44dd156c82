"""Each stage of a frame beside the same done with OpenCV and numpy: `python benchmarks/stages.py --sizes 720p,1080p`.

Both ways of a stage run in turn on the same frames of the demo clip in one process, on one thread, after warm-up;
medians in milliseconds. Inference runs in between, as it does in `rtseg cam`, so that caches are as cold as there.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from rtseg.arrays import F32, U8
from rtseg.commands.bench import SIZES
from rtseg.models.model import Model
from rtseg.paths.cpu import widened
from rtseg.pixels.blur import blurred_room
from rtseg.pixels.colours import apart, rim_step
from rtseg.pixels.composite import blend
from rtseg.pixels.matte import fit_coefficients, grey_of
from rtseg.pixels.shrink import shrink
from rtseg.sources.opening import open_source

BLUR = 20.0
WARM_UP = 3  # rounds


def plain_fit(grey: F32, alpha: F32) -> tuple[F32, F32]:
    """The guided filter's coefficients with cv2.blur; its guide is grey, where rtseg's is in colour."""
    mean = [cv2.blur(x, (7, 7)) for x in (grey, alpha, grey * grey, grey * alpha)]
    a = (mean[3] - mean[0] * mean[1]) / (mean[2] - mean[0] * mean[0] + np.float32(1e-3))
    return cv2.blur(a, (7, 7)), cv2.blur(mean[1] - a * mean[0], (7, 7))  # type: ignore[return-value]


def plain_blend(frame: U8, background: U8, a: F32, b: F32) -> U8:
    """Alpha and blend at full size with cv2 and numpy, of a grey guide; no correction of the edge's colour."""
    size = (frame.shape[1], frame.shape[0])
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) * np.float32(1 / 255)
    alpha = np.clip(cv2.resize(a, size) * grey + cv2.resize(b, size), 0, 1)
    return cv2.blendLinear(frame, background, alpha, 1 - alpha)  # type: ignore[return-value]


class Timer:
    """Milliseconds of each (stage, way)."""

    def __init__(self) -> None:
        self.times: dict[tuple[str, str], list[float]] = defaultdict(list)

    def __call__(self, stage: str, way: str, run: Callable[[], Any]) -> Any:
        start = perf_counter()
        result = run()
        self.times[stage, way].append(1e3 * (perf_counter() - start))
        return result


def one_frame(frame: U8, background: U8, model: Model, size: tuple[int, int], out: U8, timer: Timer) -> None:
    """All stages of one frame, both ways."""
    height, width = frame.shape[:2]
    timer("frame to network size", "plain", lambda: cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
    small = timer("frame to network size", "rtseg", lambda: shrink(frame, size))
    grey = grey_of(small)
    alpha = timer("inference", "rtseg", lambda: model.run(small, np.zeros_like(grey)))
    a, b = timer("edge filter", "plain", lambda: plain_fit(grey, alpha))
    fit = timer("edge filter", "rtseg", lambda: fit_coefficients(small, alpha))
    person, room = timer("colours apart", "rtseg", lambda: apart(small, alpha))
    step = timer("step of colour", "rtseg", lambda: widened(rim_step(person, room), width))
    sigma = BLUR * height / 720
    timer("blurred room", "plain", lambda: cv2.GaussianBlur(frame, (0, 0), sigma))
    blurred = timer("blurred room", "rtseg", lambda: widened(blurred_room(room, BLUR), width))
    timer("blend, picture", "plain", lambda: plain_blend(frame, background, a, b))
    timer("blend, picture", "rtseg", lambda: blend(frame, background, fit, out, step))
    timer("blend, blurred room", "rtseg", lambda: blend(frame, blurred, fit, out, step))
    timer("copy of a frame", "plain", lambda: np.copyto(out, frame))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="timed passes over 12 frames")
    parser.add_argument("--sizes", default="720p,1080p", help="comma-separated")
    parser.add_argument("--model", default="balanced", help="a model that ships or an .onnx file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    model = Model(options.model, provider="cpu", threads=1)
    with open_source("demo") as source:
        clip = [f.image for f in source][:96:8]
    table = Table("stage, ms", *(f"{name} {way}" for name in options.sizes.split(",") for way in ("plain", "rtseg")))
    columns = []
    for name in options.sizes.split(","):
        width, height = SIZES[name]
        frames = [cv2.resize(f, (width, height), interpolation=cv2.INTER_CUBIC) for f in clip]
        size, out = model.size_for(width, height, model.info.area), np.empty((height, width, 3), np.uint8)
        timer = Timer()
        for passed in range(WARM_UP + options.rounds):
            if passed == WARM_UP:
                timer.times.clear()
            for i, frame in enumerate(frames):
                one_frame(frame, frames[i - 1][:, ::-1].copy(), model, size, out, timer)  # type: ignore[arg-type]
        columns += [{s: median(t) for (s, w), t in timer.times.items() if w == way} for way in ("plain", "rtseg")]
    for stage in dict.fromkeys(stage for column in columns[1::2] + columns for stage in column):
        table.add_row(stage, *(f"{column[stage]:.2f}" if stage in column else "" for column in columns))
    Console().print(table)


if __name__ == "__main__":
    main()
