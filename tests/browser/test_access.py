"""For everybody: keyboard alone, what axe-core looks for, small and large screens, light and dark, two pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.visit import Visit

pytestmark = pytest.mark.browser
SIZES = [(360, 740), (1280, 800), (2560, 1440)]
GRAVE = ("serious", "critical")
FOCUSED = """() => {
    const el = document.activeElement;
    if (el === document.body) return { id: "BODY" };
    const style = getComputedStyle(el.matches("[type=radio]") ? el.nextElementSibling : el);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    return { id: el.id || el.getAttribute("aria-label") || el.textContent.trim() || el.tagName, ring };
}"""
BIGGEST = """() => [...document.querySelectorAll("button")]
    .map((b) => [b.offsetWidth * b.offsetHeight, b.id]).sort((a, b) => b[0] - a[0])[0][1]"""


def complaints(page: Visit) -> list[str]:
    """What axe-core finds that would keep somebody out."""
    folder = Path(pytest.importorskip("axe_playwright_python").__path__[0])
    page.page.evaluate((folder / "axe.min.js").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.page.evaluate("axe.run().then((r) => r.violations)")
    return [f"{v['id']}: {[n['target'] for n in v['nodes']]}" for v in found if v["impact"] in GRAVE]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_sizes(page: Visit, width: int, height: int, scheme: str) -> None:
    page.page.set_viewport_size({"width": width, "height": height})
    page.page.emulate_media(color_scheme=scheme)
    page.until_picture(lambda picture: True, "a picture")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    preview = page["#screen"].bounding_box()
    assert preview["y"] + preview["height"] <= height
    assert preview["width"] > 0.6 * width
    assert page.page.evaluate(BIGGEST) == "pause"
    if width < 2000:  # the largest has nothing of its own
        assert not complaints(page)
    page.keep(f"{width}x{height}-{scheme}")


def test_dialogs_and_the_banner(page: Visit) -> None:
    page["#help"].click()
    assert not complaints(page)
    page.page.keyboard.press("Escape")
    page["#room-ask"].click()
    assert not complaints(page)
    page["#room-yes"].click()
    page["#room-banner"].wait_for()
    page["#command"].click()
    page["#command-line"].wait_for()
    assert not complaints(page)
    page["#room-hide"].click()


def test_by_keyboard_alone(page: Visit) -> None:
    """Tab comes to everything once, what has the focus shows it, the gallery is one stop."""
    page[".skip"].focus()
    stops: list[str] = []
    for _ in range(60):
        page.page.keyboard.press("Tab")
        focused = page.page.evaluate(FOCUSED)
        if focused["id"] in ("BODY", "Skip to the backgrounds"):  # the end, or the beginning again
            break
        assert focused["ring"], f"nothing shows that {focused['id']} has the focus"
        stops.append(focused["id"])
    wanted = [
        "help",
        "pause",
        "snapshot",
        "record",
        "room-ask",
        "slider-edge",
        "target-fps",
        "source",
        "keep",
        "command",
    ]
    assert [stop for stop in stops if stop in wanted] == wanted, stops

    page["#gallery button[tabindex='0']"].focus()
    page.page.keyboard.press("Home")
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("Enter")
    page.until(lambda: page.state["background"]["kind"] == "picture", "the first picture")
    assert page["#gallery button[tabindex='0']"].count() == 1


def test_single_keys(page: Visit) -> None:
    press = page.page.keyboard.press
    press("b")
    page.until_state(paused=True)
    press("Space")
    page.until_state(paused=False)
    press(".")
    page.until(lambda: page.state["edge"] > 0, "more at the edge")
    press("f")
    page.until(lambda: page.state["feather"] > 0, "a softer edge")
    press("]")
    page.until(lambda: page.state["background"]["kind"] != "colour", "another background")
    press("?")
    page["#help-dialog"].wait_for()
    press("b")  # rests while a dialog is open
    page["#keys-on"].uncheck()
    press("Escape")
    page["#help-dialog"].wait_for(state="hidden")
    press("b")
    page["#snapshot"].press("m")
    page["#slider-specks"].press("End")
    page.until(lambda: page.state["specks"] > 0, "a slider's own key")
    assert page.state["paused"] is False and page.state["mirror"] is False
    page["#help"].click()
    page["#keys-on"].check()


def test_two_pages_agree(page: Visit, visit: Callable[..., Visit]) -> None:
    other = visit(viewport={"width": 360, "height": 740})
    page["#slider-feather"].press("End")
    other.until(lambda: other["#slider-feather"].input_value() == "1", "the other page's slider")
    other["#pause"].click()
    page.until(lambda: page["#pause-text"].inner_text() == "Go on", "the first page's button")
    other["#pause"].click()
    page.until(lambda: page["#pause-text"].inner_text() == "Pause", "the first page's button")
    other["#gallery [aria-label='space']"].click()
    page.until(lambda: page["#gallery .chosen .name"].inner_text() == "space", "the first page's gallery")
