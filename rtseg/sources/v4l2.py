"""What a camera node says of itself on Linux: what it can do, its formats, sizes and rates, by V4L2's ioctls.

The structures are those of the kernel's linux/videodev2.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CAPTURE, CAPTURE_PLANES = 0x1, 0x1000  # device_caps: gives pictures, in one plane or in several
DEVICE_CAPS = 0x8000_0000  # capabilities: device_caps is filled in
BUFFER_CAPTURE, BUFFER_CAPTURE_PLANES = 1, 9  # v4l2_buf_type
DISCRETE = 1  # v4l2_frmsizetypes and v4l2_frmivaltypes; the others are ranges
LOOPBACK_DRIVER = "v4l2 loopback"
MAX_ENTRIES = 256  # a driver that never ends its list must not hang us
U32 = ctypes.c_uint32


class Capability(ctypes.Structure):
    _fields_ = (
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("version", U32),
        ("capabilities", U32),
        ("device_caps", U32),
        ("reserved", U32 * 3),
    )


class FormatDescription(ctypes.Structure):
    _fields_ = (
        ("index", U32),
        ("type", U32),
        ("flags", U32),
        ("description", ctypes.c_char * 32),
        ("pixelformat", U32),
        ("mbus_code", U32),
        ("reserved", U32 * 3),
    )


class FrameSize(ctypes.Structure):
    """`range`: width, height when discrete; else width least, most, step, then height."""

    _fields_ = (("index", U32), ("pixelformat", U32), ("type", U32), ("range", U32 * 6), ("reserved", U32 * 2))


class FrameInterval(ctypes.Structure):
    """`range`: seconds as numerator, denominator: one pair when discrete; else least, most, step."""

    _fields_ = (
        ("index", U32),
        ("pixelformat", U32),
        ("width", U32),
        ("height", U32),
        ("type", U32),
        ("range", U32 * 6),
        ("reserved", U32 * 2),
    )


class _AnyFormat(ctypes.Union):
    _fields_ = (("raw", ctypes.c_uint8 * 200), ("pointer", ctypes.c_void_p))  # a pointer inside sets the alignment


class Format(ctypes.Structure):
    _fields_ = (("type", U32), ("fmt", _AnyFormat))


def request(direction: int, number: int, structure: type[ctypes.Structure]) -> int:
    """The kernel's _IOR (direction 2) or _IOWR (3) of a V4L2 request."""
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


QUERYCAP = request(2, 0, Capability)
ENUM_FMT = request(3, 2, FormatDescription)
G_FMT, S_FMT = request(3, 4, Format), request(3, 5, Format)
ENUM_FRAMESIZES = request(3, 74, FrameSize)
ENUM_FRAMEINTERVALS = request(3, 75, FrameInterval)

Ioctl = Callable[[int, Any], object]  # (request, structure to fill in); raises OSError


@dataclass(frozen=True)
class Mode:
    """A size that a format is offered in; where it is a range, the largest, and `least` the smallest."""

    fourcc: str
    width: int
    height: int
    fps: float | None  # the highest; None when the driver does not say
    least: tuple[int, int] | None = None

    def __str__(self) -> str:
        size = f"{self.width}x{self.height}" + (f"@{self.fps:.4g}" if self.fps else "")
        return f"{self.least[0]}x{self.least[1]} to {size}" if self.least else size


@dataclass(frozen=True)
class Device:
    """What a node says of itself."""

    driver: str
    card: str
    captures: bool  # False for outputs, metadata and radio
    modes: tuple[Mode, ...]


def probe(path: str | Path) -> Device:
    """Ask a node, without disturbing whoever uses it. Raises OSError: EACCES, ENOTTY for what is no V4L2 device..."""
    with opened(path) as ioctl:
        return describe(ioctl)


def is_busy(path: str | Path) -> bool:
    """Whether another program streams from it: then a driver refuses to set even the format that it has.

    Raises OSError when it can't be asked.
    """
    with opened(path) as ioctl:
        return refuses_format(ioctl)


def refuses_format(ioctl: Ioctl) -> bool:
    """`is_busy` on what is already open."""
    current = Format(type=_buffers(_caps(ioctl)[1]))
    try:
        ioctl(G_FMT, current)
        ioctl(S_FMT, current)
    except OSError as e:
        if e.errno == errno.EBUSY:
            return True
        raise
    return False


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Ioctl]:
    """Its ioctl function, for a `with` block. Raises OSError."""
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield lambda number, structure: fcntl.ioctl(fd, number, structure)
    finally:
        os.close(fd)


def _caps(ioctl: Ioctl) -> tuple[Capability, int]:
    """(what QUERYCAP answers, the flags of this very node)."""
    capability = Capability()
    ioctl(QUERYCAP, capability)
    has_own = capability.capabilities & DEVICE_CAPS
    return capability, capability.device_caps if has_own else capability.capabilities


def _buffers(caps: int) -> int:
    return BUFFER_CAPTURE if caps & CAPTURE else BUFFER_CAPTURE_PLANES


def describe(ioctl: Ioctl) -> Device:
    """`probe` on what is already open. Raises OSError."""
    capability, caps = _caps(ioctl)
    captures = bool(caps & (CAPTURE | CAPTURE_PLANES))
    # Big-endian and colour variants have one name: they are one to whoever reads the list.
    modes = tuple(dict.fromkeys(_modes(ioctl, _buffers(caps)))) if captures else ()
    driver, card = (x.decode("utf-8", "replace").strip() for x in (capability.driver, capability.card))
    return Device(driver, card, captures, modes)


def _modes(ioctl: Ioctl, kind: int) -> Iterator[Mode]:
    for description in entries(ioctl, ENUM_FMT, FormatDescription, type=kind):
        code = description.pixelformat
        for size in entries(ioctl, ENUM_FRAMESIZES, FrameSize, pixelformat=code):
            least, most = _ends(size)
            rates = entries(ioctl, ENUM_FRAMEINTERVALS, FrameInterval, pixelformat=code, width=most[0], height=most[1])
            # The first pair of a range is its shortest interval.
            fps = [rate.range[1] / rate.range[0] for rate in rates if rate.range[0]]
            yield Mode(fourcc(code), *most, max(fps, default=None), None if least == most else least)


def _ends(size: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """(smallest, largest) as (width, height)."""
    r = size.range
    if size.type == DISCRETE:
        return (r[0], r[1]), (r[0], r[1])
    return (r[0], r[3]), (r[1], r[4])


def entries(ioctl: Ioctl, number: int, kind: type[ctypes.Structure], **fields: int) -> Iterator[Any]:
    """What an enumerating ioctl lists: index 0, 1, ... until the driver says EINVAL (or does not know the request)."""
    for index in range(MAX_ENTRIES):
        entry = kind(index=index, **fields)
        try:
            ioctl(number, entry)
        except OSError as e:
            if e.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
                return
            raise
        yield entry


def fourcc(code: int) -> str:
    """`MJPG` of its 32 bits; the highest bit marks big-endian variants."""
    text = (code & 0x7FFF_FFFF).to_bytes(4, "little").decode("latin-1").strip()
    return text if text.isprintable() else f"0x{code:08x}"


def holders(path: str | Path, proc: Path = Path("/proc")) -> list[str]:
    """Other programs that have it open, as `name (process 123)`; those of other users are seen by root only."""
    device, found = os.path.realpath(path), []
    for process in sorted(proc.glob("[0-9]*"), key=lambda p: int(p.name)):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(target_of(link) == device for link in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
        except OSError:  # it has just ended, or is not ours to look into
            continue
    return found


def target_of(link: Path) -> str | None:
    """Where a link points; None when it is gone by now."""
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return None
