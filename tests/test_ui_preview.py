"""The control page's pictures: they move, they hold no room, and nothing is encoded that nobody asks for."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from leaks import WARM_UP, Net, Room, assert_no_room, violet
from pages import Browser, session
from rtseg.errors import ModelError
from rtseg.live.settings import Settings
from rtseg.live.surface import News
from rtseg.ui import preview
from rtseg.ui.surface import Moment
from watching import becomes, grey, pages_of


def test_the_preview_moves_and_holds_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        pictures = page.watch(20)
        assert_no_room({"page": page.pictures})
        assert len({p.tobytes() for p in pictures}) > 5
        stats = page.until(lambda: page.stats and page.stats[-1])
        assert stats["camera"] == {"name": "room", "width": 160, "height": 96} and stats["tier"] == "fast"
        assert (
            stats["fps"] > 0 and stats["latency_ms"] > 0 and stats["provider"] == "cpu" and "infer" in stats["stages"]
        )


TROUBLES: dict[str, Callable[[], dict[str, Any]]] = {
    "it fails": lambda: {"net": Net(lambda call: ModelError("made to fail") if call > WARM_UP + 20 else None)},
    "it hangs": lambda: {"net": Net(lambda call: time.sleep(0.6) if call == WARM_UP + 20 else None)},
    "the camera is lost": lambda: {"cameras": {"0": lambda: Room(breaks=25)}},
    "frames change their size": lambda: {"cameras": {"0": lambda: Room(grows=20)}},
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_in_trouble_the_background_is_shown(monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    with session(monkeypatch, **TROUBLES[trouble]()) as made, Browser(made.url).live() as page:
        page.watch(50)
        assert_no_room({"page": page.pictures}, trouble)


def test_the_search_is_not_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures in the room's colours would be found: a JPEG does not hide them."""
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        page.do("room")
        assert page.do("room", confirm=True)["error"] is None
        page.say(type="ready")
        page.until(lambda: page.rooms)
        assert violet(page.rooms[-1]).mean() > 0.3


def test_mirror_turns_the_preview_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("left.png").write_bytes(
        cv2.imencode(".png", np.hstack([np.full((48, 80, 3), c, np.uint8) for c in (30, 220)]))[1]
    )
    with session(monkeypatch, bg="left.png") as made, Browser(made.url).live() as page:
        becomes(page, lambda p: p[5, 5, 0] < p[5, -5, 0])
        assert page.set(mirror=True) is None
        becomes(page, lambda p: p[5, 5, 0] > p[5, -5, 0])
        saved = page.do("snapshot")["text"]
        picture = cv2.imread(saved)
        assert picture[5, 5, 0] < picture[5, -5, 0]


def test_one_jpeg_is_made_for_all_pages_of_a_size() -> None:
    made = preview.Preview()
    moment = Moment(1, np.zeros((96, 160, 3), np.uint8), None, Settings(), News())
    same = [made.jpeg(moment, "composite", 640) for _ in range(3)]
    assert same[0] is same[1] is same[2] and made.encoded == 1
    assert made.jpeg(moment, "composite", 320) and made.encoded == 2
    assert made.jpeg(moment, "room", 320) is None


def test_nothing_is_encoded_unless_a_page_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[tuple[int, ...]] = []

    def count(picture: np.ndarray, width: int, **options: Any) -> bytes:
        encoded.append(picture.shape)
        return real(picture, width, **options)

    real = preview.encoded
    monkeypatch.setattr(preview, "encoded", count)
    with session(monkeypatch) as made, ExitStack() as stack:
        (one,) = pages_of(made, 1, stack)
        one.until(lambda: len(one.stats) > 2)
        assert not encoded, "nobody has asked"
        one.watch(2)
        assert encoded
