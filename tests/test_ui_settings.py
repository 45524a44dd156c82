"""Settings from the control page: each changes the picture, and wrong ones change nothing."""

from typing import Any

import pytest

from leaks import assert_no_room
from pages import Browser, session
from watching import BLUE, GREEN, becomes, share_of


def test_settings_change_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        becomes(page, lambda p: share_of(p, GREEN) > 0.5)
        assert page.set(background={"kind": "colour", "value": "#0000ff"}) is None
        becomes(page, lambda p: share_of(p, BLUE) > 0.5)
        assert page.state["background"] == {"kind": "colour", "value": "#0000ff"}
        beach = Browser(made.url).backgrounds()["beach.jpg"]["id"]
        assert page.set(background={"kind": "picture", "id": beach}, blur=10) is None
        becomes(page, lambda p: share_of(p, BLUE) < 0.3)
        assert page.state["background"] == {"kind": "picture", "id": beach} and page.state["blur"] == 10
        assert page.set(background={"kind": "none"}) is None
        becomes(page, lambda p: share_of(p, GREEN) > 0.5)
        changed = {
            "edge": -0.5,
            "feather": 0.5,
            "specks": 1.0,
            "smoothing": False,
            "save_power": True,
            "target_fps": 15,
        }
        assert page.set(**changed) is None
        page.until(lambda: {k: page.state[k] for k in changed} == changed)
        assert page.set(tier="balanced") is None
        page.until(lambda: page.stats and page.stats[-1]["tier"].startswith("balanced"))
        assert_no_room({"page": page.pictures})


WRONG: dict[str, Any] = {
    "edge": 7,
    "feather": "soft",
    "specks": None,
    "blur": 500,
    "smoothing": 1,
    "mirror": "yes",
    "tier": "best",
    "target_fps": -3,
    "source": "/etc/passwd",
    "effect": False,
    "paused": False,
    "recording": True,
    "view": "mask",
    "background": {"kind": "picture", "id": "/etc/passwd"},
}
MORE_WRONG = [
    *({"source": s} for s in ("file:///etc/passwd", "http://evil.example/x", "../x.mp4", 7, None, "9999", "-1", "٣")),
    *({"background": b} for b in (None, "beach.jpg", {}, {"kind": "picture"}, {"kind": "colour", "value": "url(x)"})),
    *({"background": {"kind": "colour", "value": v}} for v in ("#12345", "red", "#gggggg", 7, "/etc/passwd")),
    *({"blur": v} for v in ("20", True, [], -1, float("1e999"))),
]


def test_wrong_values_are_refused_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        before = page.state
        for values in [{name: value} for name, value in WRONG.items()] + MORE_WRONG:
            assert page.set(**values), values
        for values in (None, [], 7, {}, "x"):
            assert page.ask("set", values=values)["error"]
        assert "can't be done" in page.do("quit")["error"]
        assert page.do("nothing")["error"] and page.do("pause", on="yes")["error"] is None
        page.do("pause", on=False)
        page.until(lambda: not page.state["paused"])
        assert page.states[-1] == before
