"""What the page shows of the camera: it moves, it holds no room but after two clicks, it comes back by itself."""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest

from browser.visit import COMPOSITE, ROOM, Served, Visit, decoded, has_room, person_before_green, share_of
from leaks import violet

pytestmark = pytest.mark.browser
GREEN = (0, 255, 0)


def test_it_moves_and_holds_no_room(page: Visit) -> None:
    page.until(lambda: len(page.pictures) > 15 and len(set(page.pictures)) > 5, "15 pictures, and 5 different ones")
    composites = page.of_kind(COMPOSITE)
    assert not [k for k, picture in enumerate(composites) if has_room(picture)]
    assert not page.of_kind(ROOM)
    differences = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(composites)]
    assert sum(d > 0.5 for d in differences) >= 3, differences
    on_screen = cv2.resize(decoded(page["#screen"].screenshot()), composites[-1].shape[1::-1])
    assert person_before_green(on_screen) and not has_room(on_screen)


def test_the_room_takes_two_clicks(page: Visit) -> None:
    page["#room-ask"].click()
    page["#room-dialog"].wait_for()
    assert "your real room" in page["#room-title"].inner_text()
    page["#room-no"].click()
    many = len(page.pictures) + 5
    page.until(lambda: len(page.pictures) > many, "5 more pictures")
    assert not page.of_kind(ROOM) and page["#room-banner"].is_hidden()

    page.page.keyboard.press("i")
    page["#room-yes"].click()
    page["#room-banner"].wait_for()
    page.until(lambda: page.of_kind(ROOM), "the room")
    assert violet(page.of_kind(ROOM)[-1]).mean() > 0.3, "the search for the room is blind"
    assert "s left" in page["#room-left"].inner_text()
    page.until(lambda: violet(page.drawn("#room")).mean() > 0.3, "it is drawn")
    assert not any(map(has_room, page.of_kind(COMPOSITE)))
    page.keep("room")

    page["#room-hide"].click()
    page["#room-banner"].wait_for(state="hidden")
    assert not page.drawn("#room").any()
    page.pictures.clear()
    page.until(lambda: len(page.pictures) > 5, "5 more pictures")
    assert not page.of_kind(ROOM)


def test_another_page_does_not_see_the_room(page: Visit, visit: Callable[..., Visit]) -> None:
    other = visit()
    page["#room-ask"].click()
    page["#room-yes"].click()
    page.until(lambda: page.of_kind(ROOM), "the room")
    other.pictures.clear()
    other.until(lambda: len(other.pictures) > 5, "5 more pictures")
    assert not other.of_kind(ROOM) and other["#room-banner"].is_hidden()
    page.page.keyboard.press("b")  # who pauses does not want to be seen
    page["#room-banner"].wait_for(state="hidden")


def test_paused_it_shows_nobody(page: Visit) -> None:
    page["#pause"].click()
    page.until_state(paused=True)
    page.until_picture(lambda picture: share_of(picture, GREEN) > 0.999, "nothing but green")
    assert page["#badge"].inner_text() == "Paused" and page["#curtain"].is_visible()
    assert page["#pause"].inner_text().startswith("Go on")
    page["#pause"].click()
    page.until_picture(person_before_green, "the person again")


def test_it_comes_back_after_a_restart(page: Visit, served: Served) -> None:
    served.stop()
    page["#veil"].wait_for()
    assert page["#veil"].inner_text().startswith("Connection lost") and page["#badge"].inner_text() == "Offline"
    assert page["#room-banner"].is_hidden()
    page.pictures.clear()
    served.start()
    page["#veil"].wait_for(state="hidden")
    page.until_picture(person_before_green, "the person again")
    assert page["#badge"].inner_text() == "Live"
