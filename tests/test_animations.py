"""Animated pictures are films, those of one picture pictures; and each frame stays as long as in its source."""

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from rtseg.arrays import u8
from rtseg.backgrounds.opening import open_background
from rtseg.commands.apply import run as apply
from rtseg.errors import BackgroundError, SourceError
from rtseg.pipeline import Pipeline
from rtseg.sinks.video_file import VideoFile
from rtseg.sources.kinds import HEADER, kind
from rtseg.sources.opening import open_source
from rtseg.sources.pictures import read_layers
from test_containers import CASES


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
@pytest.mark.parametrize(
    "lasts", [(0.1,) * 5 + (2.5,), (0.1, 0.2, 0.3, 1.0), (1.0, 1.0, 1.0, 0.05), (0.04,) * 8 + (1.6, 0.5)]
)
def test_each_frame_stays_as_long_as_in_the_source(
    tmp_path: Path, name: str, lasts: tuple[float, ...], make_model: Callable[..., Path]
) -> None:
    begins = [0.0, *np.cumsum(lasts)]  # the last of them is the end
    source = tmp_path / "slides.mp4"
    with VideoFile(source, size=(64, 36), fps=10, live=False) as sink:
        for i, begin in enumerate(begins[:-1]):
            sink.write(np.full((36, 64, 3), 20 * i, np.uint8), begin)  # changes enough for B-frames
        sink.until = begins[-1]
    pipeline = Pipeline(model=make_model("left"), background="#00ff00")
    apply.run(source, tmp_path / name, pipeline, "composite", Console(quiet=True))
    for path in (source, tmp_path / name):
        with av.open(str(path)) as container:
            assert container.duration / 1e6 == pytest.approx(begins[-1], abs=0.02)
        with open_source(str(path)) as video:
            frames = list(video)
        assert [f.time for f in frames] == pytest.approx(begins[:-1], abs=0.002)
        assert frames[-1].lasts == pytest.approx(lasts[-1], abs=0.002)
    behind = open_background(source)
    behind.at(begins[-1] + 0.5, 64, 36)  # once through
    shown = [int(behind.at(t, 64, 36)[9, 9, 0]) for t in (begins[-1] - 0.01, begins[-1] + 0.01)]
    assert shown == pytest.approx([20 * (len(lasts) - 1), 0], abs=3)
    behind.close()


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif"])
def test_animations_are_films(tmp_path: Path, suffix: str, make_model: Callable[..., Path]) -> None:
    path, shades, lasts = tmp_path / f"moves{suffix}", (20, 80, 140, 200), (100, 200, 300, 1000)
    first, *others = (Image.new("RGBA", (96, 64), (shade, shade, shade, 255)) for shade in shades)
    first.putpixel((3, 3), (0, 0, 0, 0))
    lossless = {"lossless": True} if suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=others, duration=lasts, loop=0, **lossless)
    with open_source(str(path)) as source:
        frames = list(source)
    assert [f.time for f in frames] == pytest.approx([0, 0.1, 0.3, 0.6], abs=1e-3)
    assert frames[-1].lasts == pytest.approx(1.0, abs=1e-3)
    assert [int(f.image[40, 40, 0]) for f in frames] == pytest.approx(shades, abs=2)
    assert frames[0].opacity is not None and frames[0].opacity[3, 3] == 0
    behind = open_background(path)
    times = (0.05, 0.15, 0.35, 1.5, 1.65)
    assert [int(behind.at(t, 96, 64)[40, 40, 0]) for t in times] == pytest.approx([20, 80, 140, 200, 20], abs=4)
    behind.close()
    pipeline = Pipeline(model=make_model("left"), background="#00ff00")
    apply.run(path, tmp_path / "out.mkv", pipeline, "composite", Console(quiet=True))
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.duration / 1e6 == pytest.approx(1.6, abs=0.02)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif"])
def test_an_animation_of_one_picture_is_a_picture(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (96, 64), (90, 90, 90)).save(tmp_path / f"still{suffix}")
    assert kind(tmp_path / f"still{suffix}") == "picture"
    assert open_background(tmp_path / f"still{suffix}").at(0.0, 96, 64)[5, 5, 0] == pytest.approx(90, abs=2)


def test_a_gif_that_does_not_move_becomes_a_picture(tmp_path: Path, make_model: Callable[..., Path]) -> None:
    """With a comment, a transparent corner and more bytes than a header."""
    still = Image.effect_noise((400, 300), 90).convert("RGBA")
    still.paste((0, 0, 0, 0), (0, 0, 50, 50))
    still.save(tmp_path / "still.gif", comment=b"here" * 99)
    assert (tmp_path / "still.gif").stat().st_size > HEADER
    pipeline = Pipeline(model=make_model("nobody"), background="#00ff00")
    apply.run(tmp_path / "still.gif", tmp_path / "out.png", pipeline, "composite", Console(quiet=True))
    assert u8(cv2.imread(str(tmp_path / "out.png"))).shape == (300, 400, 3)
    _, opacity = read_layers(tmp_path / "still.gif", SourceError)
    assert opacity is not None and opacity[10, 10] == 0 and opacity[150, 80] == 255


def test_a_large_gif_that_moves_is_a_film(tmp_path: Path) -> None:
    first, second = (Image.effect_noise((400, 300), 90) for _ in range(2))
    first.save(tmp_path / "moves.gif", save_all=True, append_images=[second], duration=100)
    assert kind(tmp_path / "moves.gif") == "video"
    (tmp_path / "cut.gif").write_bytes((tmp_path / "moves.gif").read_bytes()[:9])
    assert kind(tmp_path / "cut.gif") == "video"


def test_a_damaged_animation_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "moves.webp"
    first, *others = (Image.effect_noise((96, 64), 90) for _ in range(4))
    first.save(path, save_all=True, append_images=others, duration=100)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SourceError, match=r"moves\.webp"), open_source(str(path)) as source:
        list(source)
    with pytest.raises(BackgroundError, match=r"moves\.webp"):
        open_background(path).close()


@pytest.mark.parametrize("name", ["turned.avif", "grid.heic"])
def test_a_picture_is_no_film(name: str) -> None:
    with pytest.raises(SourceError, match="it is a picture; `rtseg apply` takes those"):
        open_source(str(CASES / name))
