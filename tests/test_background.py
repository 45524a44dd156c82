from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.backgrounds.background import load_background, small_enough
from rtseg.errors import BackgroundError
from rtseg.files import ASSETS
from rtseg.pixels.geometry import cover


def test_shipped_picture_is_found_by_name() -> None:
    expected = cv2.imread(str(ASSETS / "backgrounds" / "beach.jpg"))
    np.testing.assert_array_equal(load_background("beach.jpg"), expected)


def test_working_directory_comes_first(tmp_path: Path) -> None:
    mine = np.full((40, 60, 3), (10, 20, 30), np.uint8)
    cv2.imwrite(str(tmp_path / "beach.jpg"), mine)
    assert load_background("beach.jpg").shape == (40, 60, 3)


def test_colour_is_rgb_and_array_bgr() -> None:
    np.testing.assert_array_equal(load_background("#ff8000"), [[[0, 128, 255]]])


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (33, 77)])
def test_cover_never_stretches(size: tuple[int, int]) -> None:
    """A circle stays a circle."""
    picture = np.zeros((300, 500, 3), np.uint8)
    cv2.circle(picture, (250, 150), 60, (255, 255, 255), -1)
    covered = cover(picture, *size)
    assert covered.shape == (size[1], size[0], 3)
    ys, xs = np.nonzero(covered[..., 0] > 127)
    assert np.ptp(xs) == pytest.approx(np.ptp(ys), abs=2)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("missing.jpg", "No such file"),
        ("#12", "#rrggbb"),
        ("#gg0000", "#rrggbb"),
        ("text.jpg", "not a picture"),
        ("empty.jpg", "empty"),
        (".", "folder"),
        ("", "background is empty"),
        (np.zeros((4, 4), np.uint8), "uint8 (H, W, 3)"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
    ],
)
def test_bad_backgrounds_are_named(tmp_path: Path, value: object, words: str) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(BackgroundError, match=words.replace("(", r"\(").replace(")", r"\)")):
        load_background(value)  # type: ignore[arg-type]


def test_truncated_picture_is_refused_or_whole(tmp_path: Path) -> None:
    data = (ASSETS / "backgrounds" / "studio.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[:200])
    with pytest.raises(BackgroundError, match="cut off"):
        load_background("cut.jpg")


def test_a_huge_picture_is_not_kept_whole() -> None:
    huge = np.zeros((4000, 6000, 3), np.uint8)
    huge[:, 3000:] = 200
    kept = small_enough(huge)
    assert kept.shape[0] * kept.shape[1] <= 2**24 * 1.001 and kept.shape[1] / kept.shape[0] == pytest.approx(
        1.5, abs=1e-3
    )
    assert kept[0, 0, 0] == 0 and kept[-1, -1, 0] == 200
    assert small_enough(kept[:10]).shape == kept[:10].shape
