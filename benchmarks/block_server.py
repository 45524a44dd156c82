"""One contender's process in peers.py: held open, it times a block of frames whenever it is told to.

Needs numpy and OpenCV alone, since MediaPipe's interpreter runs it as well. One JSON object a line: first this process
says what it can do, then it reads requests on stdin and answers each on stdout, until stdin ends.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import IO, Any

import cv2
import numpy as np

from rtseg.arrays import U8

Run = Callable[[U8], Any]  # frame -> composite
Make = Callable[[str, Any], Run]  # contender, background (uint8 HxWx3 or None: blur) -> Run
WARM = 3  # frames before those that count, in each block


def hold_to(cores: int) -> None:
    """This process, and every thread it will start, on that many cores, where the system has such a thing."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def claim_stdout() -> IO[str]:
    """A file that writes to stdout, while all others that print there end up on stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def load(path: str) -> U8:
    """A .npy file as writable memory that every process shares until it writes there."""
    return np.asarray(np.load(path, mmap_mode="c"))


def timed(run: Run, clip: U8, frames: int) -> dict[str, list[float]]:
    """Milliseconds of each frame by the clock, and of this process's threads all together."""
    wall, cpu = [], []
    for index in range(-WARM, frames):
        frame = clip[index % len(clip)]
        start, busy = time.perf_counter(), time.process_time()
        run(frame)
        end, done = time.perf_counter(), time.process_time()
        if index >= 0:
            wall.append(1e3 * (end - start))
            cpu.append(1e3 * (done - busy))
    return {"wall_ms": wall, "cpu_ms": cpu}


def serve(contenders: list[str], versions: dict[str, str], make: Make, answers: IO[str]) -> None:
    """Answer requests {contender, clip, background or null, frames} with what `timed` gives.

    What was made for a request lasts until one comes for another clip.
    """
    versions = {**versions, "opencv": cv2.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}
    print(json.dumps({"contenders": contenders, "versions": versions}), file=answers, flush=True)
    made: dict[tuple[str, str | None], Run] = {}
    path, clip = "", np.empty((0, 0, 0, 3), np.uint8)
    for line in sys.stdin:
        request = json.loads(line)
        if request["clip"] != path:
            made.clear()
            path, clip = request["clip"], load(request["clip"])
        key = request["contender"], request["background"]
        if key not in made:
            made[key] = make(key[0], load(key[1]) if key[1] else None)
        print(json.dumps(timed(made[key], clip, request["frames"])), file=answers, flush=True)
