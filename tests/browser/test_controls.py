"""Each control changes the state that all pages draw, and the pictures where it concerns them."""

import re
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from browser.visit import Served, Visit, has_room, person_before_green, share_of

pytestmark = pytest.mark.browser
GREEN = (0, 255, 0)


@pytest.mark.parametrize("name", ["edge", "feather", "specks"])
def test_a_slider_by_keyboard(page: Visit, name: str) -> None:
    slider = page[f"#slider-{name}"]
    slider.press("End")
    highest = page.state["ranges"][name][1]
    page.until_state(**{name: highest})
    slider.press("ArrowLeft")
    page.until(lambda: 0 < page.state[name] < highest, "one step less")
    assert f"{page.state[name]:.2f}" in page[f".slider:has(#slider-{name}) output"].inner_text()


def test_a_slider_acts_while_it_is_dragged(page: Visit) -> None:
    """More is kept at the edge, then less; the pictures say so before the button is let go."""
    box = page["#slider-edge"].bounding_box()
    y = box["y"] + box["height"] / 2
    page["#slider-edge"].scroll_into_view_if_needed()
    box = page["#slider-edge"].bounding_box()
    y = box["y"] + box["height"] / 2
    mouse = page.page.mouse
    mouse.move(box["x"] + box["width"] / 2, y)
    mouse.down()
    greens = {}
    for share, wanted in ((0.0, -1), (1.0, 1)):
        mouse.move(box["x"] + (0.02 if share == 0 else 0.98) * box["width"], y, steps=6)
        page.until(lambda wanted=wanted: abs(page.state["edge"] - wanted) < 0.15, f"edge near {wanted}")
        page.pictures.clear()
        page.until(lambda: len(page.pictures) > 24, "pictures of the whole clip")
        greens[wanted] = np.mean([share_of(picture, GREEN) for picture in page.of_kind(0)])
    mouse.up()
    assert greens[-1] > greens[1] + 0.005, greens


def test_blur_of_a_picture(page: Visit) -> None:
    page["#gallery [aria-label='beach']"].click()

    def detail(picture: np.ndarray) -> float:
        corner = picture[: picture.shape[0] // 3, : picture.shape[1] // 4]
        return float(cv2.Laplacian(cv2.cvtColor(corner, cv2.COLOR_BGR2GRAY), cv2.CV_32F).std())

    sharp = detail(page.until_picture(lambda picture: share_of(picture, GREEN) < 0.02, "the beach"))
    page["#slider-blur"].press("End")
    page.until_state(blur=100)
    page.until_picture(lambda picture: detail(picture) < 0.8 * sharp, "a blurred beach")
    page["#gallery [aria-label^='None']"].click()
    page.until(lambda: page["#slider-blur"].is_disabled(), "a colour has no blur")


@pytest.mark.parametrize(
    ("text", "name"), [("Steady edges", "smoothing"), ("Mirror the preview", "mirror"), ("Save power", "save_power")]
)
def test_a_switch(page: Visit, text: str, name: str) -> None:
    before = page.state[name]
    page.page.get_by_role("switch", name=text).click()
    page.until_state(**{name: not before})
    page.page.get_by_role("switch", name=text).click()
    page.until_state(**{name: before})


def test_mirrored_pictures(page: Visit) -> None:
    """The person leans to one side of the clip; mirrored to the other."""
    still = page.until_picture(person_before_green, "a picture")
    page.page.keyboard.press("m")

    def mirrored(picture: np.ndarray) -> bool:
        apart = [np.abs(still.astype(int) - other).mean() for other in (picture, picture[:, ::-1])]
        return bool(apart[1] < apart[0])

    page.until_state(mirror=True)
    page.until_picture(mirrored, "a mirrored picture")


def test_tier_and_rate(page: Visit) -> None:
    for tier in ("balanced", "auto", "fast"):
        page[f"#tier label:has([value={tier}])"].click()
        page.until_state(tier=tier)
    page["#target-fps"].select_option("24")
    page.until_state(target_fps=24)
    page["#target-fps"].select_option("")
    page.until_state(target_fps=None)


def test_another_camera_and_back(page: Visit) -> None:
    page.until(lambda: page["#source option"].count() >= 2, "what there is to choose from")
    page["#source"].select_option("demo")
    page.until(lambda: page.state["source"] == "demo" and page.stats["camera"]["name"] == "demo", "the demo clip")
    page["#source"].select_option("start")
    page.until(lambda: "room" in page.stats["camera"]["name"], "the clip of before")
    assert not any(map(has_room, page.of_kind(0)))


def test_snapshot_and_recording(page: Visit, served: Served) -> None:
    page["#snapshot"].click()
    page[".toast:has-text('Picture saved')"].wait_for()
    (saved,) = served.folder.glob("*.png")
    picture = cv2.imread(str(saved))
    assert picture is not None and person_before_green(picture) and not has_room(picture)
    page["#record"].click()
    page.until(lambda: page.state["recording"] is not None, "a recording")
    assert page["#on-air"].is_visible() and page["#record"].inner_text() == "Stop"
    many = len(page.pictures) + 10
    page.until(lambda: len(page.pictures) > many, "10 more pictures")
    page["#record"].click()
    page.until_state(recording=None)
    page[".toast:has-text('Recording ended')"].wait_for()
    (film,) = (path for path in served.folder.glob("*.mp4") if ".partial" not in path.name)
    with av.open(str(film)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) > 5 and not any(map(has_room, frames))


def test_keep_and_copy(visit: Callable[..., Visit], served: Served) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.reset()
    page["#slider-feather"].press("End")
    page.until_state(feather=1)
    page["#command"].click()
    page["#command-line"].wait_for()
    line = page["#command-line"].inner_text()
    assert re.match(r"rtseg (cam|ui) ", line) and "--feather 1" in line
    page[".toast:has-text('Copied')"].wait_for()
    assert page.page.evaluate("navigator.clipboard.readText()") == line
    page["#keep"].click()
    page[".toast:has-text('Kept in')"].wait_for()
    (config,) = Path(served.home).rglob("config.toml")
    assert "feather = 1" in config.read_text(encoding="utf-8")


def test_the_virtual_camera_says_what_is_missing(page: Visit) -> None:
    """Where there is one it goes on; else the cure can be copied."""
    switch = page.page.get_by_role("switch", name="Virtual camera")
    switch.click()
    page.until(lambda: page.state["virtual"]["on"] or page.state["virtual"]["problem"], "on, or what is missing")
    if page.state["virtual"]["on"]:
        switch.click()
        return
    page["#cure"].wait_for()
    page.until(lambda: not switch.is_checked(), "the switch is off again")
    assert page["#problem"].inner_text()
    page[".toast.error"].wait_for()
