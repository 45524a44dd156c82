"""The cameras of this machine: their numbers, names, paths and formats; and finding one by its name."""

from __future__ import annotations

import errno
import importlib
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.errors import SourceError

if TYPE_CHECKING:
    from rtseg.sources.v4l2 import Device, Mode

SYSFS, DEV = Path("/sys/class/video4linux"), Path("/dev")
MAX_PROBED = 5  # numbers to try where the system has no list of names for us


@dataclass(frozen=True)
class CameraInfo:
    """A camera that `--source` can take."""

    index: int
    name: str
    path: str  # /dev path on Linux; else what the system calls it, or nothing
    backend: str  # of OpenCV
    modes: tuple[Mode, ...] = ()
    problem: str | None = None  # why it could not be asked for its formats
    virtual: bool = False  # v4l2loopback: gives pictures only while a program feeds it

    def __str__(self) -> str:
        return f"{self.index} ({self.name})"


def list_cameras() -> list[CameraInfo]:
    """The cameras of this machine, by number; on Linux only nodes that give pictures, the virtual ones last."""
    if sys.platform == "linux":
        return linux_cameras()
    try:
        return named_cameras()
    except ImportError:
        return probed_cameras()


def linux_cameras(
    sysfs: Path = SYSFS, dev: Path = DEV, probe: Callable[[Path], Device] | None = None
) -> list[CameraInfo]:
    """The nodes /dev/video*, with the names that sysfs and the drivers give. probe: None for the real one."""
    from rtseg.sources.v4l2 import LOOPBACK_DRIVER
    from rtseg.sources.v4l2 import probe as ask

    found = []
    for path in dev.glob("video*"):
        match = re.fullmatch(r"video(\d+)", path.name)
        if not match:
            continue
        index, name = int(match[1]), first_line(sysfs / path.name / "name")
        try:
            device = (probe or ask)(path)
        except OSError as e:
            # One camera has several nodes; those after the first (metadata) can't be told apart without asking.
            if first_line(sysfs / path.name / "index") in ("", "0"):
                found.append(CameraInfo(index, name or path.name, str(path), "V4L2", problem=cause(e, path)))
            continue
        if device.captures:
            virtual = device.driver == LOOPBACK_DRIVER
            found.append(CameraInfo(index, name or device.card, str(path), "V4L2", device.modes, virtual=virtual))
    return sorted(found, key=lambda c: (c.virtual, c.index))


def named_cameras() -> list[CameraInfo]:
    """Windows and macOS, where cv2-enumerate-cameras is installed; raises ImportError where it is not."""
    import cv2

    names = importlib.import_module("cv2_enumerate_cameras")
    backend = "DSHOW" if sys.platform == "win32" else "AVFOUNDATION"
    found = names.enumerate_cameras(getattr(cv2, f"CAP_{backend}"))
    return [CameraInfo(c.index, c.name, c.path or "", backend) for c in found]


def probed_cameras() -> list[CameraInfo]:
    """By opening the numbers from 0 on until one fails: no names."""
    import cv2

    from rtseg.sources.backends import BACKENDS, quiet_opencv

    quiet_opencv()
    backend, found = BACKENDS.get(sys.platform, cv2.CAP_ANY), []
    for index in range(MAX_PROBED):
        capture = cv2.VideoCapture(index, backend)
        if not capture.isOpened():
            break
        found.append(CameraInfo(index, f"camera {index}", "", capture.getBackendName()))
        capture.release()
    return found


def find_camera(text: str, cameras: Iterable[CameraInfo] | None = None) -> str | None:
    """The number, as text, of the camera that `text` means: its number, path, name or a unique part of the name.

    Case does not matter. None when no camera has such a name. cameras: None for those of this machine.
    Raises SourceError when several have it.
    """
    cameras, wanted = list(list_cameras() if cameras is None else cameras), text.strip().casefold()
    if not wanted:
        return None
    exact = [c for c in cameras if wanted in (str(c.index), c.path.casefold(), c.name.casefold())]
    found = exact or [c for c in cameras if wanted in c.name.casefold()]
    if len(found) > 1:
        raise SourceError(f"{len(found)} cameras are called {text!r}: {listed(found)}; give the number of one")
    return str(found[0].index) if found else None


def listed(cameras: Iterable[CameraInfo] | None = None) -> str:
    """`0 (Integrated Camera), 2 (Brio)`, or `none`; for messages. cameras: None for those of this machine."""
    return ", ".join(map(str, list_cameras() if cameras is None else cameras)) or "none"


def first_line(path: Path) -> str:
    """Of a file in sysfs; empty when there is none."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def cause(e: OSError, path: str | Path) -> str:
    """Why a node can't be opened, and what to do."""
    if e.errno in (errno.EACCES, errno.EPERM):
        return no_permission(path)
    if e.errno in (errno.ENODEV, errno.ENXIO):
        return f"{path} belongs to no device any more; replug the camera"
    if e.errno == errno.ENOTTY:
        return f"{path} is no camera"
    if e.errno == errno.EBUSY:
        return f"{path} is in use by another program"
    return f"{path} can't be opened: {e.strerror or e}"


def no_permission(path: str | Path) -> str:
    """The message for a node that this user may not open; names its group, mostly `video`."""
    import grp
    import pwd

    status = os.stat(path)
    try:
        group, user = grp.getgrgid(status.st_gid), pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"no permission for {path}; ask its owner (user {status.st_uid}) for it"
    if not status.st_mode & 0o060 or group.gr_name == "root":
        return f"no permission for {path}; its group has none either: sudo chmod a+rw {path}"
    if user in group.gr_mem and status.st_gid not in os.getgroups():
        return f"no permission for {path} yet: log out and in again, so that your being in {group.gr_name} counts"
    line = f"sudo usermod -aG {group.gr_name} {user}, then log out and in (or run `newgrp {group.gr_name}` first)"
    return f"no permission for {path}; its group has it: {line}"


def how_to_check() -> str:
    """What to look at when there is no camera."""
    if sys.platform == "win32":
        return "look at Settings > Privacy & security > Camera, and at the Device Manager"
    if sys.platform == "darwin":
        return "look at System Settings > Privacy & Security > Camera: this terminal must be allowed"
    if "microsoft" in platform.release().lower():
        return "WSL gets no camera by itself; attach it with usbipd, or use `--source URL`"
    if Path("/.dockerenv").exists():
        return "a container sees a camera that was given to it: docker run --device /dev/video0"
    return "is it plugged in (`lsusb`), is its switch or cover open, what does `sudo dmesg | tail` say?"
