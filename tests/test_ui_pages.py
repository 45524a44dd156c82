"""Several control pages of one session: they agree, come and go, and one that stalls holds up nobody."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from leaks import pictures_in
from pages import Browser, session
from watching import becomes, grey, pages_of


def test_two_pages_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made, Browser(made.url).live() as one, Browser(made.url).live() as other:
        assert one.set(edge=0.5, background={"kind": "blur"}, blur=40) is None
        other.until(lambda: other.state["edge"] == 0.5 and other.state["blur"] == 40)
        assert other.do("pause", on=True)["error"] is None
        one.until(lambda: one.state["paused"])
        assert one.states[-1] == other.states[-1]


def test_a_page_that_stalls_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the loop, whose frames are counted, nor another page."""
    with session(monkeypatch) as made, ExitStack() as stack:
        stalled, flooding, page = pages_of(made, 3, stack)
        for _ in range(3):
            stalled.say(type="ready")  # and nothing of what comes is read
        for _ in range(500):
            flooding.say(type="ready")
        becomes(page, grey)
        page.do("record", on=True)
        pictures = page.watch(40)
        recorded = page.do("record", on=False)["text"]
        assert len({p.tobytes() for p in pictures}) > 20
        assert len(pictures_in(Path(recorded))) >= 20


def test_a_page_comes_back_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made:
        browser = Browser(made.url)
        with browser.live() as page:
            page.watch(1)
    with session(monkeypatch) as again:
        assert again.url != made.url
        browser.host = Browser(again.url, enter=False).host  # a free port again, here
        browser.cookie = f"rtseg-{browser.host.partition(':')[2]}={browser.cookie.partition('=')[2]}"
        with browser.live() as page:
            page.watch(1)


def test_a_page_outlives_the_folder_that_rtseg_was_started_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    with session(monkeypatch) as made, Browser(made.url).live() as page:
        becomes(page, grey)
        (tmp_path / "gone").rmdir()
        assert page.set(edge=0.5) is None
        page.until(lambda: page.state["edge"] == 0.5)
        assert page.do("snapshot")["error"]
        becomes(page, grey)
    monkeypatch.chdir(tmp_path)


def test_pages_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(monkeypatch) as made:
        browser = Browser(made.url)
        for _ in range(8):
            with browser.live() as page:
                page.watch(1)
        with browser.live() as page:
            becomes(page, grey)
