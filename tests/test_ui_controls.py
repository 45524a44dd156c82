"""What the control page changes of the settings, beside the keys of the window."""

import pytest

from rtseg.live.controls import Controls
from rtseg.live.events import Event
from rtseg.live.settings import Settings
from test_controls import call


def controls(settings: Settings, *words: str) -> Controls:
    return Controls(settings, ["blur"], call(*words))


def test_each_change_says_what_has_to_be_done() -> None:
    made = controls(Settings())
    assert made.set({"edge": 0.5, "specks": 1.0, "mirror": True}) == [Event.MATTE]
    assert made.set({"edge": 0.5}) == []
    assert made.set({"model": "fast", "source": "1", "background": "#00ff00"}) == [
        *(Event.MODEL, Event.SOURCE, Event.BACKGROUND),
    ]
    assert made.settings == Settings("#00ff00", edge=0.5, specks=1.0, mirror=True, model="fast", source="1")


def test_the_room_and_pictures_keep_their_own_blur() -> None:
    made = controls(Settings(blur=40.0))
    made.set({"background": "beach.jpg"})
    assert made.settings.blur is None
    made.set({"blur": 7.0})
    made.set({"background": "#00ff00"})
    assert made.settings.blur is None, "a colour has none"
    made.set({"background": None})
    assert made.settings.blur == 40
    made.set({"background": "canyon.jpg"})
    assert made.settings.blur == 7
    made.set({"background": None, "blur": 12.0})
    assert made.settings.blur == 12


def test_the_effect_can_not_be_switched_off_from_there() -> None:
    made = controls(Settings())
    with pytest.raises(KeyError):
        made.set({"effect": False})
    assert made.settings.effect
    made.press(ord("e"), 10.0)
    made.press(ord("\r"), 11.0)
    assert not made.settings.effect
    made.pause(True)
    made.pause(False)
    assert made.settings.effect, "who pauses does not want to be seen"


def test_the_command_line_says_what_was_changed_and_nothing_else() -> None:
    made = controls(Settings(source="0", model="balanced"), "--source", "0", "--model", "balanced")
    assert made.command_line() == "rtseg cam --model balanced --source 0"
    made.set({"model": "fast", "source": "2", "specks": 1.5, "save_power": True, "target_fps": 20.0})
    words = "--specks 1.5 --model fast --source 2 --save-power --target-fps 20"
    assert made.command_line() == f"rtseg cam {words}"
