"""`rtseg apply` with what people type: several files and folders, addresses, a file's name for a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from rich.console import Console

from rtseg.commands.apply import run as apply
from rtseg.commands.apply.plan import plan
from rtseg.commands.cam import session as cam
from rtseg.commands.cam.options import CamOptions
from rtseg.errors import OutputError, SourceError
from rtseg.pipeline import Pipeline
from sessions import CALL


@pytest.fixture
def files() -> list[Path]:
    """Two pictures, a folder with two more and a clip; in the working directory."""
    found = [Path(name) for name in ("a.jpg", "b.png", "more/c.jpg", "more/d.png", "more/notes.txt")]
    Path("more").mkdir()
    for path in found[:4]:
        cv2.imwrite(str(path), np.full((48, 64, 3), 90, np.uint8))
    found[4].write_text("no picture")
    return found


@pytest.mark.usefixtures("files")
def test_files_and_folders_together(console: Console) -> None:
    pipeline = Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1)
    apply.run([Path("a.jpg"), Path("b.png"), Path("a.jpg"), Path("more")], "cut", pipeline, "composite", console)
    assert sorted(p.name for p in Path("cut").iterdir()) == ["a.jpg", "b.png", "c.jpg", "d.png"]
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "wrote 4 files to cut" in said and "left out: notes.txt" in said


@pytest.mark.usefixtures("files")
def test_the_command_takes_several() -> None:
    from rtseg.cli import app

    command = typer.main.get_command(app).commands["apply"]  # type: ignore[attr-defined]
    values = command.make_context("apply", ["a.jpg", "more", "--out", "cut", "b.png"]).params
    assert list(map(str, values["sources"])) == ["a.jpg", "more", "b.png"]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("sources", "out", "words"),
    [
        (["more"], "cut.jpg", r"more is a folder, so --out must be one too; cut\.jpg looks like a file"),
        (["more"], "cut.mp4", "looks like a file"),
        (["a.jpg", "b.png"], "cut.png", "of several files .* must be a folder"),
        (["a.jpg", "b.png"], "more/c.jpg", "of several files .* is a file"),
        (["a.jpg", "more"], "more", "is the folder that is read"),
        (["a.jpg", "more/a.jpg"], "cut", "a.jpg and more/a.jpg would both become a.jpg"),
    ],
)
def test_a_target_that_can_not_be(sources: list[str], out: str, words: str) -> None:
    shutil.copy("a.jpg", "more/a.jpg")
    before = sorted(Path().rglob("*"))
    with pytest.raises(OutputError, match=words):
        plan([Path(name) for name in sources], out, "composite")
    assert sorted(Path().rglob("*")) == before


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (["https://me:secret@example.org/a.jpg"], "is an address, and `rtseg apply` takes files"),
        (["a.jpg", "nowhere.jpg"], "nowhere.jpg: no such file"),
        (["a.jpg", "-"], "standard input holds raw frames"),
    ],
)
def test_a_source_that_is_none(sources: list[str], words: str) -> None:
    with pytest.raises(SourceError, match=words) as refused:
        plan([Path(name) for name in sources], "cut", "composite")
    assert "secret" not in str(refused.value) and not Path("cut").exists()


def test_a_name_with_a_slash_may_look_like_a_file(files: list[Path]) -> None:
    assert [job.target for job in plan(files[:2], "v1.mp4/", "composite")] == [
        Path("v1.mp4/a.jpg"),
        Path("v1.mp4/b.png"),
    ]


def test_writing_is_not_said_of_what_is_refused(console: Console, clip: Path) -> None:
    with pytest.raises(OutputError, match=r"x\.xyz"):
        cam.run(CamOptions(source=str(clip), out="x.xyz", window=False, provider="cpu", model="fast"), CALL, console)
    assert "writing" not in console.file.getvalue()  # type: ignore[attr-defined]
