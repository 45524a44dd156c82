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
import numpy as np
import pytest

from conftest import write_clip
from rtseg.backgrounds.film import Film

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
