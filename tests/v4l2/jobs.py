"""What runs inside the guest: each job tries one thing on real devices and says what it saw; the tests judge it."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyvirtualcam
from stage import (
    EMPTY,
    FEED,
    FPS,
    OURS,
    PLAIN,
    SIZE,
    VIVID,
    Reader,
    begin,
    disconnect,
    far,
    fed,
    holding,
    the_room,
    tool,
    wait,
)
from virtual_jobs import virtual_again, virtual_demand, virtual_errors

from rtseg.arrays import U8
from rtseg.errors import RtsegError
from rtseg.live.engine import Engine
from rtseg.sinks import loopback
from rtseg.sinks.virtual import VirtualCamera
from rtseg.sources import v4l2
from rtseg.sources.cameras import list_cameras
from rtseg.sources.opening import open_source

LONG = 90.0  # seconds for the whole tool to do something
HANG = 120.0  # seconds after which a job prints where it hangs
VIVID_DRIVER = Path("/sys/bus/platform/drivers/vivid")


def started() -> dict[str, Any]:
    """What was loaded: the devices that are there."""
    return {"devices": sorted(str(path) for path in Path("/dev").glob("video*"))}


def measure() -> dict[str, Any]:
    """The measure of the next two: it finds the room where it is."""
    room = the_room()
    return {"room_pixels": int(room.where.sum()), "camera_from_room": room.distance(room.raw[:1])}


def composite() -> dict[str, Any]:
    """Clip-fed camera -> engine -> virtual camera -> another reader: it sees composites, and never the room."""
    room = the_room()
    shown: list[U8] = [np.zeros_like(room.background), room.background]
    with fed(FEED, room.raw), VirtualCamera("rtseg", size=SIZE, fps=FPS) as virtual:
        virtual.hide(room.background)
        reader = Reader(OURS)
        with open_source(FEED, size=SIZE) as source:
            engine = Engine(source, room.pipe)
            end = time.monotonic() + 25
            while virtual.frames < 12 and time.monotonic() < end:
                made = engine.get(timeout=0.5)
                if made is not None:
                    shown.append(made.image.copy())
                    virtual.write(made.image, made.time)
                    time.sleep(1 / FPS)
            engine.stop()
            report = source.report
        wait(lambda: len(reader.frames) > 10)
        reader.close()
    nearest = [[far(f, s) for s in shown] for f in reader.frames]
    return {
        "report": report,
        "written": virtual.frames,
        "read": len(reader.frames),
        "shape": reader.frames[-1].shape,
        "from_composite": max(map(min, nearest)),
        "different": len({int(np.argmin(n)) for n in nearest}),
        "from_room": room.distance(reader.frames),
    }


def command() -> dict[str, Any]:
    """`rtseg cam` from a clip-fed camera to the virtual one: it uses the camera while somebody reads, not before."""
    room, said = the_room(), Path("command.txt")
    camera = ["--source", FEED, "--size", "{}x{}".format(*SIZE), "--no-window", "--out", "virtual:41"]
    options = ["--bg", "beach.jpg", "--model", "fast", "--provider", "cpu", "--threads", "1"]
    start, go = os.pipe()
    process = begin(tool, ["cam", *camera, *options], str(said), start)  # before the feed is open: it would hold it too
    with fed(FEED, room.raw):
        os.write(go, b"!")
        started = wait(lambda: loopback.caps(OURS) & loopback.CAPTURE or not process.is_alive(), LONG)
        released = wait(lambda: not v4l2.holders(FEED), LONG)
        reader = Reader(OURS)
        taken = wait(lambda: v4l2.holders(FEED), LONG)
        seen = wait(lambda: reader.frames and far(reader.frames[-1], room.background) > 4, LONG)
        reader.close()
        again = wait(lambda: not v4l2.holders(FEED), LONG)
        assert process.pid
        os.kill(process.pid, signal.SIGINT)
        process.join(LONG)
    result = {"started": bool(started), "released": released, "taken": taken, "seen": seen, "released_again": again}
    distance = room.distance([f for f in reader.frames if f.any()])
    return {**result, "code": process.exitcode, "output": said.read_text(), "from_room": distance}


def cameras() -> dict[str, Any]:
    """What `rtseg cameras` finds."""
    return {c.path: [c.name, c.virtual, len(c.modes)] for c in list_cameras()}


def refused(device: str) -> dict[str, Any]:
    """What opening a camera says that can't be used, and after how many seconds."""
    start = time.monotonic()
    try:
        open_source(device).close()
    except RtsegError as e:
        return {"message": str(e), "seconds": time.monotonic() - start}
    return {"message": None}


def unfed() -> dict[str, Any]:
    """A virtual camera that nobody writes to, with both kinds of caps; and one whose writer says nothing."""
    result = {"plain": refused(PLAIN), "exclusive": refused(EMPTY)}
    with pyvirtualcam.Camera(*SIZE, FPS, device=EMPTY):
        loopback.release(EMPTY)  # now that there are buffers, this makes it a camera without a frame
        return {**result, "silent": refused(EMPTY)}


def busy() -> dict[str, Any]:
    """A camera that another program uses."""
    with holding(VIVID):
        held = refused(VIVID)
    return {**held, "after": refused(VIVID)["message"]}


def odd_size() -> dict[str, Any]:
    """A size that the camera does not offer."""
    with open_source(VIVID, size=(1234, 777)) as source:
        return {"report": source.report, "shape": next(iter(source)).image.shape}


def unplug() -> dict[str, Any]:
    """vivid's own disconnection: every call on the device fails, until the last user has closed it."""
    return loss(disconnect)


def remove() -> dict[str, Any]:
    """The device taken from its driver, so that its node vanishes too; then given back."""
    return loss(lambda: (VIVID_DRIVER / "unbind").write_text("vivid.0"), gone=True)


def loss(pull: Callable[[], object], gone: bool = False) -> dict[str, Any]:
    """Pull the plug in the middle of capturing; plug it in again."""
    source = open_source(VIVID, size=(640, 360))
    frames = iter(source)
    for _ in range(3):
        next(frames)
    pull()
    start, message = time.monotonic(), None
    try:
        for _ in range(200):  # some are in the queue
            next(frames)
    except RtsegError as e:
        message = str(e)
    seconds, there = time.monotonic() - start, Path(VIVID).exists()
    absent = refused(VIVID)["message"] if gone else None
    source.close()
    if gone:
        (VIVID_DRIVER / "bind").write_text("vivid.0")
    with open_source(VIVID, size=(640, 360)) as again:
        shape = next(iter(again)).image.shape
    return {"message": message, "seconds": seconds, "there": there, "absent": absent, "again": shape}


JOBS = (
    started,
    cameras,
    measure,
    composite,
    command,
    odd_size,
    busy,
    unfed,
    unplug,
    remove,
    virtual_again,
    virtual_demand,
    virtual_errors,
)


def main() -> None:
    """Write one JSON line per job."""
    cv2.setNumThreads(1)  # a copy of the process would wait for threads that it does not have
    with open(os.environ["RTSEG_RESULTS"], "w") as out:
        for job in JOBS:
            faulthandler.dump_traceback_later(HANG)
            start = time.monotonic()
            print(f"job {job.__name__}", flush=True)
            try:
                result = job()
            except Exception:
                result = {"error": traceback.format_exc()}
            result |= {"job": job.__name__, "took": round(time.monotonic() - start, 1)}
            print(json.dumps(result), file=out, flush=True)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
