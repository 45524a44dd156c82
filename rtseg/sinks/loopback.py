"""v4l2loopback, the virtual camera of Linux: which devices it has, why one can't be written to, who reads it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
from pathlib import Path

from rtseg.errors import OutputError
from rtseg.sources import v4l2
from rtseg.sources.cameras import DEV, SYSFS, cause, first_line

MODULE, MODULES = Path("/sys/module/v4l2loopback"), Path("/lib/modules")
LABEL = "rtseg"  # the name under which programs list the camera
UNLOAD = "sudo modprobe -r v4l2loopback"
INSTALL = "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)"
CAPTURE, OUTPUT = 0x1, 0x2  # device_caps: gives and takes pictures; with exclusive_caps=1 the latter or the former
FOURCC = "YU12"  # what pyvirtualcam makes of BGR
STREAMON = 1 << 30 | ctypes.sizeof(ctypes.c_int) << 16 | ord("V") << 8 | 18  # VIDIOC_STREAMON of a v4l2_buf_type
BUFFER_OUTPUT = 2
WHOLE_MACHINE = "pid:[4026531836]"  # the kernel's PROC_PID_INIT_INO


def load(device: str | None = None) -> str:
    """The line that loads the driver, with a given /dev/videoN. exclusive_caps: else Chrome and Zoom don't list it."""
    number = re.fullmatch(r"/dev/video(\d+)", device or "")
    return f"sudo modprobe v4l2loopback {f'video_nr={number[1]} ' if number else ''}exclusive_caps=1 card_label={LABEL}"


def load_anew(device: str | None = None) -> str:
    """The line for a driver that is loaded, but not as it should be."""
    return f"{UNLOAD}; {load(device)}"


def by_number(sysfs: Path = SYSFS) -> list[Path]:
    """Nodes of v4l2loopback in sysfs: only it gives them the attribute `max_openers`."""
    found = [node for node in sysfs.glob("video*") if (node / "max_openers").exists()]
    return sorted(found, key=lambda node: int(re.sub(r"\D", "", node.name) or 0))


def nodes(sysfs: Path = SYSFS) -> dict[str, str]:
    """Path and name of each device of v4l2loopback, ours first."""
    found = {f"/dev/{node.name}": first_line(node / "name") for node in by_number(sysfs)}
    return dict(sorted(found.items(), key=lambda item: item[1] != LABEL))


def choose(device: str | None = None, *, sysfs: Path = SYSFS, dev: Path = DEV) -> str:
    """Path of the virtual camera to write to. device: its path, number or name; None for the first that is free.

    Raises OutputError with the line that cures it when there is none, or it can't be written to.
    """
    if device and device.isdecimal():
        device = f"/dev/video{device}"
    found = nodes(sysfs)
    if not found:
        raise OutputError(nothing_there(device))
    if device is None:
        problems = {path: problem(path) for path in found}
        for path, what in problems.items():
            if what is None:
                return path
        raise OutputError("; ".join(filter(None, problems.values())))
    path = next((p for p, name in found.items() if device in (p, name)), device)
    if path in found:
        what = problem(path)
        if what:
            raise OutputError(what)
        return path
    there = ", ".join(f"{p} ({name})" for p, name in found.items())
    if (dev / Path(path).name).exists() and path.startswith("/"):
        name = first_line(sysfs / Path(path).name / "name") or "another kind of device"
        raise OutputError(f"{path} is {name}, no virtual camera; virtual cameras here: {there}")
    another = f", or make it: {load_anew(path)}" if path.startswith("/dev/video") else ""
    raise OutputError(f"there is no virtual camera {path}; use one of {there}{another}")


def nothing_there(device: str | None, module: Path = MODULE, modules: Path | None = None) -> str:
    """Why there is no virtual camera at all, and the lines that make one."""
    if module.is_dir():
        return f"v4l2loopback is loaded but has no device; load it anew: {load_anew(device)}"
    modules = modules or MODULES / platform.release()
    if any(modules.rglob("v4l2loopback.ko*")):
        return f"there is no virtual camera yet: v4l2loopback is not loaded; run: {load(device)}"
    return f"there is no virtual camera yet: v4l2loopback is not installed; run: {INSTALL} && {load(device)}"


def problem(path: str, proc: Path = Path("/proc")) -> str | None:
    """Why a device of v4l2loopback can't be written to, and what to do; None when it can."""
    try:
        if takes_pictures(path):
            return None
        # Another writer, or a reader that stayed after one was killed: that can't be told apart.
        users = ", ".join(v4l2.holders(path, proc))
        if users:
            return f"virtual camera {path} is in use by {users}; stop the camera there, or give another device"
        release(path)
        if takes_pictures(path):
            return None
    except OSError as e:
        return f"virtual camera: {cause(e, path)}"
    return f"virtual camera {path} is in use by another user, or stuck; stop all that use it, then {load_anew(path)}"


def takes_pictures(path: str) -> bool:
    """Whether a program may begin to write to it. Raises OSError."""
    return bool(caps(path) & OUTPUT)


def shared(path: str) -> bool:
    """Whether it was loaded without exclusive_caps; asked before it is written to. Raises OSError."""
    return caps(path) & (CAPTURE | OUTPUT) == CAPTURE | OUTPUT and not first_line(SYSFS / Path(path).name / "format")


def caps(path: str) -> int:
    """Flags of what it does at the moment. Raises OSError."""
    with v4l2.opened(path) as ioctl:
        capability = v4l2.Capability()
        ioctl(v4l2.QUERYCAP, capability)
    return int(capability.device_caps)


def release(path: str) -> None:
    """Make it take a writer again after one has left. Raises OSError when it can't be opened.

    v4l2loopback 0.12 with exclusive_caps does so by itself only after a writer that had asked it to stream, which
    pyvirtualcam does not (v4l2loopback issues 442 and 470, pyvirtualcam issue 61): so one asks here, and closes.
    """
    with v4l2.opened(path) as ioctl, contextlib.suppress(OSError):  # refused, as there are no buffers, and yet noted
        ioctl(STREAMON, ctypes.c_int(BUFFER_OUTPUT))


def fixed_size(path: str, sysfs: Path = SYSFS) -> tuple[int, int] | None:
    """(width, height) that its pictures must have, since somebody reads it already; None when they are free.

    Raises OutputError when they would have to be in another format than pyvirtualcam's.
    """
    text = first_line(sysfs / Path(path).name / "format")
    match = re.match(r"(.{4}):(\d+)x(\d+)", text)
    if not match:
        return None
    if match[1] != FOURCC:
        users = ", ".join(readers(path)) or "a program"
        raise OutputError(f"virtual camera {path} is being read as {match[1]} by {users}; stop the camera there first")
    return int(match[2]), int(match[3])


def readers(path: str, proc: Path = Path("/proc")) -> list[str]:
    """Programs beside this one that have it open, as `name (process 123)`; those of other users are seen by root only.

    Debian's v4l2loopback (0.12.7) has no event that tells it.
    """
    return v4l2.holders(path, proc)


def readers_known() -> bool:
    """Whether `readers` sees the programs that matter: from a container those outside can't be seen."""
    return os.readlink("/proc/self/ns/pid") == WHOLE_MACHINE
