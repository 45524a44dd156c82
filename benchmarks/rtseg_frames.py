"""Our side of peers.py: rtseg's Pipeline, and the usual OpenCV calls around the same network.

python rtseg_frames.py THREADS MODEL...    see block_server.py for what it reads and writes
"""

from __future__ import annotations

import sys

import block_server
import cv2
import numpy as np
import pixel_ways

from rtseg import Pipeline
from rtseg.arrays import U8
from rtseg.commands.bench import PACKAGES, surroundings
from rtseg.models.model import Model

WAYS = ("common", "OpenCV")


def around(network: Model, way: pixel_ways.Way, background: U8 | None) -> block_server.Run:
    """The network with INTER_AREA before it and a float32 mask, resized, after it."""
    previous = np.zeros((0, 0), np.float32)

    def run(frame_bgr: U8) -> U8:
        nonlocal previous
        height, width = frame_bgr.shape[:2]
        size = network.size_for(width, height, network.info.area)
        if previous.shape != size[::-1]:
            previous = np.zeros(size[::-1], np.float32)
        small = np.asarray(cv2.resize(frame_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
        previous = network.run(small, previous)
        mask = np.asarray(cv2.resize(previous, (width, height)), np.float32)
        return way(frame_bgr, np.clip(mask, 0, 1, out=mask), background)

    return run


def main(threads: int, models: list[str]) -> None:
    block_server.hold_to(threads)
    cv2.setNumThreads(threads)

    def make(contender: str, background: U8 | None) -> block_server.Run:
        model, _, way = contender.removeprefix("rtseg ").removeprefix("net of ").partition(", ")
        if way:
            return around(Model(model, provider="cpu", threads=threads), pixel_ways.ways()[way], background)
        effect = {"blur": 20.0} if background is None else {"background": background}
        return Pipeline(model=model, provider="cpu", threads=threads, **effect)

    contenders = [f"rtseg {model}" for model in models]
    contenders += [f"net of {model}, {way}" for model in models for way in WAYS]
    block_server.serve(contenders, surroundings(PACKAGES)["versions"], make, block_server.claim_stdout())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
