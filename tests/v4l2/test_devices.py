"""Real cameras and a real virtual camera, in a guest: what rtseg does with them, judged by what its jobs saw."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from guest import Guest

from conftest import FIRST, SHARED

pytestmark = pytest.mark.v4l2
TIMEOUT = 300.0  # seconds for a job; alone on two cores all of them take two to three minutes


@cache
def begin() -> Guest:
    """The one guest of all test processes: the first that asks starts it, see tests/conftest.py."""
    folder = Path(os.environ[SHARED]) / "guest"
    folder.mkdir(exist_ok=True)
    return Guest(Path(__file__).with_name("jobs.py"), folder, int(os.environ[FIRST]))


@pytest.fixture(scope="module")
def started() -> Iterator[Guest]:
    """It goes through its jobs in the order of the tests here, each of which waits for its own."""
    running = begin()
    yield running
    running.close()
    if (folder := os.environ.get("RTSEG_ARTEFACTS")) and running.log.exists():
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(running.log, Path(folder) / "guest-console.log")


@pytest.fixture
def seen(started: Guest, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the job saw that is called like the test."""
    name = request.function.__name__.removeprefix("test_")
    line = started.line(name, TIMEOUT)
    if reason := started.unavailable:
        pytest.skip(reason)
    assert line, f"the guest did not get to {name}; the end of {started.log}:\n{started.end_of_log()}"
    assert "error" not in line, f"{line['error']}\nthe guest's console: {started.log}"
    return line


def test_started(seen: dict[str, Any]) -> None:
    assert seen["devices"] == [f"/dev/video{n}" for n in (40, 41, 42, 43, 50)]


def test_cameras(seen: dict[str, Any]) -> None:
    assert seen["/dev/video50"][0].startswith("vivid")
    assert seen["/dev/video50"][1] is False
    assert seen["/dev/video50"][2] > 10  # formats and sizes
    assert seen["/dev/video43"][:2] == ["plain", True]
    assert "/dev/video42" not in seen  # gives no pictures at the moment


def test_measure(seen: dict[str, Any]) -> None:
    assert seen["room_pixels"] > 5000
    assert seen["camera_from_room"] < 4  # it finds a room where there is one


def test_composite(seen: dict[str, Any]) -> None:
    assert seen["report"] == "camera /dev/video40: asked 320x180@30 MJPG, got 320x180@30 YU12"
    assert seen["shape"] == [180, 320, 3]
    assert seen["written"] >= 5
    assert seen["different"] >= 4  # pictures that the reader told apart
    assert seen["from_composite"] < 4  # levels; colours are halved and rounded on the way
    assert seen["from_room"] > 25


def test_command(seen: dict[str, Any]) -> None:
    assert seen["code"] == 0, seen["output"]
    steps = ("started", "released", "taken", "seen", "released_again")
    assert [step for step in steps if not seen[step]] == [], seen["output"]
    assert "virtual camera: /dev/video41, 320x180" in seen["output"]
    assert seen["from_room"] > 25


def test_odd_size(seen: dict[str, Any]) -> None:
    assert seen["report"].startswith("camera /dev/video50: asked 1234x777@30 MJPG, got 1280x720@12.5 ")
    assert seen["shape"] == [720, 1280, 3]


def test_busy(seen: dict[str, Any]) -> None:
    assert "it is in use by python" in seen["message"]
    assert seen["after"] is None


def test_unfed(seen: dict[str, Any]) -> None:
    for kind in ("plain", "exclusive"):
        assert "no program feeds this virtual camera" in seen[kind]["message"]
    assert "gave no frame within 5 s" in seen["silent"]["message"]


def test_unplug(seen: dict[str, Any]) -> None:
    assert "camera /dev/video50 stopped giving frames after 3" in seen["message"]
    assert seen["seconds"] < 10
    assert seen["again"] == [360, 640, 3]


def test_remove(seen: dict[str, Any]) -> None:
    assert "it was unplugged (/dev/video50 is gone)" in seen["message"]
    assert seen["there"] is False
    assert "/dev/video50" in seen["absent"]
    assert seen["again"] == [360, 640, 3]


def test_virtual_again(seen: dict[str, Any]) -> None:
    assert seen["size"] == [320, 180]
    assert "a program still reads it in this size" in seen["remark"]
    assert seen["from_grey"] < 4
    assert seen["odd"] == [322, 182]
    assert "sides must be even" in seen["odd_remark"]


def test_virtual_demand(seen: dict[str, Any]) -> None:
    assert seen["device"] == "/dev/video41"  # the one called rtseg, though another has a lower number
    assert (seen["before"], seen["during"], seen["after"]) == (False, True, True)
    assert seen["names"][0].startswith("python") and "(process " in seen["names"][0]
    assert "already in use" in seen["second"]
    assert "virtual camera /dev/video41 is in use by python" in seen["other"]


def test_virtual_errors(seen: dict[str, Any]) -> None:
    assert "no virtual camera; virtual cameras here: /dev/video41 (rtseg)" in seen["/dev/video50"]
    assert "video_nr=99 exclusive_caps=1 card_label=rtseg" in seen["/dev/video99"]
    assert "there is no virtual camera nobody; use one of /dev/video41 (rtseg)" in seen["nobody"]
    assert "/dev/null is another kind of device" in seen["/dev/null"]
    assert "without exclusive_caps" in seen["plain"]
    assert "no permission for /dev/video40" in seen["forbidden"]
    assert seen["unloaded"]
    assert "sudo modprobe v4l2loopback exclusive_caps=1 card_label=rtseg" in seen["gone"]
    assert "video_nr=9 " in seen["gone_9"]
