"""The ioctls of V4L2 against a made-up driver that answers with the kernel's bytes, and real processes and files."""

import ctypes
import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from rtseg.sources import v4l2
from rtseg.sources.v4l2 import Mode, describe, holders, probe, refuses_format

MJPG, YUYV = (int.from_bytes(code, "little") for code in (b"MJPG", b"YUYV"))


class Driver:
    """Answers QUERYCAP and the enumerations as a UVC camera does: bytes laid out by hand, as in videodev2.h."""

    capabilities, device_caps = 0x84A0_0001, 0x0420_0001
    formats = (MJPG, YUYV)
    sizes: dict[int, list[bytes]] = {  # noqa: RUF012
        MJPG: [struct.pack("<3I", 1, 1280, 720), struct.pack("<3I", 1, 640, 480)],
        YUYV: [struct.pack("<7I", 3, 48, 1920, 8, 32, 1080, 4)],  # a range: least, most, step
    }
    rates = (struct.pack("<3I", 1, 1, 15), struct.pack("<3I", 1, 1001, 30_000))
    busy = False

    def __call__(self, request: int, entry: ctypes.Structure) -> None:
        given = bytes(entry)
        index = int.from_bytes(given[:4], "little")
        if request == 0x8068_5600:  # QUERYCAP
            text = b"uvcvideo".ljust(16, b"\0") + b"Brio 100".ljust(32, b"\0") + b"usb-1".ljust(32, b"\0")
            answer = text + struct.pack("<3I", 0x60000, self.capabilities, self.device_caps)
        elif request == 0xC040_5602 and index < len(self.formats):  # ENUM_FMT
            answer = given[:44] + struct.pack("<I", self.formats[index])
        elif request == 0xC02C_564A and index < len(sizes := self.sizes[struct.unpack_from("<I", given, 4)[0]]):
            answer = given[:8] + sizes[index]
        elif request == 0xC034_564B and index < len(self.rates):  # ENUM_FRAMEINTERVALS
            answer = given[:16] + self.rates[index]
        elif request in (0xC0D0_5604, 0xC0D0_5605):  # G_FMT, S_FMT
            if self.busy and request == 0xC0D0_5605:
                raise OSError(errno.EBUSY, "Device or resource busy")
            answer = given
        else:
            raise OSError(errno.EINVAL, "Invalid argument")
        ctypes.memmove(ctypes.addressof(entry), answer, len(answer))


def test_camera_with_its_formats_sizes_and_rates() -> None:
    device = describe(Driver())
    assert (device.driver, device.card, device.captures) == ("uvcvideo", "Brio 100", True)
    ntsc = pytest.approx(29.97, abs=0.001)
    assert device.modes == (
        Mode("MJPG", 1280, 720, ntsc),
        Mode("MJPG", 640, 480, ntsc),
        Mode("YUYV", 1920, 1080, ntsc, least=(48, 32)),
    )
    assert [str(m) for m in device.modes[1:]] == ["640x480@29.97", "48x32 to 1920x1080@29.97"]


def test_metadata_node_of_a_camera_is_no_camera() -> None:
    driver = Driver()
    driver.device_caps = 0x04A0_0000  # metadata; the camera as a whole still says that it captures
    device = describe(driver)
    assert not device.captures and device.modes == ()


def test_old_driver_without_device_caps() -> None:
    driver = Driver()
    driver.capabilities, driver.device_caps = 0x0400_0001, 0
    assert describe(driver).captures


def test_sizes_that_a_driver_does_not_list() -> None:
    driver = Driver()
    driver.sizes = {MJPG: [], YUYV: []}
    assert describe(driver).captures and describe(driver).modes == ()


def test_endless_list_ends() -> None:
    class Endless(Driver):
        def __call__(self, request: int, entry: ctypes.Structure) -> None:
            if request != 0xC034_564B:
                super().__call__(request, entry)

    assert len(describe(Endless()).modes) == 3


@pytest.mark.parametrize("busy", [False, True])
def test_busy_is_what_refuses_its_own_format(busy: bool) -> None:
    driver = Driver()
    driver.busy = busy
    assert refuses_format(driver) == busy


def test_what_is_no_device_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    with pytest.raises(OSError, match="ioctl") as e:
        probe(tmp_path / "video0")
    assert e.value.errno == errno.ENOTTY
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "video1")


def test_who_holds_it(tmp_path: Path) -> None:
    node, link = tmp_path / "video0", tmp_path / "by-name"
    node.touch()
    link.symlink_to(node)
    with node.open("rb") as f:
        assert holders(node) == []  # we do, and know it
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[f.fileno()])
    assert process.stdin
    with process, process.stdin:
        found = holders(link)
    assert len(found) == 1 and found[0].endswith(f"(process {process.pid})") and "python" in found[0]
    assert holders(node) == [] and os.path.exists(node)


def test_unprintable_format_is_a_number() -> None:
    assert [v4l2.fourcc(c) for c in (MJPG, MJPG | 1 << 31, 0x01)] == ["MJPG", "MJPG", "0x00000001"]
