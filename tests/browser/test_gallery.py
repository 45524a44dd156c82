"""Backgrounds on the page: chosen, dropped, refused, deleted."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

from browser.visit import Served, Visit, has_room, share_of

pytestmark = pytest.mark.browser
ORANGE, WHITE = (0, 128, 255), (255, 255, 255)
DROP = """([name, kind, bytes]) => {
    const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
    const given = new DataTransfer();
    given.items.add(new File([data], name, { type: kind }));
    const send = (event) =>
        document.querySelector("#preview").dispatchEvent(
            new DragEvent(event, { dataTransfer: given, bubbles: true, cancelable: true }));
    send("dragenter");
    const shown = !document.querySelector("#drop").hidden;
    send("drop");
    return shown && document.querySelector("#drop").hidden;
}"""


def dropped(page: Visit, name: str, kind: str, data: bytes) -> None:
    assert page.page.evaluate(DROP, [name, kind, base64.b64encode(data).decode()]), "the page takes no notice of it"


def orange_jpeg() -> bytes:
    picture = np.full((180, 320, 3), ORANGE, np.uint8)
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def test_pictures_colours_none_and_blur(page: Visit) -> None:
    def chosen() -> str:
        return str(page["#gallery .chosen .name"].inner_text())

    page["#gallery [aria-label='Colour']"].click()
    page["#swatches [data-value='#ffffff']"].click()
    page.until_picture(lambda picture: share_of(picture, WHITE) > 0.2, "white")
    assert chosen() == "Colour"
    page["#swatches input"].fill("#ff8000")
    page.until_picture(lambda picture: share_of(picture, ORANGE) > 0.2, "orange")
    page["#gallery [aria-label='canyon']"].click()
    page.until(lambda: chosen() == "canyon" and page.state["background"]["kind"] == "picture", "the canyon")
    page["#gallery [aria-label^='None']"].click()
    page.until_picture(lambda picture: share_of(picture, (0, 255, 0)) > 0.2, "green")
    page["#gallery [aria-label*='blurred']"].click()
    page.until(lambda: chosen() == "Blur" and page.state["background"] == {"kind": "blur"}, "blur")
    page.page.keyboard.press("]")
    page.until(lambda: chosen() not in ("Blur", "None"), "the next one")
    loaded = "() => [...document.querySelectorAll('#gallery img')].every((i) => i.complete && i.naturalWidth > 100)"
    page.page.wait_for_function(loaded)


def test_a_picture_is_dropped_and_deleted(page: Visit, served: Served) -> None:
    dropped(page, "sunset.jpg", "image/jpeg", orange_jpeg())
    page.until_picture(lambda picture: share_of(picture, ORANGE) > 0.2, "the picture that was dropped")
    tile = page["#gallery [aria-label^='sunset']"]
    assert tile.get_attribute("aria-pressed") == "true"
    assert [path.stem for path in served.backgrounds.iterdir()] == ["sunset"]
    page["#gallery [aria-label='beach']"].click()
    page.until(lambda: tile.get_attribute("aria-pressed") == "false", "another one")
    tile.press("Delete")
    page["#remove-no"].click()
    assert tile.is_visible()
    tile.press("Delete")
    page["#remove-yes"].click()
    tile.wait_for(state="detached")
    assert not list(served.backgrounds.iterdir())


def test_a_film_is_chosen(page: Visit, served: Served, clip: Path) -> None:
    page["#file"].set_input_files(clip)
    page["#gallery [aria-label='clip, film, yours']"].wait_for()
    page.until(lambda: page.state["background"]["kind"] == "video", "the film")
    page.until_picture(lambda picture: share_of(picture, (0, 255, 0)) < 0.02, "no green any more")
    assert not any(map(has_room, page.of_kind(0)))


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("notes.txt", "text/plain", b"not a picture at all"),
        ("broken.jpg", "image/jpeg", orange_jpeg()[:200]),
        ("empty.png", "image/png", b""),
    ],
)
def test_what_is_no_picture_is_refused_in_words(page: Visit, served: Served, name: str, kind: str, data: bytes) -> None:
    before = sorted(served.backgrounds.glob("*"))
    dropped(page, name, kind, data)
    page[".toast.error"].wait_for()
    said = page[".toast.error p"].inner_text()
    assert name in said and len(said.split()) > 2
    assert page["#gallery .chosen .name"].inner_text() == "Colour"
    assert sorted(served.backgrounds.glob("*")) == before
    page.page.get_by_role("button", name="Dismiss").last.click()
    page[".toast.error"].wait_for(state="detached")
