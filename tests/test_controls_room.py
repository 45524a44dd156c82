"""Keys and the room: it is shown to who confirms alone, a key held down shows nothing, pause hides everybody."""

import pytest

from rtseg.live.controls import CONFIRM_TIME, Controls
from rtseg.live.events import Event
from rtseg.live.keys import HELD, LONG_HELD
from rtseg.live.settings import Settings
from test_controls import Fingers, call


def test_the_room_is_shown_only_to_who_confirms() -> None:
    fingers = Fingers()
    fingers.press("\r")
    assert fingers.settings.effect and fingers.message is None
    fingers.press("e")
    assert fingers.settings.effect and "Enter" in str(fingers.message)
    fingers.tap("\r", CONFIRM_TIME + 0.1)
    assert fingers.settings.effect  # too late
    fingers.press("em\r")
    assert fingers.settings.effect  # another key in between
    for key in "jagree\r":  # somebody who types, and means another window
        fingers.tap(key, 0.2)
    assert fingers.settings.effect
    fingers.press("e\r")
    assert not fingers.settings.effect
    fingers.press("e")
    assert fingers.settings.effect
    fingers.press("e")
    assert fingers.settings.effect  # each time anew


@pytest.mark.parametrize(("after", "hidden"), [(2.9, False), (3.1, True)])
def test_it_is_confirmed_within_three_seconds(after: float, hidden: bool) -> None:
    fingers = Fingers()
    fingers.press("e")
    fingers.tap("\r", after)
    assert fingers.settings.effect == hidden


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize("repeat", [0.03, 0.1, 0.2, 0.25])
def test_a_key_held_down_shows_no_room(repeat: float, effect: bool) -> None:
    fingers = Fingers()
    if not effect:
        fingers.press("e\r")
    for after in [0.5, 0.66, *[repeat] * 40]:  # keyboards repeat after a pause
        fingers.tap("e", after)
        assert fingers.settings.effect


@pytest.mark.parametrize("key", ["b", " "])
def test_pause_held_down_stays_paused(key: str) -> None:
    fingers = Fingers()
    for after in [0.5, 0.66, *[0.03] * 40, 0.3]:
        fingers.tap(key, after)
        assert fingers.settings.paused
    fingers.tap(key, LONG_HELD)
    assert not fingers.settings.paused


def test_other_keys_held_down_count_once_but_blur_goes_on() -> None:
    fingers = Fingers()
    events = [fingers.tap("p", HELD / 3) for _ in range(9)]
    assert events == [Event.SNAPSHOT] + [None] * 8
    for _ in range(3):
        fingers.tap("+", HELD / 3)
    assert fingers.settings.blur == 35


def test_a_blur_that_hides_little_says_so() -> None:
    fingers = Fingers(Settings(blur=15.0))
    fingers.press("-")
    assert fingers.settings.blur == 10 and "recognised" not in str(fingers.message)
    fingers.press("-")
    assert fingers.settings.blur == 7 and "recognised" in str(fingers.message)


def test_pause_hides_everything_and_brings_the_effect_back() -> None:
    fingers = Fingers()
    fingers.press("e\r")
    assert not fingers.settings.effect
    fingers.press("b")
    assert fingers.settings.paused
    fingers.press("ee")
    fingers.wait(0.5)
    assert fingers.settings.effect and "paused" in str(fingers.message)
    fingers.press("b")
    assert fingers.settings == Settings()


def test_nothing_starts_with_the_effect_off() -> None:
    with pytest.raises(ValueError, match="effect on"):
        Controls(Settings(effect=False), [], call())
