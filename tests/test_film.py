"""Films as backgrounds: the right picture at the right time, for ever, whatever happens to the file."""

import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from conftest import write_clip, write_sound
from rtseg.backgrounds.background import Still
from rtseg.backgrounds.film import Film
from rtseg.errors import BackgroundError
from rtseg.pixels.geometry import cover

ROOT = Path(__file__).parent.parent
STEP = 1 / 30
SHADES = [30, 70, 110, 150, 190, 230]  # one per picture
LENGTH = STEP * len(SHADES)
SIZE = (32, 18)


@pytest.fixture(scope="session")
def shades_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [np.full((36, 64, 3), shade, np.uint8) for shade in SHADES]
    return write_clip(tmp_path_factory.mktemp("film") / "shades.mp4", pictures, [i * STEP for i in range(len(SHADES))])


@pytest.fixture
def shades(shades_clip: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(shades_clip, tmp_path))


def write_film(
    path: Path,
    codec: str,
    pixels: str,
    pictures: list[np.ndarray],
    *,
    rate: int = 10,
    aspect: Fraction | None = None,
) -> Path:
    """With another codec than the other clips; pictures uint8 HxWx3 BGR or HxWx4 BGRA, `rate` a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for picture in pictures:
            form = "bgra" if picture.shape[2] == 4 else "bgr24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format=form)))
        container.mux(stream.encode(None))
    return path


def number(image: np.ndarray) -> int:
    """Which of SHADES it is."""
    nearest = int(np.abs(np.array(SHADES) - image.mean()).argmin())
    assert abs(SHADES[nearest] - image.mean()) < 10
    return nearest


def until(true: Callable[[], bool]) -> None:
    """Wait for another thread, but not for ever."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen within 10 s")


def running() -> bool:
    return any(t.name == "background film" for t in threading.enumerate())


def test_exact_times_give_the_same_pictures_round_after_round(shades: Path) -> None:
    film = Film(shades)
    shown = [number(film.at(i * STEP, *SIZE)) for i in range(40 * len(SHADES))]
    assert shown == [0, 1, 2, 3, 4, 5] * 40
    film.close()


@pytest.mark.parametrize(
    ("suffix", "codec", "pixels"),
    [
        (".mp4", "libx264", "yuv420p"),  # with pictures that wait for later ones
        (".mkv", "libx264", "yuv420p"),
        (".ts", "libx264", "yuv420p"),
        (".h264", "libx264", "yuv420p"),  # without times, and without a way back
        (".webm", "libvpx-vp9", "yuv420p"),
        (".avi", "mpeg4", "yuv420p"),
        (".mpg", "mpeg1video", "yuv420p"),
        (".gif", "gif", "bgr8"),
        (".apng", "apng", "rgb24"),
    ],
)
def test_every_kind_of_file_loops(tmp_path: Path, suffix: str, codec: str, pixels: str) -> None:
    pictures = [np.full((36, 64, 3), shade, np.uint8) for shade in SHADES]
    rate = 25 if suffix in (".mpg", ".h264") else 10
    film = Film(write_film(tmp_path / f"shades{suffix}", codec, pixels, pictures, rate=rate))
    assert [number(film.at((i + 0.5) / rate, *SIZE)) for i in range(3 * len(SHADES))] == [0, 1, 2, 3, 4, 5] * 3
    assert film.remark is None
    film.close()


@pytest.mark.parametrize(("seconds", "expected"), [(1.5 * STEP, 1), (1e6 * LENGTH + 2.5 * STEP, 2), (-1.0, 0)])
def test_any_time_can_be_asked_for(shades: Path, seconds: float, expected: int) -> None:
    film = Film(shades)
    assert number(film.at(4 * STEP, *SIZE)) == 4
    assert number(film.at(seconds, *SIZE)) == expected  # forward, far forward, back
    film.close()


def test_a_picture_is_made_ready_once(shades: Path) -> None:
    film = Film(shades)
    first = film.at(0.0, *SIZE)
    assert film.at(0.5 * STEP, *SIZE) is first
    assert film.at(0.5 * STEP, 64, 36).shape == (36, 64, 3)
    film.close()


def test_by_the_clock_it_loops_at_its_own_speed(shades: Path) -> None:
    now = [1000.0]
    film = Film(shades, clock=lambda: now[0])
    assert number(film.at(None, *SIZE)) == 0
    for i in range(3 * len(SHADES)):
        now[0] = 1000.0 + (i + 0.5) * STEP
        until(lambda i=i: number(film.at(None, *SIZE)) == i % len(SHADES))  # type: ignore[misc]
    assert film.at(None, *SIZE) is film.at(None, *SIZE)
    assert film.at(None, 64, 36).shape == (36, 64, 3)
    film.close()


def test_after_a_pause_it_goes_on_where_it_was(shades: Path) -> None:
    now = [0.0]
    film = Film(shades, clock=lambda: now[0])
    film.at(None, *SIZE)
    now[0] = 2.5 * STEP
    until(lambda: number(film.at(None, *SIZE)) == 2)
    now[0] = 3600.0
    until(lambda: number(film.at(None, *SIZE)) == 3)
    assert number(film.at(None, *SIZE)) == 3
    film.close()


@pytest.mark.parametrize("exact", [True, False])
def test_a_film_that_breaks_off_keeps_its_last_picture(tmp_path: Path, exact: bool) -> None:
    pictures = [np.full((180, 320, 3), shade, np.uint8) for shade in SHADES]  # more than FFmpeg reads at once
    path = write_film(tmp_path / "raw.avi", "rawvideo", "bgr24", pictures)
    now = [0.0]
    film = Film(path, clock=lambda: now[0])

    def show(seconds: float) -> int:
        now[0] = seconds
        return number(film.at(seconds if exact else None, *SIZE))

    assert show(0.0) == 0
    until(lambda: show(0.1) == 1)  # now the file is open
    assert film.remark is None
    os.truncate(path, 0)
    times = itertools.count(2)
    until(lambda: show(next(times) * 0.1) >= 1 and film.remark is not None)
    assert film.remark and "raw.avi can't be played" in film.remark and "last picture stays" in film.remark
    until(lambda: show(next(times) * 0.1) >= 1)  # what was ready may still come
    last = [show(1000.0 + i) for i in range(10)][-1]
    assert last >= 1 and show(2000.0) == last
    film.close()
    assert show(3000.0) == last


@pytest.mark.parametrize("exact", [True, False])
def test_a_film_that_is_gone_when_it_starts_is_its_first_picture(shades: Path, exact: bool) -> None:
    film = Film(shades)
    shades.unlink()
    until(lambda: number(film.at(5.0 if exact else None, *SIZE)) == 0 and film.remark is not None)
    assert film.remark and "No such file" in film.remark and "last picture stays" in film.remark


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


def test_close_ends_the_thread_and_so_does_forgetting(shades: Path) -> None:
    film = Film(shades)
    film.at(None, *SIZE)
    assert running()
    film.close()
    assert not running()
    film = Film(shades)
    film.at(None, *SIZE)
    assert running()
    del film
    assert not running()


def test_a_program_that_never_closes_it_ends(shades: Path) -> None:
    program = (
        f"from rtseg.backgrounds.film import Film, Path\nfilm = Film(Path({str(shades)!r}))\nfilm.at(None, 64, 36)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


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
