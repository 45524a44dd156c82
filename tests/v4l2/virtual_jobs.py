"""Jobs of the guest, see jobs.py: the virtual camera, used again, in demand, and where there is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from stage import FEED, OURS, PLAIN, SIZE, VIVID, Reader, begin, far, holding, wait

from rtseg.errors import RtsegError
from rtseg.sinks.virtual import VirtualCamera

AS_NOBODY = """
import grp, os, pwd
from rtseg.sinks import loopback
os.setgid(65534)
os.setuid(65534)
print(loopback.problem("/dev/video40"))
"""


def die_writing() -> None:
    """A program that is killed while it writes."""
    with VirtualCamera("41", size=SIZE, fps=20):
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)


def complain(log: str) -> None:
    """Write down what opening a virtual camera says."""
    Path(log).write_text(str(complaint("41")))


def virtual_again() -> dict[str, Any]:
    """The virtual camera is started again: after a normal end, a killed one, and with a reader that stays."""
    black = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for _ in range(2):
        with VirtualCamera("41", size=SIZE, fps=20) as camera:
            time.sleep(0.3)
    begin(die_writing).join()
    with VirtualCamera("41", size=SIZE, fps=20) as camera:
        reader = Reader(OURS)
        wait(lambda: len(reader.frames) > 2)
    with VirtualCamera("41", size=(640, 360), fps=20) as camera:
        camera.write(np.full((360, 640, 3), 200, np.uint8), 0.0)
        before = len(reader.frames)
        wait(lambda: len(reader.frames) > before + 5 and reader.frames[-1].mean() > 150)
        result = {"size": camera.size, "remark": camera.remark, "from_grey": far(reader.frames[-1], black + 200)}
    reader.close()
    with VirtualCamera("41", size=(321, 181), fps=20) as camera:
        return {**result, "odd": camera.size, "odd_remark": camera.remark}


def virtual_demand() -> dict[str, Any]:
    """Whether it is wanted: before, while and after another program reads it; and a second one writes to it."""
    with VirtualCamera(None, size=SIZE, fps=20) as camera:
        before = camera.wanted()
        second = complaint(camera.device)  # in this process: pyvirtualcam's own words
        with holding(camera.device):
            during = wait(camera.wanted)
            names = camera.readers()
            begin(complain, "other.txt").join()
        after = wait(lambda: not camera.wanted())
    result = {"device": camera.device, "before": before, "during": during, "names": names, "after": after}
    return {**result, "second": second, "other": Path("other.txt").read_text()}


def virtual_errors() -> dict[str, Any]:
    """What is said of virtual cameras that are none, that are forbidden, and when the driver is not there."""
    result: dict[str, Any] = {name: complaint(name) for name in (VIVID, "/dev/video99", "nobody", "/dev/null")}
    with VirtualCamera(PLAIN, size=SIZE, fps=20) as camera:
        result["plain"] = camera.remark
    os.chmod(FEED, 0o640)
    user = subprocess.run([sys.executable, "-c", AS_NOBODY], capture_output=True, text=True, check=False)
    result["forbidden"] = user.stdout.strip() or user.stderr
    unload = ["/run/busybox", "rmmod", "v4l2loopback"]
    result["unloaded"] = wait(lambda: subprocess.run(unload, check=False).returncode == 0)
    return {**result, "gone": complaint(None), "gone_9": complaint("9")}


def complaint(device: str | None) -> str | None:
    """What opening a virtual camera says; None when it works."""
    try:
        VirtualCamera(device, size=SIZE, fps=20).close()
    except RtsegError as e:
        return str(e)
    return None
