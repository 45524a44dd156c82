from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.background import blurred_room, cover, load_background
from rtseg.errors import BackgroundError
from rtseg.model import ASSETS


def test_shipped_picture_is_found_by_name() -> None:
    expected = cv2.imread(str(ASSETS / "backgrounds" / "beach.jpg"))
    np.testing.assert_array_equal(load_background("beach.jpg"), expected)


def test_working_directory_comes_first(tmp_path: Path) -> None:
    mine = np.full((40, 60, 3), (10, 20, 30), np.uint8)
    cv2.imwrite(str(tmp_path / "beach.jpg"), mine)
    assert load_background("beach.jpg").shape == (40, 60, 3)


def test_colour_is_rgb_and_array_bgr() -> None:
    np.testing.assert_array_equal(load_background("#ff8000"), [[[0, 128, 255]]])


def test_exif_orientation_is_obeyed(tmp_path: Path) -> None:
    upright = np.zeros((40, 80, 3), np.uint8)
    _, data = cv2.imencode(".jpg", upright)
    # An APP1 segment with one EXIF entry: orientation (0x0112) = 6, turn by 90 degrees.
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    body = b"Exif\0\0" + tiff
    jpeg = data.tobytes()
    (tmp_path / "turned.jpg").write_bytes(jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:])
    assert load_background("turned.jpg").shape == (80, 40, 3)


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
        (".", "directory"),
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
    with pytest.raises(BackgroundError, match="not a picture"):
        load_background("cut.jpg")


def test_blur_has_no_halo() -> None:
    """A saturated person in front of a grey room leaves no colour in the blurred room around them."""
    room = np.full((160, 256, 3), 90, np.uint8)
    person = np.zeros((160, 256), np.float32)
    person[40:, 90:170] = 1
    small = room.copy()
    small[person > 0] = (0, 0, 255)
    alpha = cv2.GaussianBlur(person, (0, 0), 1.0)
    blurred = cv2.resize(blurred_room(small, alpha, 30.0), (256, 160)).astype(int)
    outside = cv2.dilate(person, np.ones((3, 3))) == 0
    leak = np.abs(blurred[..., 2] - blurred[..., 0])[outside]
    naive = cv2.GaussianBlur(small, (0, 0), 30.0 * 160 / 720).astype(int)
    naive_leak = np.abs(naive[..., 2] - naive[..., 0])[outside]
    assert leak.max() <= 3 < 60 < naive_leak.max()


def test_blur_strength_grows() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (160, 256, 3), np.uint8)
    nobody = np.zeros((160, 256), np.float32)
    spreads = [blurred_room(noise, nobody, s).std() for s in (5, 20, 60)]
    assert spreads == sorted(spreads, reverse=True)


def test_blur_with_person_everywhere_is_finite() -> None:
    blurred = blurred_room(np.full((32, 64, 3), 200, np.uint8), np.ones((32, 64), np.float32), 100)
    assert blurred.dtype == np.uint8 and blurred.shape[2] == 3
