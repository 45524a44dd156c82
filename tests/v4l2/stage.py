"""What the jobs act with: a clip-fed camera, another program that reads or holds one, the room to look for.

Devices: 40 `feed`, 41 `rtseg`, 42 `empty` and 43 `plain` of v4l2loopback, the last without exclusive_caps; 50 of vivid.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import runpy
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from multiprocessing.process import BaseProcess
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg import Pipeline
from rtseg.arrays import U8
from rtseg.sinks import loopback
from rtseg.sinks.virtual import VirtualCamera
from rtseg.sources import v4l2
from rtseg.sources.opening import open_source

SIZE = (320, 180)  # frames are tiny: the guest computes about a hundred times slower than its host
FPS = 5.0
VIVID, FEED, OURS, EMPTY, PLAIN = "/dev/video50", "/dev/video40", "/dev/video41", "/dev/video42", "/dev/video43"
# What a busy camera is: somebody has asked it for buffers (VIDIOC_REQBUFS).
HOLD = """
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(fd, 3 << 30 | 20 << 16 | ord("V") << 8 | 8, struct.pack("5I", 2, 1, 1, 0, 0))
print("held", flush=True)
sys.stdin.read()
"""
QUERYCTRL = 3 << 30 | 68 << 16 | ord("V") << 8 | 36
S_CTRL = 3 << 30 | 8 << 16 | ord("V") << 8 | 28
NEXT_CONTROL = 0x8000_0000


def pipeline() -> Pipeline:
    """The cheapest one, with a picture."""
    return Pipeline(background="beach.jpg", model="fast", provider="cpu", threads=1)


def clip() -> list[U8]:
    """Every fourth of the demo's first frames, small."""
    with open_source("demo") as source:
        frames = itertools.islice(source, 0, 32, 4)
        return [cv2.resize(f.image, SIZE, interpolation=cv2.INTER_AREA) for f in frames]


def warm() -> None:
    """Compile everything; run on the host, where it takes seconds instead of minutes."""
    pipe = pipeline()
    pipe.warm_up(*SIZE)
    for frame in clip()[:3]:
        pipe(frame)
        assert pipe.alpha is not None


@contextlib.contextmanager
def fed(device: str, frames: list[U8]) -> Iterator[None]:
    """A virtual camera that plays the frames over and over, as a webcam would."""
    done = Event()

    def play() -> None:
        index = 0
        while not done.wait(1 / FPS):
            camera.write(frames[index % len(frames)], 0.0)
            index += 1

    with VirtualCamera(device, size=SIZE, fps=FPS) as camera:
        camera.write(frames[0], 0.0)
        player = Thread(target=play)
        player.start()
        try:
            yield
        finally:
            done.set()
            player.join()


class Reader:
    """Another program that reads a camera, as far as the driver can tell; keeps all it saw."""

    def __init__(self, device: str) -> None:
        self.frames: list[U8] = []
        wait(lambda: loopback.caps(device) & loopback.CAPTURE)  # its writer has begun
        self._capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
        self._done = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.is_set():
            ok, image = self._capture.read()
            if ok:
                self.frames.append(image)

    def close(self) -> None:
        self._done.set()
        self._thread.join(15)
        self._capture.release()


def far(a: U8, b: U8, where: NDArray[np.bool_] | None = None) -> float:
    """Mean absolute difference in levels."""
    difference = cv2.absdiff(a, b)
    return float(difference.mean() if where is None else difference[where].mean())


class Room:
    """The clip's room where nobody stands in front of it, to find it again in what was shown."""

    def __init__(self) -> None:
        self.pipe, self.raw = pipeline(), clip()
        self.background = self.pipe.hidden(*SIZE)
        alphas = []
        for frame in self.raw:
            self.pipe(frame)
            alphas.append(self.pipe.alpha)
        self.pipe.reset()
        nobody = np.max(alphas, axis=0) < 0.02
        unlike = np.min([cv2.absdiff(f, self.background).mean(axis=2) for f in self.raw], axis=0) > 30
        self.where = nobody & unlike

    def distance(self, frames: list[U8]) -> float:
        """Levels between the room and the frame that is most like it."""
        different = {f.tobytes(): f for f in frames}.values()
        return min(far(f, r, self.where) for r in self.raw for f in different)


@lru_cache(maxsize=1)
def the_room() -> Room:
    """One for all jobs: to make it takes the guest long."""
    return Room()


@contextlib.contextmanager
def holding(device: str) -> Iterator[None]:
    """Another process that has asked the camera for buffers."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout and holder.stdin and holder.stdout.readline()
    try:
        yield
    finally:
        holder.stdin.close()
        holder.wait()


def begin(target: Callable[..., object], *arguments: Any) -> BaseProcess:
    """A process that runs this, begun as a copy of this one: to import everything again takes the guest a minute."""
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    process.start()
    return process


def tool(arguments: list[str], log: str, start: int) -> None:
    """`rtseg` with these arguments, once there is a byte to read at `start`; ends the process. It speaks into `log`."""
    os.read(start, 1)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.argv = ["rtseg", *arguments]
    runpy.run_module("rtseg", run_name="__main__")


def disconnect() -> None:
    """Press vivid's button of that name, found by it."""
    with v4l2.opened(VIVID) as ioctl:
        number = NEXT_CONTROL
        while True:
            entry = bytearray(struct.pack("I64x", number))  # struct v4l2_queryctrl: id, type, name...
            ioctl(QUERYCTRL, entry)
            found = struct.unpack_from("I", entry)[0]
            if bytes(entry[8:40]).rstrip(b"\0") == b"Disconnect":
                ioctl(S_CTRL, bytearray(struct.pack("Ii", found, 1)))
                return
            number = found | NEXT_CONTROL


def wait(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Until it holds; False when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
