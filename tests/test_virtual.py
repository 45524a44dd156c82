"""The virtual camera as far as it goes without one: names, sizes, the beat, and what is said when it is missing.

What it does on a real device: tests/v4l2.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from rtseg.arrays import U8
from rtseg.errors import OutputError
from rtseg.sinks import loopback
from rtseg.sinks.virtual import Demand, Sender, VirtualCamera, boxed, next_due, parse_virtual

WAIT = 20.0  # seconds after which something that should have happened won't


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("virtual", ""),
        ("virtual:", ""),
        ("virtual:/dev/video9", "/dev/video9"),
        ("virtual:OBS Virtual Camera", "OBS Virtual Camera"),
        ("virtual.mp4", None),
        ("virtually:9", None),
        ("talk.mp4", None),
        ("", None),
    ],
)
def test_what_out_names(text: str, device: str | None) -> None:
    assert parse_virtual(text) == device


def picture(width: int, height: int, level: int = 200) -> U8:
    return np.full((height, width, 3), level, np.uint8)


def test_pictures_are_copied() -> None:
    given = picture(32, 18)
    shown = boxed(given, (32, 18))
    given[:] = 0
    assert shown.min() == 200


def test_an_odd_side_grows() -> None:
    given = picture(31, 17)
    given[-1] = 7
    shown = boxed(given, (32, 18))
    assert shown.shape == (18, 32, 3)
    assert shown[-1].min() == shown[-1].max() == 7
    assert np.array_equal(shown[:17, :31], given)


@pytest.mark.parametrize(
    ("size", "box"),  # box: left, top, width, height
    [
        ((18, 32), (11, 0, 10, 18)),
        ((64, 18), (0, 4, 32, 9)),
        ((16, 9), (0, 0, 32, 18)),
        ((2, 40), (15, 0, 1, 18)),
        ((30, 18), (1, 0, 30, 18)),  # two pixels are more than a side grows by
    ],
)
def test_other_sizes_are_centred_on_black(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    shown = boxed(picture(*size), (32, 18))
    left, top, width, height = box
    expected = picture(32, 18, 0)
    expected[top : top + height, left : left + width] = 200
    assert np.array_equal(shown, expected)


def test_the_beat() -> None:
    assert next_due(10.0, 10.01, 0.1) == pytest.approx(10.1)
    assert next_due(10.0, 10.5, 0.1) == pytest.approx(10.6)  # missed: neither a burst nor a shift of all that follow


def test_the_last_picture_is_repeated_and_the_newest_wins() -> None:
    seen: list[int] = []
    three, new = Event(), Event()

    def send(shown: U8) -> None:
        seen.append(int(shown[0, 0, 0]))
        if seen.count(1) == 3:
            three.set()
        if seen[-1] == 2:
            new.set()

    sender = Sender(send, picture(2, 2, 1), fps=200)
    assert three.wait(WAIT)
    sender.picture = picture(2, 2, 2)
    assert new.wait(WAIT)
    assert sender.close()
    assert set(seen) == {1, 2}


def test_a_lost_camera_is_told_and_not_tried_for_ever() -> None:
    tried, failed = [], Event()

    def send(shown: U8) -> None:
        tried.append(shown)
        failed.set()
        raise OSError("gone")

    sender = Sender(send, picture(2, 2), fps=200)
    assert failed.wait(WAIT)
    assert sender.close()
    assert str(sender.error) == "gone"
    assert len(tried) == 1


def test_wanted_while_read_and_a_while_longer() -> None:
    looks, looked = [["zoom (process 1)"], [], [], [], ["zoom (process 1)"]], Event()

    def readers() -> list[str]:
        if not looks:
            looked.set()
            return ["zoom (process 1)"]
        return looks.pop(0)

    demand = Demand(readers, interval=0.01)
    assert demand.wanted
    assert looked.wait(WAIT)
    assert demand.wanted  # it lingers: three looks without a reader are shorter than that here
    demand.close()


def test_not_wanted_without_readers_but_where_they_are_unknown() -> None:
    nobody = Demand(list, interval=0.01)
    assert not nobody.wanted
    nobody.close()
    unknown = Demand(lambda: None)
    assert unknown.wanted
    unknown.close()


def fake_sysfs(tmp_path: Path, *names: str, attribute: str = "max_openers") -> Path:
    for number, name in enumerate(names):
        node = tmp_path / f"video{number}"
        node.mkdir()
        (node / "name").write_text(f"{name}\n")
        if not name.startswith("Brio"):
            (node / attribute).write_text("10\n")
    return tmp_path


def test_our_own_comes_first(tmp_path: Path) -> None:
    names = ("Brio 300", "OBS", "rtseg")
    assert loopback.nodes(fake_sysfs(tmp_path, *names)) == {"/dev/video2": "rtseg", "/dev/video1": "OBS"}


def test_a_real_camera_is_no_virtual_one(tmp_path: Path) -> None:
    sysfs, dev = fake_sysfs(tmp_path, "Brio 300", "OBS"), tmp_path
    with pytest.raises(OutputError, match=r"/dev/video0 is Brio 300, no virtual camera; .* /dev/video1 \(OBS\)"):
        loopback.choose("0", sysfs=sysfs, dev=dev)
    with pytest.raises(OutputError, match=r"no virtual camera /dev/video7; use one of .*video_nr=7 exclusive_caps=1"):
        loopback.choose("7", sysfs=sysfs, dev=dev)
    with pytest.raises(OutputError, match=r"no virtual camera Zoom; use one of /dev/video1 \(OBS\)$"):
        loopback.choose("Zoom", sysfs=sysfs, dev=dev)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    none, module = tmp_path / "none", tmp_path / "module"
    module.mkdir()
    assert loopback.nothing_there(None, none, none) == (
        "there is no virtual camera yet: v4l2loopback is not installed; run: sudo apt install v4l2loopback-dkms "
        "linux-headers-$(uname -r) && "
        "sudo modprobe v4l2loopback exclusive_caps=1 card_label=rtseg"
    )
    (tmp_path / "updates/dkms").mkdir(parents=True)
    (tmp_path / "updates/dkms/v4l2loopback.ko.xz").touch()
    assert "is not loaded; run: sudo modprobe v4l2loopback video_nr=9 " in loopback.nothing_there(
        "/dev/video9", none, tmp_path
    )
    assert "has no device; load it anew: sudo modprobe -r" in loopback.nothing_there(None, module, tmp_path)


@pytest.mark.parametrize(("text", "size"), [("", None), ("YU12:640x360@30", (640, 360))])
def test_the_size_that_readers_hold(tmp_path: Path, text: str, size: tuple[int, int] | None) -> None:
    sysfs = fake_sysfs(tmp_path, "rtseg")
    (sysfs / "video0/format").write_text(f"{text}\n")
    assert loopback.fixed_size("/dev/video0", sysfs) == size


def test_a_format_that_we_dont_write(tmp_path: Path) -> None:
    sysfs = fake_sysfs(tmp_path, "rtseg")
    (sysfs / "video0/format").write_text("YUYV:640x360@30\n")
    with pytest.raises(OutputError, match=r"is being read as YUYV by .*; stop the camera there first"):
        loopback.fixed_size("/dev/video0", sysfs)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(OutputError, match=re.escape("pip install 'rtseg[vcam]'")):
        VirtualCamera(size=(320, 180), fps=30)


@pytest.mark.skipif(sys.platform != "linux", reason="asks v4l2loopback")
def test_without_a_driver() -> None:
    pytest.importorskip("pyvirtualcam")
    if loopback.nodes():
        pytest.skip("this machine has virtual cameras")
    with pytest.raises(OutputError, match=r"run: .*sudo modprobe v4l2loopback exclusive_caps=1 card_label=rtseg"):
        VirtualCamera(size=(320, 180), fps=30)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_who_reads(tmp_path: Path) -> None:
    device = tmp_path / "video9"
    device.touch()
    hold = "import sys; f = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with (
        subprocess.Popen(
            [sys.executable, "-c", hold, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as program,
        device.open(),
    ):
        assert program.stdout and program.stdin
        program.stdout.readline()
        assert [int(re.sub(r"\D", "", name.split("process")[1])) for name in loopback.readers(str(device))] == [
            program.pid
        ]
        assert os.getpid() != program.pid
        program.stdin.close()
    assert loopback.readers(str(device)) == []
