"""What `--bg` may name, and folders of it."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import write_clip
from rtseg.backgrounds.background import Background, Still
from rtseg.backgrounds.film import Film
from rtseg.backgrounds.opening import Folder, open_background
from rtseg.errors import BackgroundError, SourceError
from rtseg.pixels.geometry import cover
from rtseg.sources.video import Video
from test_film import write_film


def picture(path: Path, shade: int) -> Path:
    cv2.imwrite(str(path), np.full((36, 64, 3), shade, np.uint8))
    return path


def shade(background: Background) -> int:
    return round(float(background.at(0.0, 32, 18).mean()))


def test_what_is_told_apart(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    write_clip(tmp_path / "film.mp4", small_frames[:3], [0, 0.1, 0.2]).rename(tmp_path / "film.bin")
    write_film(tmp_path / "moves.gif", "gif", "bgr8", small_frames[:2])
    write_film(tmp_path / "moves.apng", "apng", "rgb24", small_frames[:2]).rename(tmp_path / "moves.png")
    picture(tmp_path / "still.png", 100).rename(tmp_path / "still.bin")
    films = [open_background(name) for name in ("film.bin", "moves.gif", "moves.png")]
    stills = [open_background(v) for v in ("still.bin", "beach.jpg", "#102030", "transparent", small_frames[0])]
    assert all(isinstance(b, Film) for b in films) and all(isinstance(b, Still) for b in stills)
    assert isinstance(open_background("."), Folder)
    assert all(b.at(None, 64, 36).shape == (36, 64, 3) and b.remark is None and b.name for b in films + stills)
    for film in films:
        film.close()


def test_transparent_is_the_green_that_others_key_out() -> None:
    assert open_background("transparent").at(None, 2, 2).tolist() == [[[0, 255, 0]] * 2] * 2


def test_a_still_is_prepared_once_per_size(small_frames: list[np.ndarray]) -> None:
    still = open_background(small_frames[0])
    first = still.at(0.0, 100, 50)
    assert still.at(5.0, 100, 50) is first and still.at(None, 100, 50) is first
    np.testing.assert_array_equal(first, cover(small_frames[0], 100, 50))
    assert still.at(0.0, 50, 100).shape == (100, 50, 3)


def test_a_pipe_is_refused_instead_of_waited_for() -> None:
    os.mkfifo("pipe.jpg")
    with pytest.raises(BackgroundError, match="device or pipe"):
        open_background("pipe.jpg")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.mp4", "No such file.*beach.jpg"),
        ("beach", r"background beach: No such file; did you mean beach\.jpg\?"),
        ("bech.png", r"did you mean beach\.jpg\?"),
        ("redd", r"did you mean red\?"),
        ("tranparent", r"did you mean transparent\?"),
        ("redd.png", "Give a picture, a video"),  # no colour ends in .png
        ("ff0000", "a colour begins with #: '#ff0000', in quotes"),
        ("http://me:secret@host/x.jpg", r"background http://me:\*\*\*@host/x\.jpg is an address; save what is there"),
        (Path("http://host/x.jpg"), "background http://host/x.jpg is an address"),
        ("notes.txt", "notes.txt can't be played as a video"),
        ("text.jpg", "not a picture"),
        ("empty.jpg", "empty file"),
        ("empty.mp4", "empty.mp4 can't be played as a video: it is an empty file"),
        ("#12", "#rrggbb"),
        (np.zeros((4, 4), np.uint8), r"expected uint8 \(H, W, 3\)"),
    ],
)
def test_what_can_not_be_used_is_named(tmp_path: Path, name: str, words: str) -> None:
    for file in ("notes.txt", "text.jpg"):
        (tmp_path / file).write_text("not a picture")
    for file in ("empty.jpg", "empty.mp4"):
        (tmp_path / file).touch()
    with pytest.raises(BackgroundError, match=words):
        open_background(name)


@pytest.mark.parametrize("blur", [0, 101, float("nan")])
def test_blur_has_limits(blur: float) -> None:
    with pytest.raises(BackgroundError, match="blur strength"):
        open_background("beach.jpg", blur=blur)


def test_blur_is_as_strong_as_asked_at_any_size() -> None:
    for width, height in ((640, 360), (1280, 720)):
        sharp, soft = (open_background("canyon.jpg", blur=b).at(0.0, width, height) for b in (None, 20.0))
        expected = cv2.GaussianBlur(sharp, (0, 0), 20 * height / 720, borderType=cv2.BORDER_REPLICATE)
        assert np.abs(soft.astype(int) - expected).mean() < 1.5 < np.abs(sharp.astype(int) - expected).mean() / 3


def test_a_folder_shows_its_first_picture_by_name(tmp_path: Path) -> None:
    for name, value in (("b.png", 120), ("A.png", 60), (".hidden.png", 5)):
        picture(tmp_path / name, value)
    (tmp_path / "readme.txt").write_text("not for showing")
    folder = open_background(tmp_path)
    assert isinstance(folder, Folder) and shade(folder) == 60
    assert folder.name == "A.png (1 of 2)" and folder.remark is None
    folder.close()


def test_a_folder_leaves_out_what_is_broken_and_says_so(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.mp4"):
        (tmp_path / name).write_bytes(b"broken")
    picture(tmp_path / "3.png", 120)
    folder = Folder(tmp_path)
    assert shade(folder) == 120 and folder.name == "3.png (3 of 3)"
    assert folder.remark and "1.jpg: not a picture" in folder.remark and "2.mp4 can't be played" in folder.remark


def test_blur_goes_for_a_folder(tmp_path: Path) -> None:
    stripes = np.zeros((180, 320, 3), np.uint8)
    stripes[:, ::2] = 255
    cv2.imwrite(str(tmp_path / "1.png"), stripes)
    assert np.ptp(Folder(tmp_path, blur=50).at(0.0, 320, 180)) < 20


def test_a_folder_without_anything_usable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackgroundError, match="no picture or video in it"):
        open_background(tmp_path)
    (tmp_path / "1.jpg").write_bytes(b"broken")
    with pytest.raises(BackgroundError, match=r"nothing that can be used:\n.*1.jpg"):
        open_background(tmp_path)


def test_what_can_not_be_opened_is_said_to_be_cut_off_or_empty(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    """An MP4 has its index at the end, mostly: without it nothing can be read, whatever is there of the pictures."""
    whole = write_clip(tmp_path / "whole.mp4", small_frames, [i / 30 for i in range(len(small_frames))]).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.mp4").touch()
    for name, words in (
        ("cut.mp4", "it is cut off, its end is missing; copy or download it again"),
        ("empty.mp4", "it is an empty file"),
    ):
        with pytest.raises(SourceError, match=f"source {name} can't be opened as a video: {words}"):
            Video(tmp_path / name)
        with pytest.raises(BackgroundError, match=f"background {name} can't be played as a video: {words}"):
            open_background(tmp_path / name)
