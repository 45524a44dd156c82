"""Nothing that a run reads is written over, whatever other name the target has."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from conftest import read_clip
from rtseg.cli import app
from rtseg.commands.apply import run as apply
from rtseg.commands.cam import session as cam
from rtseg.commands.cam import sources
from rtseg.commands.cam.options import CamOptions
from rtseg.errors import OutputError, RtsegError, SourceError
from rtseg.files import ASSETS
from rtseg.inputs import refuse_inputs
from rtseg.pipeline import Pipeline
from rtseg.sinks.video_file import VideoFile
from sessions import CALL, Made

Link = Callable[[Path, Path], object]  # (old, new): makes another name for a file


def through_folder(old: Path, new: Path) -> None:
    """The same file by way of a link to its folder."""
    Path("way").symlink_to(old.parent.absolute())
    new.symlink_to(Path("way").absolute() / old.name)


LINKS: dict[str, Link] = {
    "symlink": lambda old, new: new.symlink_to(old.absolute()),
    "hard": lambda old, new: os.link(old, new),
    "relative": lambda old, new: new.symlink_to(os.path.relpath(old, new.parent)),
    "folder": through_folder,
}


@pytest.fixture(params=LINKS)
def link(request: pytest.FixtureRequest) -> Link:
    return LINKS[request.param]


@pytest.fixture
def photos(demo_frames: list[np.ndarray]) -> Path:
    Path("photos").mkdir()
    for index, name in enumerate("ab"):
        cv2.imwrite(f"photos/{name}.png", demo_frames[index])
    return Path("photos")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def behind(background: str = "#00ff00") -> Pipeline:
    return Pipeline(background=background, provider="cpu", threads=1)


@pytest.mark.parametrize("emit", ["composite", "alpha"])
def test_a_folder_with_another_name_for_a_source(photos: Path, link: Link, emit: str, console: Console) -> None:
    """Not the source of that very target: b.png stands in the way of what is made of a.png."""
    before = bytes_of(photos)
    Path("cut").mkdir()
    link(photos / "b.png", Path("cut/a.png"))
    with pytest.raises(OutputError, match=r"a\.png is a source itself \(photos/b\.png\)"):
        apply.run(photos, Path("cut"), behind(), emit, console)
    assert bytes_of(photos) == before and os.listdir("cut") == ["a.png"]


def test_a_picture_and_its_background(photos: Path, link: Link, console: Console) -> None:
    before = bytes_of(photos)
    link(photos / "b.png", Path("room.png"))
    for out in (Path("room.png"), photos / "b.png"):
        with pytest.raises(OutputError, match="is the background itself"):
            apply.run(photos / "a.png", out, behind(str(photos / "b.png")), "composite", console)
    assert bytes_of(photos) == before


def test_a_folder_of_backgrounds(photos: Path, console: Console) -> None:
    with pytest.raises(OutputError, match="is a file of the background itself"):
        apply.run(photos / "a.png", photos / "b.png", behind(str(photos)), "composite", console)


def test_the_same_again_is_no_reason_to_refuse(photos: Path, console: Console) -> None:
    """Results of the time before are not read, wherever they lie."""
    for _ in range(2):
        apply.run(photos, photos / "cut", behind(), "alpha", console)
        apply.run(photos / "a.png", Path("new.png"), behind(str(photos / "b.png")), "composite", console)
    assert sorted(os.listdir("photos/cut")) == ["a.png", "b.png"]


def test_two_results_in_one_file(photos: Path, console: Console) -> None:
    Path("cut").mkdir()
    Path("cut/a.png").symlink_to("b.png")
    with pytest.raises(OutputError, match=r"cut/a\.png and cut/b\.png are the same file"):
        apply.run(photos, Path("cut"), behind(), "alpha", console)
    assert os.listdir("cut") == ["a.png"]


@pytest.mark.parametrize("reads", ["source", "background", "model"])
def test_cam(reads: str, link: Link, clip: Path, console: Console) -> None:
    read = shutil.copy(ASSETS / "fast-int8.onnx", "mine.onnx") if reads == "model" else str(clip.name)
    before = Path(read).read_bytes()
    link(Path(read), Path("out.mp4"))
    chosen = {"source": "demo", "bg": "#00ff00", "model": "fast"} | {"bg" if reads == "background" else reads: read}
    options = CamOptions(**chosen, out="out.mp4", window=False, provider="cpu")  # type: ignore[arg-type]
    with pytest.raises(OutputError, match=f"output out.mp4 is the {reads} itself"):
        cam.run(options, CALL, console)
    assert Path(read).read_bytes() == before


def test_a_source_as_an_address(clip: Path, console: Console) -> None:
    before = clip.read_bytes()
    with pytest.raises(OutputError, match="the source itself"):
        cam.run(CamOptions(source=f"file://{clip}", out=str(clip), window=False, provider="cpu"), CALL, console)
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["cam", "--bg", "beach.png", "--save-config", "beach.png"],
        ["cam", "--source", "beach.png", "--save-config", "beach.png"],
        ["cam", "--model", "mine.onnx", "--save-config", "mine.toml"],
        ["cam", "--save-config", "x.mp4", "--out", "x.mp4"],
        ["cam", "--config", "cam.toml", "--out", "x.mp4"],
        ["bench", "--model", "mine.onnx", "--json", "mine.onnx"],
        ["bench", "--model", "mine.onnx", "--json", "mine.toml"],
    ],
)
def test_settings_and_figures(arguments: list[str], demo_frames: list[np.ndarray]) -> None:
    cv2.imwrite("beach.png", demo_frames[0])
    for name in ("mine.onnx", "mine.toml", "x.mp4"):
        Path(name).write_text("precious")
    Path("cam.toml").write_text("[cam]\nsource = 'demo'\nwindow = false\n")
    if "--config" in arguments:
        Path("x.mp4").unlink()
        os.link("cam.toml", "x.mp4")
    before = bytes_of(Path())
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, OutputError) and "give" in str(result.exception), result.output
    assert bytes_of(Path()) == before


def test_the_users_own_config_too(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rtseg").mkdir()
    Path("rtseg/config.toml").write_text("[cam]\nsource = 'demo'\nwindow = false\n")
    os.link("rtseg/config.toml", "x.mp4")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path().absolute()))
    result = CliRunner().invoke(app, ["cam", "--out", "x.mp4"])
    assert isinstance(result.exception, OutputError) and "is the config itself" in str(result.exception)
    assert "demo" in Path("x.mp4").read_text()


def test_a_file_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("raw").write_bytes(b"\0" * 12)
    with Path("raw").open("rb") as f:
        kept = os.dup(0)
        try:
            os.dup2(f.fileno(), 0)
            with pytest.raises(OutputError, match="the source itself"):
                refuse_inputs([Path("raw")], [("the source", Path("-"))])
        finally:
            os.dup2(kept, 0)
            os.close(kept)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make another user's link")
@pytest.mark.parametrize("name", ["link.png", "folder/a.png"])
def test_a_strangers_link_in_a_shared_folder(photos: Path, name: str, console: Console) -> None:
    Path("shared").mkdir()
    Path("mine").mkdir()
    Path("mine/a.png").write_text("precious")
    link = Path("shared", name).parent if "/" in name else Path("shared", name)
    link.symlink_to(Path("../mine" if "/" in name else "../mine/a.png"))
    os.lchown(link, 12345, 12345)
    Path("shared").chmod(0o1777)
    with pytest.raises(RtsegError, match="another user's"):
        apply.run(photos / "a.png", Path("shared", name), behind(), "alpha", console)
    assert Path("mine/a.png").read_text() == "precious"
    Path("shared").chmod(0o755)  # nobody else can make links there: it was put there by who may
    apply.run(photos / "a.png", Path("shared", name), behind(), "alpha", console)
    assert link.is_symlink() and Path("mine/a.png").stat().st_size > 100


@pytest.mark.parametrize("old", [True, False])
def test_a_file_that_is_stopped_on_the_way_replaces_no_finished_one(
    old: bool, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    """Nothing is lost either: without an old one it has the name, else one of its own."""
    if old:
        Path("out.mp4").write_text("finished")
    real = VideoFile.write

    def stopped(self: VideoFile, picture: np.ndarray, time: float) -> None:
        if self.frames == 5:
            raise KeyboardInterrupt
        real(self, picture, time)

    monkeypatch.setattr(VideoFile, "write", stopped)
    monkeypatch.setattr(sources, "open_source", lambda *_, **__: Made(40, live=False))
    cam.run(CamOptions(bg="#00ff00", source="x", out="out.mp4", window=False, provider="cpu"), CALL, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    if old:
        assert Path("out.mp4").read_text() == "finished" and "out.mp4 is still the file from before" in said
    made = "out.partial.mp4" if old else "out.mp4"
    assert f"wrote {Path(made).resolve()}" in said and len(read_clip(Path(made))[0]) == 5
    assert sorted(os.listdir()) == sorted({made, "out.mp4"})


def test_a_stream_that_breaks_off_replaces_no_finished_file(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    Path("out.mp4").write_text("finished")
    monkeypatch.setattr(sources, "open_source", lambda *_, **__: Made(40, live=True, fps=30, fails=True))
    options = CamOptions(bg="#00ff00", source="x", out="out.mp4", window=False, provider="cpu")
    with pytest.raises(SourceError, match="broke off"):
        cam.run(options, CALL, console)
    assert Path("out.mp4").read_text() == "finished" and len(read_clip(Path("out.partial.mp4"))[0]) > 5


def test_a_name_that_was_not_asked_for_is_never_taken_twice() -> None:
    with VideoFile(Path("x.mp4"), size=(64, 48), fps=30, new=True) as sink:
        sink.write(np.zeros((48, 64, 3), np.uint8), 0)
        Path("x.mp4").write_text("of another process")
    assert Path("x.mp4").read_text() == "of another process" and sink.path == Path("x-2.mp4")
    assert len(read_clip(sink.path)[0]) == 1 and sorted(os.listdir()) == ["x-2.mp4", "x.mp4"]
