"""Names of files are bytes: in every command, for what is read and what is written."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import write_clip
from rtseg.arrays import U8
from rtseg.files import ASSETS
from rtseg.pipeline import Pipeline
from rtseg.sources.plain_name import is_plain, plain_name
from test_cli import rtseg
from tiny_runs import call as train

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of files are text here")
ODD = os.fsdecode(b"b\xff[red]\x1b[31m")
LONG = "x" * 300


@pytest.fixture
def odd(small_frames: list[U8]) -> Path:
    """A folder of such a name with a picture, a picture without a suffix, a film and a model of such names."""
    folder = Path(ODD)
    folder.mkdir()
    for name, picture in ((f"{ODD}.jpg", small_frames[0]), (f"picture{ODD}", small_frames[-1])):
        (folder / name).write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
    write_clip(Path("clip.mp4"), small_frames, [i / 30 for i in range(len(small_frames))]).rename(folder / f"{ODD}.mp4")
    shutil.copy(ASSETS / "fast-int8.onnx", folder / f"m{ODD}.onnx")
    return folder


def test_apply(odd: Path) -> None:
    model = str(odd / f"m{ODD}.onnx")
    said = rtseg(
        "apply", f"{odd}/{ODD}.jpg", "--out", f"{odd}/o{ODD}.png", "--bg", f"{odd}/picture{ODD}", "--model", model
    )
    assert (odd / f"o{ODD}.png").exists() and "wrote b\\xff[red]\\x1b[31m/ob\\xff[red]\\x1b[31m.png" in said
    said = rtseg("apply", f"{odd}/{ODD}.mp4", "--out", f"{ODD}o.mp4", "--bg", f"{odd}/o{ODD}.png")
    assert Path(f"{ODD}o.mp4").exists()


def test_apply_a_folder(odd: Path) -> None:
    rtseg("apply", str(odd), "--out", f"{ODD}out", "--bg", "#00ff00", "--emit", "alpha")
    assert sorted(p.suffix for p in Path(f"{ODD}out").iterdir()) == [".mp4", ".png", ".png"]


def test_cam(odd: Path) -> None:
    arguments = ["--source", f"{odd}/{ODD}.mp4", "--out", f"{ODD}.mkv", "--bg", f"{odd}/picture{ODD}", "--no-window"]
    said = rtseg("cam", *arguments, "--model", str(odd / f"m{ODD}.onnx"))
    assert Path(f"{ODD}.mkv").exists() and "\x1b" not in said
    (odd / "other").mkdir()
    (odd / f"{ODD}.mp4").rename(odd / "other" / f"{ODD}.mp4")
    Pipeline(background=str(odd / "other"), provider="cpu").close()  # a film of such a name, in a folder


def test_train_and_eval(small_frames: list[U8], capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(ODD)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
        for k, frame in enumerate(small_frames[:4]):
            picture = frame if part == "images" else np.where(frame[..., :1] > 90, 255, 0).astype(np.uint8)
            (folder / part / f"{ODD}{k}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    train("train", str(folder), "--out", f"run{ODD}", "--check")
    assert "\x1b" not in capsys.readouterr().out and Path(f"run{ODD}", "data.json").exists()
    train("eval", str(ASSETS / "fast-int8.onnx"), str(folder), "--json", f"{ODD}.json", "--sheet", f"{ODD}.png")
    assert Path(f"{ODD}.json").exists() and Path(f"{ODD}.png").exists()


TOO_LONG = [
    ["cam", "--source", "demo", "--no-window", "--bg", LONG],
    ["cam", "--source", "demo", "--no-window", "--model", LONG],
    ["cam", "--source", LONG, "--no-window"],
    ["cam", "--source", "demo", "--no-window", "--out", f"{LONG}.mp4"],
    ["apply", "x.jpg", "--out", "y.jpg", "--bg", LONG],
    ["bench", "--model", LONG],
    ["eval", "balanced", LONG],
    ["train", LONG],
    ["train", "x", "--cutouts", LONG],
    ["export", LONG],
]


@pytest.mark.parametrize("words", TOO_LONG)
def test_longer_than_any_name(words: list[str], run: Callable[[list[str]], str]) -> None:
    assert "File name too long" in run(words)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may enter every folder")
@pytest.mark.parametrize("option", ["--bg", "--model", "--source"])
def test_a_folder_that_may_not_be_entered(option: str, run: Callable[[list[str]], str]) -> None:
    Path("closed").mkdir(mode=0o000)
    assert "Permission denied" in run(
        ["cam", "--no-window", *({} if option == "--source" else {"--source": 0}), option, "closed/x"]
    )


@pytest.fixture
def run() -> Callable[[list[str]], str]:
    """A command's complaint."""
    from typer.testing import CliRunner

    from rtseg.cli import app
    from rtseg.errors import RtsegError

    def complaint(words: list[str]) -> str:
        done = CliRunner().invoke(app, words)
        assert isinstance(done.exception, RtsegError), done.exception
        return str(done.exception)

    return complaint


def test_a_plain_name_leads_to_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / f"{ODD}.txt"
    path.write_text("here")
    with plain_name(path) as name:
        assert is_plain(Path(name)) and name.endswith(".txt") and Path(name).read_text() == "here"
    assert not Path(name).exists() and path.read_text() == "here"
    with plain_name(tmp_path) as name:
        assert name == str(tmp_path)
