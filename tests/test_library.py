"""rtseg in other people's programs: the names, whole sources, one picture, and the examples as they stand."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import rtseg
from conftest import COUNT, read_clip
from rtseg import Pipeline
from rtseg.arrays import U8

ROOT = Path(__file__).parent.parent
LIGHT = "import sys, rtseg; dir(rtseg), rtseg.__all__; sys.exit(not {'numpy', 'cv2', 'typer'}.isdisjoint(sys.modules))"


@pytest.fixture
def pipe() -> Pipeline:
    return Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1)


def test_every_name_is_there_and_seen_by_tab() -> None:
    assert set(rtseg.__all__) <= set(dir(rtseg))
    for name in rtseg.__all__:
        assert getattr(rtseg, name) is not None
    assert re.match(r"\d+\.\d+", rtseg.__version__)
    assert issubclass(rtseg.ProviderError, rtseg.RtsegError)
    with pytest.raises(AttributeError, match="no attribute 'Pipelin'"):
        _ = rtseg.Pipelin


def test_the_import_is_light() -> None:
    assert subprocess.run([sys.executable, "-c", LIGHT], check=False, timeout=60).returncode == 0


def test_a_stream_gives_what_frame_by_frame_gives(pipe: Pipeline, clip: Path) -> None:
    with pipe, rtseg.Video(clip) as film:
        frames = list(film)
        expected = [pipe(frame.image, frame.time) for frame in frames]
        results = list(pipe.stream(clip))
        assert len(results) == COUNT
        for result, frame, composite in zip(results, frames, expected, strict=True):
            np.testing.assert_array_equal(result.composite, composite)
            np.testing.assert_array_equal(result.frame, frame.image)
            assert (result.alpha.shape, result.alpha.dtype, result.seconds) == (composite.shape[:2], "f4", frame.time)
        (bare,) = pipe.stream([frames[0].image])
        np.testing.assert_array_equal(bare.composite, expected[0])
        assert bare.seconds is None


def test_a_stream_refuses_what_it_can_not_read(pipe: Pipeline, small_frames: list[U8]) -> None:
    with pytest.raises(rtseg.SourceError, match=r"nowhere\.mp4"):
        next(pipe.stream("nowhere.mp4"))
    with pytest.raises(rtseg.SourceError, match="expected uint8"):
        next(pipe.stream([small_frames[0].astype(np.float32)]))
    with pytest.raises(rtseg.SourceError, match=r"source is None; give a camera's number, a file"):
        next(pipe.stream(None))  # type: ignore[arg-type]
    with pytest.raises(rtseg.SourceError, match=r"source is one array, uint8 \(\d+, \d+, 3\); give .*\[frame\]"):
        next(pipe.stream(small_frames[0]))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"size": 64}, r"size is 64; give \(width, height\)"),
        ({"size": (64, 48.0)}, "size is 64 x 48.0; give whole numbers, 2 to 16384"),
        ({"size": (64, 99999)}, "size is 64 x 99999; give whole numbers, 2 to 16384"),
        ({"fps": 0}, "fps is 0; give frames a second, above 0"),
        ({"fps": float("nan")}, "fps is nan; give frames a second"),
        ({"fps": 1e300}, r"fps is 1e\+300; give frames a second"),
        ({"fps": "25"}, "fps is '25'; give frames a second"),
        ({"pixels": "rgb24"}, "pixels is 'rgb24'; choose from bgr24, gray, bgra"),
    ],
)
def test_a_video_that_can_not_be_is_refused(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(rtseg.OutputError, match=rf"output .*x\.mp4: {words}"):
        rtseg.VideoFile(tmp_path / "x.mp4", **{"size": (64, 48), "fps": 25, **given})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frame", "seconds", "words"),
    [
        (np.zeros((48, 64, 3)), 0, r"frame is float64 \(48, 64, 3\), expected uint8 \(48, 64, 3\)"),
        (np.zeros((64, 48, 3), np.uint8), 0, r"frame is uint8 \(64, 48, 3\), expected uint8 \(48, 64, 3\)"),
        (np.zeros((48, 64, 4), np.uint8), 0, r"frame is uint8 \(48, 64, 4\), expected"),
        (None, 0, "frame is a NoneType, expected"),
        (np.zeros((48, 64, 3), np.uint8), float("nan"), "the time of a frame is nan; give seconds"),
        (np.zeros((48, 64, 3), np.uint8), "1", "the time of a frame is '1'; give seconds"),
    ],
)
def test_a_frame_that_was_not_promised_is_refused(tmp_path: Path, frame: Any, seconds: Any, words: str) -> None:
    """One of another size was stretched to fit; others ended in errors of FFmpeg's and Python's."""
    with (
        pytest.raises(rtseg.OutputError, match=words),
        rtseg.VideoFile(tmp_path / "x.mp4", size=(64, 48), fps=25, live=False) as file,
    ):
        file.write(np.zeros((48, 64, 3), np.uint8), -1)
        file.write(frame, seconds)
    assert list(tmp_path.iterdir()) == []


def test_the_background_may_not_be_the_source(clip: Path) -> None:
    with (
        Pipeline(background=clip, model="fast", provider="cpu") as pipe,
        pytest.raises(rtseg.BackgroundError, match="itself"),
    ):
        next(pipe.stream(clip))


def test_nor_a_copy_of_it_nor_later(pipe: Pipeline, clip: Path) -> None:
    Path("copy.mp4").write_bytes(clip.read_bytes())
    Path("more").mkdir()
    Path("more/b.mp4").write_bytes(clip.read_bytes())
    for same in (clip, Path("copy.mp4"), Path("more")):
        pipe.change(same)
        with pytest.raises(rtseg.BackgroundError, match="itself"):
            next(pipe.stream(clip))
    pipe.change("#00ff00")
    results = pipe.stream(clip)
    next(results)
    pipe.change(clip)
    with pytest.raises(rtseg.BackgroundError, match="itself"):
        next(results)
    pipe.close()


def test_leaving_the_block_closes_the_background(pipe: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(pipe.background, "close", lambda: closed.append("closed"))
    with pytest.raises(ZeroDivisionError), pipe:
        _ = 1 / 0
    assert closed == ["closed"]


def test_blur_is_a_background(small_frames: list[U8]) -> None:
    plain = Pipeline(model="fast", provider="cpu", threads=1)
    named = Pipeline(background="blur", model="fast", provider="cpu", threads=1)
    assert named.blur == plain.blur
    np.testing.assert_array_equal(named(small_frames[0]), plain(small_frames[0]))
    named.change("#ff0000")
    named.change("blur", blur=40)
    named(small_frames[0])
    assert named.blur == 40


def test_a_cutout_is_rgba_of_file_or_array(small_frames: list[U8]) -> None:
    cv2.imwrite("me.png", small_frames[0])
    rgba = rtseg.cutout("me.png", model="fast", provider="cpu")
    assert rgba.shape == (*small_frames[0].shape[:2], 4) and rgba.dtype == np.uint8
    np.testing.assert_array_equal(rgba, rtseg.cutout(small_frames[0], model="fast", provider="cpu"))
    inside = rgba[..., 3] == 255
    assert 0.02 < inside.mean() < 0.9
    np.testing.assert_allclose(rgba[inside][:, 2::-1].mean(0), small_frames[0][inside].mean(0), atol=2)
    with pytest.raises(rtseg.SourceError, match=r"nobody\.jpg"):
        rtseg.cutout("nobody.jpg", model="fast", provider="cpu")


def test_nothing_of_a_picture_is_kept_after_its_cutout(small_frames: list[U8]) -> None:
    picture = small_frames[0].copy()
    alive = weakref.ref(picture)
    rtseg.cutout(picture, model="fast", provider="cpu")
    del picture
    assert alive() is None


def example(name: str, *words: str) -> None:
    """An example as it stands, in this process."""
    old, sys.argv = sys.argv, [name, *words]
    try:
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    finally:
        sys.argv = old


def test_the_examples_run(clip: Path, small_frames: list[U8], capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite("me.jpg", small_frames[0])
    example("cut_out.py", "me.jpg", "me.png")
    assert cv2.imread("me.png", cv2.IMREAD_UNCHANGED).shape == (*small_frames[0].shape[:2], 4)
    example("backgrounds.py", "me.jpg", "beach.jpg", "nowhere.jpg", "blur")
    assert Path("me-beach.png").is_file() and Path("me-blur.png").is_file() and not Path("me-nowhere.png").exists()
    example("blur_video.py", str(clip), "blurred.mp4")
    assert len(read_clip(Path("blurred.mp4"))[0]) == COUNT
    example("own_loop.py", str(clip))
    example("who_is_there.py", str(clip))
    said = capsys.readouterr().out
    assert "somebody came" in said and " ms" in said and "left out: background nowhere.jpg" in said
    assert len(list((ROOT / "examples").glob("*.py"))) == 5, "run the new one here"


def test_the_page_tells_the_truth(small_frames: list[U8], clip: Path) -> None:
    clip.rename("talk.mp4")
    cv2.imwrite("portrait.jpg", small_frames[0])
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, {"frame_bgr": small_frames[0]})
