"""The doctor's look at cameras and the virtual camera, in made-up surroundings."""

from pathlib import Path

from rtseg.commands.doctor.checks.devices import check_cameras, check_loopback
from rtseg.commands.doctor.checks.software import Check
from rtseg.sources.cameras import CameraInfo
from rtseg.sources.v4l2 import Mode


def loopback(folder: Path, exclusive: str, *nodes: int) -> tuple[Path, Path]:
    """(module, class) folders of sysfs with v4l2loopback loaded; node 0 is a webcam."""
    (folder / "module" / "parameters").mkdir(parents=True)
    (folder / "module" / "parameters" / "exclusive_caps").write_text(f"{exclusive}\n")
    for number in (0, *nodes):
        node = folder / "class" / f"video{number}"
        node.mkdir(parents=True)
        (node / "name").write_text("Webcam\n" if number == 0 else "rtseg\n")
        if number:
            (node / "max_openers").write_text("10\n")
    return folder / "module", folder / "class"


def test_virtual_camera_devices(tmp_path: Path) -> None:
    good, bad = check_loopback(*loopback(tmp_path, "Y,N,N", 9, 10))
    assert good == Check("virtual camera", "ok", "/dev/video9 (rtseg), exclusive_caps")
    assert bad.status == "note" and "/dev/video10" in bad.found and "exclusive_caps=1" in (bad.cure or "")


def test_virtual_camera_that_is_not_there(tmp_path: Path) -> None:
    (none,) = check_loopback(*loopback(tmp_path, "Y"))
    assert none.status == "note" and "without a device" in none.found
    (tmp_path / "modules" / "updates").mkdir(parents=True)
    nowhere = tmp_path / "nothing"
    (check,) = check_loopback(nowhere, nowhere, tmp_path / "modules")
    assert "not installed" in check.found and "apt install v4l2loopback-dkms" in (check.cure or "")
    (tmp_path / "modules" / "updates" / "v4l2loopback.ko.xz").touch()
    (check,) = check_loopback(nowhere, nowhere, tmp_path / "modules")
    assert "not loaded" in check.found and (check.cure or "").startswith("sudo modprobe v4l2loopback")


def test_cameras_are_tried() -> None:
    modes = (Mode("YUYV", 640, 480, 30.0), Mode("MJPG", 1920, 1080, 60.0), Mode("YUYV", 3840, 2160, 2.0))
    cameras = [CameraInfo(i, f"Cam{i}", f"/dev/video{i}", "V4L2", modes, virtual=i == 2) for i in range(3)]
    free, busy, virtual = check_cameras(cameras, lambda path: "in use by zoom" if path != "/dev/video0" else None)
    assert (free.status, "1920x1080@60 MJPG" in free.found) == ("ok", True)
    assert (busy.status, busy.cure, virtual.status) == ("note", "in use by zoom", "ok")
    assert [c.status for c in check_cameras([])] == ["note"]
