"""`rtseg cam` with made-up sources: what the keys do to its outputs, and how it ends."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from conftest import read_clip
from rtseg.commands.cam import session as cam
from rtseg.commands.cam import sources
from rtseg.commands.cam.options import CamOptions
from rtseg.errors import OutputError, SourceError
from rtseg.live.settings import Settings
from rtseg.sources.again import Again
from sessions import CALL, ROOM, Kept, Made, Seen, is_green, person, pipeline_that, play


def test_a_session_starts_as_the_options_say() -> None:
    told: dict[str, Any] = {
        "blur": 7.0,
        "mirror": True,
        "smoothing": False,
        "edge": 0.5,
        "feather": 0.25,
        "specks": 2.0,
        "save_power": True,
        "target_fps": 12.0,
        "model": "fast",
        "source": "1",
    }
    assert cam.settings_of(CamOptions(bg="beach.jpg", **told)) == Settings(background="beach.jpg", **told)
    assert cam.settings_of(CamOptions(bg="blur")) == Settings()


def to_file(folder: Path) -> CamOptions:
    return CamOptions(bg="#00ff00", source="x", out=str(folder / "out.mp4"), window=False, provider="cpu")


def test_recording_of_a_camera_that_breaks_off_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, console: Console
) -> None:
    monkeypatch.setattr(sources, "open_source", lambda *_, **__: Made(40, live=True, fps=30, fails=True))
    with pytest.raises(SourceError, match="made broke off"):
        cam.run(to_file(tmp_path), CALL, console)
    frames, times = read_clip(tmp_path / "out.mp4")
    assert len(frames) > 5 and 0.2 < times[-1] < 10


def test_broken_file_leaves_no_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, console: Console) -> None:
    monkeypatch.setattr(sources, "open_source", lambda *_, **__: Made(10, live=False, fails=True))
    with pytest.raises(SourceError, match="made broke off"):
        cam.run(to_file(tmp_path), CALL, console)
    assert list(tmp_path.iterdir()) == []


def test_output_is_never_the_source(clip: Path, console: Console) -> None:
    before = clip.read_bytes()
    with pytest.raises(OutputError, match="source itself"):
        cam.run(CamOptions(source=str(clip), out=str(clip), window=False, provider="cpu"), CALL, console)
    assert clip.read_bytes() == before


def test_size_is_a_cameras(clip: Path, console: Console, tmp_path: Path) -> None:
    options = CamOptions(source=str(clip), out=str(tmp_path / "o.mp4"), window=False, provider="cpu", size="640x480")
    cam.run(options, CALL, console)
    assert "--size and --fps are for cameras" in console.file.getvalue()  # type: ignore[attr-defined]


def test_pause_gives_every_output_the_background(console: Console) -> None:
    kept, seen = Kept(), Seen(quit_after=60, keys={20: "b"})
    play(Made(10**6, live=True), pipeline_that(person), seen, console, kept)
    green = [is_green(image) for image in kept.images]
    first = green.index(True)
    assert 10 < first < 30 and all(green[first:]) and not any(green[:first])


def test_the_effect_goes_off_for_who_confirms(console: Console) -> None:
    nobody = pipeline_that(lambda _: np.float32(0))  # type: ignore[arg-type, return-value]
    kept, seen = Kept(), Seen(quit_after=60, keys={10: "e"})
    play(Made(10**6, live=True), nobody, seen, console, kept)
    assert all(is_green(image) for image in kept.images)
    kept, seen = Kept(), Seen(quit_after=250, keys={10: "e", 60: "\r"})
    play(Made(10**6, live=True), nobody, seen, console, kept)
    assert is_green(kept.images[30]) and (kept.images[-1] == ROOM).all()


@pytest.mark.parametrize("keys", [{1: "q"}, {1: "r", 2: "q"}])
def test_quitting_before_the_first_frame_is_no_error(console: Console, tmp_path: Path, keys: dict[int, str]) -> None:
    source, recorded = Made(10**6, live=True, fps=0.5), "r" in keys.values()
    loop = play(source, pipeline_that(person), Seen(keys=keys), console)
    assert not loop.frames and "no frame yet" in loop.summary(None)
    assert ("recorded nothing" in console.file.getvalue()) == recorded  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())


def test_quitting_a_file_says_how_far_it_got(console: Console) -> None:
    loop = play(Made(500, live=False, fps=1000), pipeline_that(person), Seen(quit_after=20), console)
    assert f"{loop.frames} of 500 frames" in loop.summary(None)


def test_keys_change_the_background(console: Console) -> None:
    seen = Seen(quit_after=60, keys={10: "]"})
    pipeline = pipeline_that(lambda _: np.float32(0))  # type: ignore[arg-type, return-value]
    play(Made(10**6, live=True), pipeline, seen, console)
    assert is_green(seen.images[5]) and not is_green(seen.images[-1]) and not (seen.images[-1] == ROOM).all()


def test_snapshots_and_recordings_never_overwrite(console: Console, tmp_path: Path) -> None:
    keys = {10: "p", 80: "p", 100: "r", 340: "r", 580: "r"}  # r is taken once a second
    play(Made(10**6, live=True), pipeline_that(person), Seen(quit_after=640, keys=keys), console)
    pictures, videos = sorted(tmp_path.glob("rtseg-*.png")), sorted(tmp_path.glob("rtseg-*.mp4"))
    assert len(pictures) == 2 and len(videos) == 2
    assert len(read_clip(videos[0])[0]) > 20, "the one that was running when the user quit is complete too"
    assert len(read_clip(videos[1])[0]) > 5


class Screen(Seen):
    """Stands for the window that `cam` opens; the user quits after so many pictures."""

    looks = 40

    def __init__(self, width: int, height: int) -> None:
        super().__init__(quit_after=self.looks)

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None: ...


def test_without_a_camera_the_demo_goes_round_until_the_user_quits(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    opened: list[Made] = []

    def demo(*_: object, **__: object) -> Made:
        opened.append(Made(10, live=False))
        return opened[-1]

    monkeypatch.setattr(sources, "open_source", demo)
    monkeypatch.setattr(sources, "default_camera", lambda: None)
    monkeypatch.setattr(cam, "display_problem", lambda: None)
    monkeypatch.setattr(cam, "Window", Screen)
    cam.run(CamOptions(bg="#00ff00", provider="cpu", model="fast"), CALL, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(opened) > 3 and [source.given for source in opened[:3]] == [9, 9, 9]
    assert "keys in the window: q quits" in said and "demo" in said


def test_round_and_round_times_and_numbers_go_on() -> None:
    source = Again(lambda: Made(4, live=False, fps=10))
    frames = [frame for _, frame in zip(range(10), source, strict=False)]
    assert [frame.index for frame in frames] == list(range(10))
    assert [frame.time for frame in frames] == pytest.approx([i / 10 for i in range(10)])
    source.close()
    assert len(list(source)) == 0
    assert list(Again(lambda: Made(0, live=False))) == []
