"""What keys do to the settings, and what may go out: all without a window."""

import shlex
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from rtseg import cli
from rtseg.backgrounds.background import shipped_backgrounds
from rtseg.errors import OutputError
from rtseg.live.controls import CONFIRM_TIME, MESSAGE_TIME, Controls
from rtseg.live.events import Event
from rtseg.live.keys import HELD, HELP
from rtseg.live.settings import Settings, outgoing
from rtseg.live.steps import choices
from rtseg.options.call import Call, call_of
from rtseg.sinks.snapshot import free_path, save_snapshot

CAM = typer.main.get_command(cli.app).commands["cam"]  # type: ignore[attr-defined]
ROOM, PERSON, BEACH = (np.full((72, 128, 3), level, np.uint8) for level in (77, 150, 220))


def call(*words: str) -> Call:
    with CAM.make_context("cam", list(words)) as context:
        return call_of(context)


class Fingers:
    """Presses keys a little more than a second apart."""

    def __init__(self, settings: Settings | None = None, *words: str) -> None:
        settings = settings or Settings()
        self.controls = Controls(settings, choices(settings.background), call(*words))
        self.now = 100.0

    def press(self, keys: str) -> list[Event | None]:
        return [self.tap(key, 1.1) for key in keys]

    def tap(self, key: str, after: float) -> Event | None:
        """One key, `after` seconds after the last, with a look at the clock in between."""
        self.controls.press(None, self.now + after * 0.9)
        self.now += after
        return self.controls.press(ord(key), self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.controls.press(None, self.now)

    @property
    def settings(self) -> Settings:
        return self.controls.settings

    @property
    def message(self) -> str | None:
        return self.controls.message(self.now)


@pytest.mark.parametrize(
    ("key", "change", "event"),
    [
        ("m", {"mirror": True}, None),
        ("M", {"mirror": True}, None),
        ("v", {"view": "mask"}, None),
        ("i", {"inset": True}, None),
        ("t", {"timings": True}, None),
        ("s", {"smoothing": False}, Event.MATTE),
        (".", {"edge": 0.1}, Event.MATTE),
        (",", {"edge": -0.1}, Event.MATTE),
        ("f", {"feather": 0.25}, Event.MATTE),
        ("r", {"recording": True}, Event.RECORD),
        ("b", {"paused": True}, None),
        (" ", {"paused": True}, None),
        ("?", {"help": True}, None),
        ("h", {"help": True}, None),
        ("+", {"blur": 25.0}, Event.BACKGROUND),
        ("=", {"blur": 25.0}, Event.BACKGROUND),
        ("-", {"blur": 15.0}, Event.BACKGROUND),
    ],
)
def test_a_key_changes_one_thing(key: str, change: dict[str, object], event: Event | None) -> None:
    fingers = Fingers()
    assert fingers.press(key) == [event]
    assert fingers.settings == replace(Settings(), **change)  # type: ignore[arg-type]
    if key not in "+=-,.f":
        fingers.press(key)
        assert fingers.settings == Settings()


def test_keys_that_only_ask_for_something() -> None:
    fingers = Fingers()
    assert fingers.press("qQp\x1bxz\x01") == [Event.QUIT, Event.QUIT, Event.SNAPSHOT, Event.QUIT, None, None, None]
    assert fingers.settings == Settings()


def test_every_key_in_the_help_does_something_and_no_other_does() -> None:
    named = {{"Esc": "\x1b", "space": " "}.get(k, k) for keys, _ in HELP for k in keys.split()}
    for key in map(chr, range(128)):
        fingers = Fingers()
        does = any([fingers.press(key)[0], fingers.message, fingers.settings != Settings()])
        assert does == (key.lower() in named | {"=", "_"}), key


def test_blur_goes_up_and_down_within_its_limits() -> None:
    fingers = Fingers(Settings(blur=33.0))
    seen = []
    for _ in range(30):
        fingers.press("+")
        seen.append(fingers.settings.blur)
    assert seen[:3] == [35, 40, 45] and seen[-1] == 100 and "no more" in str(fingers.message)
    fingers.press("-" * 30)
    assert fingers.settings.blur == 1 and "no less" in str(fingers.message)


def test_the_edge_goes_in_tenths_within_its_limits_also_held_down() -> None:
    fingers = Fingers(Settings(edge=0.25), "--edge", "0.25")
    seen = []
    for _ in range(9):
        fingers.tap(".", HELD / 3)
        seen.append(fingers.settings.edge)
    assert seen[:2] == [0.3, 0.4] and seen[-1] == 1 and fingers.message == "edge 1: no more"
    assert fingers.press("." + "," * 10)[::9] == [None, Event.MATTE]
    assert (fingers.settings.edge, fingers.message) == (0, "edge 0")
    assert "--edge" not in fingers.controls.command_line()
    fingers.press("," * 20)
    assert fingers.settings.edge == -1 and fingers.message == "edge -1: no less"
    assert call(*shlex.split(fingers.controls.command_line())[2:]).values["edge"] == -1


def test_feather_goes_round() -> None:
    fingers = Fingers(Settings(feather=0.6), "--feather", "0.6")
    seen = []
    for _ in range(4):
        assert fingers.press("f") == [Event.MATTE]
        seen.append((fingers.settings.feather, fingers.message))
    assert seen == [(0.75, "feather 0.75"), (1, "feather 1"), (0, "feather off"), (0.25, "feather 0.25")]
    assert fingers.controls.command_line().endswith(" --feather 0.25")


def test_a_picture_can_be_blurred_and_sharp_again_but_no_colour() -> None:
    fingers = Fingers(Settings(background="beach.jpg"))
    fingers.press("++")
    assert fingers.settings.blur == 2
    assert fingers.press("---") == [Event.BACKGROUND, Event.BACKGROUND, None] and fingers.settings.blur is None
    green = Fingers(Settings(background="#00ff00"))
    assert green.press("+") == [None] and green.settings.blur is None and "colour" in str(green.message)


def test_backgrounds_go_round_and_each_kind_keeps_its_blur() -> None:
    fingers = Fingers(Settings(blur=50.0))
    names = [None, *shipped_backgrounds()]
    seen: list[str | None] = [fingers.settings.background]
    while fingers.press("]") == [Event.BACKGROUND] and fingers.settings.background is not None:
        assert fingers.settings.blur is None
        seen.append(fingers.settings.background)
    assert seen[: len(names)] == names and len(seen) > len(names)
    assert fingers.settings == Settings(blur=50.0)
    fingers.press("[")
    assert fingers.settings.background == seen[-1] and seen[-1] in str(fingers.message)


def test_a_folder_gives_its_own_files_and_a_broken_one_is_passed_over() -> None:
    Path("mine").mkdir()
    for name in ("c.PNG", "a.jpg", "b.mp4", "notes.txt", ".hidden.jpg"):
        Path("mine", name).touch()
    fingers = Fingers(Settings(background="mine"))
    works = fingers.settings
    fingers.press("]")
    assert Path(str(fingers.settings.background)).name == "b.mp4"
    fingers.controls.refuse_background(works, "b.mp4 is broken", fingers.now)
    assert fingers.settings.background == "mine" and fingers.message == "b.mp4 is broken"
    names = []
    for _ in range(3):
        fingers.press("]")
        names.append(Path(str(fingers.settings.background)).name)
    assert names == ["c.PNG", "a.jpg", "c.PNG"]


def test_what_goes_out() -> None:
    on, off = Settings(), Settings(effect=False)
    for settings, frame, expected in [
        (on, ROOM, PERSON),
        (on, None, PERSON),
        (off, ROOM, ROOM),
        (off, None, PERSON),
        (replace(on, paused=True), ROOM, BEACH),
        (replace(off, paused=True), ROOM, BEACH),
        (replace(on, inset=True, view="mask", help=True), ROOM, PERSON),
    ]:
        assert outgoing(settings, PERSON, frame, BEACH) is expected, settings


def test_e_without_enter_is_answered() -> None:
    fingers = Fingers()
    fingers.press("e")
    fingers.wait(CONFIRM_TIME - 0.1)
    assert "press Enter" in str(fingers.message)  # as long as it would be taken
    fingers.wait(0.2)
    assert "stays hidden" in str(fingers.message) and fingers.settings.effect
    fingers.press("\r")
    assert fingers.settings.effect
    fingers.wait(10)
    assert fingers.message is None
    fingers.press("em")
    fingers.wait(CONFIRM_TIME)
    assert fingers.message is None  # the other key said it already


def test_messages_vanish() -> None:
    fingers = Fingers()
    fingers.press("t")
    assert fingers.message == "timings on"
    fingers.wait(MESSAGE_TIME + 0.1)
    assert fingers.message is None
    fingers.press("r")
    fingers.controls.stop_recording("disk full", fingers.now)
    assert not fingers.settings.recording and fingers.message == "disk full"


def test_the_command_line_says_what_the_keys_did() -> None:
    words = ["--source", "my clip.mp4", "--model", "fast", "--no-window"]
    fingers = Fingers(Settings(background="it's.jpg"), "--bg", "it's.jpg", *words)
    fingers.press("m+]rbi")
    fingers.press("[")
    line = fingers.controls.command_line()
    assert line == """rtseg cam --bg 'it'"'"'s.jpg' --blur 1 --model fast --source 'my clip.mp4' --no-window --mirror"""
    assert call(*shlex.split(line)[2:]).different() == fingers.controls.call().different()
    assert Fingers().controls.command_line() == "rtseg cam"
    back = Fingers(Settings(blur=35.0), "--blur", "35")
    back.press("---")
    assert back.controls.command_line() == "rtseg cam"


def test_snapshots_never_overwrite(tmp_path: Path) -> None:
    when = datetime(2026, 11, 22, 21, 40, 5)
    (tmp_path / "rtseg-20261122-214005-2.png").symlink_to("nowhere")
    names = [save_snapshot(PERSON + level, tmp_path, when).name for level in range(3)]
    assert names == [f"rtseg-20261122-214005{x}.png" for x in ("", "-3", "-4")]
    assert [int(cv2.imread(str(tmp_path / name))[0, 0, 0]) for name in names] == [150, 151, 152]
    assert free_path(tmp_path, ".mp4", when).name == "rtseg-20261122-214005.mp4"
    with pytest.raises(OutputError, match="can't be written"):
        save_snapshot(PERSON, tmp_path / "gone", when)
