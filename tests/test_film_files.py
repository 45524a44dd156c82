"""Files as films behind the person: cropped and blurred like a picture, cut off, of one picture, or refused."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import write_clip, write_sound
from rtseg.backgrounds.background import Still
from rtseg.backgrounds.film import Film
from rtseg.errors import BackgroundError
from rtseg.pixels.geometry import cover
from test_film import SIZE, STEP, running, until, write_film


def test_a_film_cut_off_gives_what_it_has(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    whole = write_clip(tmp_path / "whole.mkv", small_frames, [i * STEP for i in range(len(small_frames))])
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    film, full = Film(cut), Film(whole)
    for i in range(40):
        assert film.at(i * STEP, 320, 180).shape == (180, 320, 3)
    np.testing.assert_array_equal(Film(cut).at(0.0, 320, 180), full.at(0.0, 320, 180))
    film.close()
    full.close()


@pytest.mark.parametrize("size", [(160, 90), (90, 160), (320, 180), (400, 20)])
def test_it_is_cropped_like_a_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = np.zeros((180, 320, 3), np.uint8)
    cv2.circle(picture, (160, 90), 50, (255, 255, 255), -1)
    cv2.rectangle(picture, (0, 0), (319, 179), (0, 0, 255), 4)
    film = Film(write_film(tmp_path / "circle.mkv", "ffv1", "bgr0", [picture]))
    image = film.at(0.0, *size)
    assert image.flags.c_contiguous and image.dtype == np.uint8
    assert np.abs(image.astype(int) - cover(picture, *size)).mean() < 3
    film.close()


def test_wide_pixels_are_shown_wide(tmp_path: Path) -> None:
    """An anamorphic film: pixels twice as wide as high."""
    squeezed = np.zeros((120, 100, 3), np.uint8)
    cv2.ellipse(squeezed, (50, 60), (20, 40), 0, 0, 360, (255, 255, 255), -1)
    film = Film(write_film(tmp_path / "wide.mov", "png", "rgb24", [squeezed] * 2, aspect=Fraction(2, 1)))
    image = film.at(0.0, 200, 120)
    ys, xs = np.nonzero(image[..., 0] > 127)
    assert np.ptp(xs) == pytest.approx(np.ptp(ys), abs=3)
    film.close()


def test_transparent_parts_are_black(tmp_path: Path) -> None:
    picture = np.full((36, 64, 4), 200, np.uint8)
    picture[:, :32, 3], picture[:, 32:, 3], picture[:6, 32:, 3] = 255, 0, 128
    film = Film(write_film(tmp_path / "cutout.mkv", "ffv1", "bgra", [picture] * 2))
    image = film.at(0.0, 64, 36)
    assert image[:, :30].min() > 190 and image[8:, 34:].max() == 0
    assert np.abs(image[:5, 34:].astype(int) - 100).max() <= 2, "half transparent is half as bright"
    film.close()


def test_blur_is_that_of_a_picture(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    film = Film(write_film(tmp_path / "room.mkv", "ffv1", "bgr0", small_frames[:2]), blur=30)
    expected = Still(small_frames[0], name="room", blur=30).at(0.0, 320, 180)
    assert np.abs(film.at(0.0, 320, 180).astype(int) - expected).mean() < 2
    film.close()


def test_one_picture_is_a_film_that_stands_still(tmp_path: Path) -> None:
    film = Film(write_film(tmp_path / "one.gif", "gif", "bgr8", [np.full((36, 64, 3), 255, np.uint8)]))
    for seconds in (0.0, 50.0, None, None):
        assert film.at(seconds, *SIZE).min() > 250
    until(lambda: not running())  # there is nothing to decode ahead
    assert film.remark is None
    film.close()


def test_what_can_not_be_played_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 20)
    for bad, words in ((tmp_path / "noise.mp4", "noise.mp4 can't be played"), (tmp_path / "gone.mp4", "No such file")):
        with pytest.raises(BackgroundError, match=words):
            Film(bad)
    with pytest.raises(BackgroundError, match="blur strength"):
        Film(tmp_path / "noise.mp4", blur=0)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackgroundError, match="no video in it"):
        Film(write_sound(tmp_path / "song.mp4"))
