"""Listing and finding cameras in made-up /dev and /sys folders; the command itself."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from rich.console import Console

from rtseg.commands.cameras import format_lines, run
from rtseg.errors import SourceError
from rtseg.sources.cameras import CameraInfo, cause, find_camera, linux_cameras, listed, no_permission
from rtseg.sources.v4l2 import Device, Mode
from test_cli import rtseg

MODES = (Mode("MJPG", 640, 480, 30.0), Mode("MJPG", 1920, 1080, 30.0), Mode("YUYV", 640, 480, 15.0))
CAMERAS = [
    CameraInfo(0, "Integrated Camera", "/dev/video0", "V4L2", MODES),
    CameraInfo(2, "Logi Brio 100", "/dev/video2", "V4L2"),
    CameraInfo(4, "Logi Brio", "/dev/video4", "V4L2", problem="no permission for /dev/video4"),
]


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """(sysfs, dev): a webcam of two nodes, a loopback with a lower number, a forbidden webcam of two nodes."""
    names = {0: "rtseg", 2: "Webcam", 3: "Webcam", 10: "Locked", 11: "Locked"}
    for number, name in names.items():
        node = tmp_path / "sys" / f"video{number}"
        node.mkdir(parents=True)
        (node / "name").write_text(f"{name}\n")
        (node / "index").write_text(f"{1 if number in (3, 11) else 0}\n")
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / "dev" / f"video{number}").touch()
    (tmp_path / "dev" / "videodev").touch()
    return tmp_path / "sys", tmp_path / "dev"


def ask(path: Path) -> Device:
    """In place of the driver."""
    number = int(path.name.removeprefix("video"))
    if number >= 10:
        raise OSError(errno.EACCES, "Permission denied")
    driver = "v4l2 loopback" if number == 0 else "uvcvideo"
    return Device(driver, "card", number != 3, MODES)


def test_only_nodes_that_give_pictures_and_virtual_ones_last(machine: tuple[Path, Path]) -> None:
    sysfs, dev = machine
    cameras = linux_cameras(sysfs, dev, ask)
    assert [(c.index, c.name, c.virtual) for c in cameras] == [
        (2, "Webcam", False),
        (10, "Locked", False),
        (0, "rtseg", True),
    ]
    assert cameras[0].path == str(dev / "video2") and cameras[0].modes == MODES
    assert "no permission" in (cameras[1].problem or "")


def test_without_sysfs_the_driver_names_it(machine: tuple[Path, Path], tmp_path: Path) -> None:
    assert linux_cameras(tmp_path / "nothing", machine[1], ask)[0].name == "card"


def test_real_nodes_that_are_no_cameras(machine: tuple[Path, Path]) -> None:
    cameras = linux_cameras(*machine)  # regular files, asked with real ioctls
    assert all("is no camera" in (c.problem or "") for c in cameras)


def test_formats_of_the_same_sizes_share_a_line() -> None:
    codes = [f"F{i:03}" for i in range(9)]
    assert format_lines([Mode(c, w, w, None) for c in codes for w in (64, 128)] + [MODES[0]]) == [
        "MJPG  640x480@30",
        "F000 F001 F002 F003 F004 F005 and 3 more  128x128 64x64",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2", "2"),
        ("/dev/video2", "2"),
        ("integrated", "0"),
        ("BRIO 100", "2"),
        ("logi brio", "4"),  # a whole name beats a part of another
        (" Integrated Camera ", "0"),
        ("clip.mp4", None),
        ("7", None),
        ("", None),
    ],
)
def test_a_camera_is_found_by_number_path_and_name(text: str, found: str | None) -> None:
    assert find_camera(text, CAMERAS) == found


def test_a_name_of_several_is_an_error_that_lists_them() -> None:
    with pytest.raises(SourceError, match=r"2 cameras are called 'Logi': 2 \(Logi Brio 100\), 4 \(Logi Brio\)"):
        find_camera("Logi", CAMERAS)


def test_list(console: Console, tmp_path: Path) -> None:
    run(console, tmp_path / "list.json", CAMERAS)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0  Integrated Camera  /dev/video0  V4L2\n   MJPG  1920x1080@30 640x480@30\n   YUYV  640x480@15\n" in said
    assert "no permission for /dev/video4" in said and "--source 0" in said
    written = json.loads((tmp_path / "list.json").read_text())
    assert written[0]["name"] == "Integrated Camera" and written[0]["modes"][1]["width"] == 1920


def test_no_cameras_is_no_error(console: Console) -> None:
    run(console, cameras=[])
    assert "no cameras here: " in console.file.getvalue()  # type: ignore[attr-defined]
    assert listed([]) == "none"


def test_command() -> None:
    rtseg("cameras", "--json", "list.json")
    assert isinstance(json.loads(Path("list.json").read_text()), list)
    assert "does not exist" in rtseg("cameras", "--json", "no/list.json", code=1)


def test_forbidden_node_names_the_cure(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.touch()
    node.chmod(0o600)
    assert f"no permission for {node}; its group has none" in no_permission(node)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another group")
def test_forbidden_node_names_its_group(tmp_path: Path) -> None:
    import grp

    node = tmp_path / "video0"
    node.touch()
    group = next(g for g in grp.getgrall() if g.gr_name != "root" and not g.gr_mem)
    os.chown(node, -1, group.gr_gid)
    node.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IWGRP)
    said = no_permission(node)
    assert f"sudo usermod -aG {group.gr_name} " in said and "log out and in" in said


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENODEV, "replug"), (errno.ENOTTY, "is no camera"), (errno.EBUSY, "in use"), (5, "can't")]
)
def test_each_cause_has_its_message(code: int, words: str) -> None:
    assert words in cause(OSError(code, os.strerror(code)), "/dev/video0")
