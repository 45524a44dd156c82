"""What `rtseg doctor` looks at outside: cameras, the display, and the virtual camera."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from rtseg.commands.doctor.checks.software import Check
from rtseg.sinks.loopback import INSTALL, MODULE, MODULES, by_number, load, load_anew
from rtseg.sources.cameras import SYSFS, CameraInfo, first_line, how_to_check, list_cameras

SMOOTH = 24.0  # frames per second
OBS_APP = Path("/Applications/OBS.app")


def check_cameras(
    cameras: Iterable[CameraInfo] | None = None, problem: Callable[[str], str | None] | None = None
) -> list[Check]:
    """Each camera, and whether it could be used now. cameras, problem: None for the real ones.

    A camera that can't be used is a note: rtseg works with files and streams too.
    """
    cameras = list_cameras() if cameras is None else list(cameras)
    if not cameras:
        return [Check("camera", "note", "none; `rtseg cam` plays the demo clip", how_to_check())]
    return [check_camera(camera, problem or camera_problem) for camera in cameras]


def check_camera(camera: CameraInfo, problem: Callable[[str], str | None]) -> Check:
    name = f"camera {camera.index}"
    found = f"{camera.name} {camera.path} {camera.backend}"
    if camera.virtual and not camera.problem:  # not tried: that would take the place of its reader
        return Check(name, "ok", f"{found}, virtual")
    why = camera.problem or (problem(camera.path) if camera.backend == "V4L2" else None)
    if why:
        return Check(name, "note", found, why)
    best = max(camera.modes, key=lambda m: ((m.fps or SMOOTH) >= SMOOTH, m.width * m.height, m.fps or 0), default=None)
    return Check(name, "ok", f"{found}, {best} {best.fourcc} for one" if best else found)


def camera_problem(path: str) -> str | None:
    """Why a /dev node can't be used right now, or None; opens it without touching its stream."""
    from rtseg.sources import v4l2
    from rtseg.sources.cameras import cause, no_permission

    if not os.access(path, os.R_OK | os.W_OK):
        return no_permission(path)
    try:
        busy = v4l2.is_busy(path)
    except OSError as e:
        return cause(e, path)
    if not busy:
        return None
    return f"in use by {', '.join(v4l2.holders(path)) or 'another program'}; close it there"


def check_display() -> Check:
    """Whether a window can be opened: tried by another process."""
    from rtseg.sinks.window import display_problem

    problem = display_problem()
    if problem:
        return Check("display", "note", problem, "no window then: `rtseg cam` writes a file; --out names it")
    names = ("WAYLAND_DISPLAY", "DISPLAY")
    here = ", ".join(f"{n}={os.environ[n]}" for n in names if n in os.environ)
    return Check("display", "ok", f"a window opens{f' ({here})' if here else ''}")


def check_pyvirtualcam() -> Check:
    """What writes to a virtual camera: an extra of rtseg's."""
    name = "pyvirtualcam"
    if importlib.util.find_spec(name):
        from importlib.metadata import version

        return Check(name, "ok", version(name))
    return Check(name, "note", "not installed", "pip install 'rtseg[vcam]'")


def check_virtual_camera() -> list[Check]:
    """The device that other programs see as a camera."""
    if sys.platform == "linux":
        return check_loopback()
    name = "virtual camera"
    if sys.platform == "darwin":
        if OBS_APP.exists():
            return [Check(name, "ok", f"{OBS_APP} brings one; start and stop it there once")]
        return [Check(name, "note", "OBS is not installed", "install OBS 30 or newer, start its virtual camera once")]
    return [Check(name, "note", "OBS brings one", "install OBS 26 or newer: its virtual camera is then there")]


def check_loopback(module: Path = MODULE, sysfs: Path = SYSFS, modules: Path | None = None) -> list[Check]:
    """v4l2loopback: loaded, its devices, and whether browsers will see them.

    module, sysfs: where the kernel shows them; modules: where this kernel's module files lie.
    """
    if not module.is_dir():
        modules = modules or MODULES / platform.release()
        if any(modules.rglob("v4l2loopback.ko*")):
            return [Check("virtual camera", "note", "v4l2loopback is installed, not loaded", load())]
        cure = f"{INSTALL}; {load()}"
        return [Check("virtual camera", "note", "v4l2loopback is not installed", cure)]
    exclusive = first_line(module / "parameters" / "exclusive_caps").split(",")
    checks = []
    # The driver numbers its devices as it makes them, and so lists their parameters.
    for order, node in enumerate(by_number(sysfs)):
        found = f"/dev/{node.name} ({first_line(node / 'name')})"
        if order < len(exclusive) and exclusive[order] != "Y":
            what = f"{found} without exclusive_caps: Chrome, Zoom and Teams won't list it"
            checks.append(Check("virtual camera", "note", what, load_anew()))
        else:
            checks.append(Check("virtual camera", "ok", f"{found}, exclusive_caps"))
    return checks or [Check("virtual camera", "note", "v4l2loopback is loaded, without a device", load_anew())]
