"""What the control page starts: virtual camera, recordings, snapshots, the config that is kept."""

from pathlib import Path

import pytest

from leaks import FakeCamera, assert_no_room, pictures_in
from pages import Browser, session
from rtseg.errors import OutputError
from rtseg.options import config
from rtseg.sinks import loopback
from watching import becomes, grey


def test_a_virtual_camera_is_switched_on_and_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        FakeCamera.sent = []
        assert page.do("virtual", on=True)["error"] is None
        page.until(lambda: page.state["virtual"]["on"])
        page.watch(10)
        assert FakeCamera.sent
        assert page.do("virtual", on=False)["error"] is None
        page.until(lambda: not page.state["virtual"]["on"])
        sent = len(FakeCamera.sent)
        page.watch(10)
        assert len(FakeCamera.sent) == sent
        assert_no_room({"virtual": [p for p in FakeCamera.sent if p.any()]})


def test_what_a_virtual_camera_needs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        why = loopback.nothing_there(None, Path("/none"), Path("/none"))

        def choose(*_: object) -> str:
            raise OutputError(why)

        monkeypatch.setattr(loopback, "choose", choose)
        assert page.do("virtual", on=True)["error"] == why
        virtual = page.until(lambda: page.state["virtual"]["problem"] and page.state["virtual"])
        assert not virtual["on"] and virtual["cure"].startswith("sudo apt install v4l2loopback")


def test_recordings_and_snapshots_hold_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        recording = page.do("record", on=True)["text"]
        page.until(lambda: page.state["recording"])
        picture = page.do("snapshot")["text"]
        page.watch(10)
        assert page.do("record", on=True)["error"] is None and page.state["recording"] == recording
        assert page.do("record", on=False)["text"] == recording
        page.until(lambda: page.state["recording"] is None)
        assert_no_room({name: pictures_in(Path(name)) for name in (recording, picture)})


def test_the_config_and_the_command_line_are_those_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        assert page.do("copy")["text"].startswith("rtseg ui")
        kept = page.do("keep")
        assert kept["error"] is None and kept["text"] == str(config.default_path())
        assert config.default_path().is_file()
