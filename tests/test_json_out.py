"""`--json -`: standard output holds JSON and nothing else, whatever the command says besides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

import tiny_exports
from rtseg.cli import app
from rtseg.commands.doctor import run as doctor
from rtseg.commands.doctor.checks.software import Check
from test_clips import write_pictures


def call(words: str) -> None:
    """A command in this process; errors come out."""
    typer.main.get_command(app).main(args=words.split(), prog_name="rtseg", standalone_mode=False)


@pytest.fixture(autouse=True)
def little_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A doctor with one check, and frames that take no time."""
    groups = [("Software", [lambda: Check("python", "ok", "3.x")])]
    monkeypatch.setattr(doctor, "groups", lambda: iter(groups))
    monkeypatch.setattr("rtseg.commands.bench.SIZES", {"480p": (64, 48)})


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("doctor", "checks"),
        ("cameras", None),
        ("backgrounds", "shipped"),
        ("models", "shipped"),
        ("bench --sizes 480p --frames 5 --model fast --threads 1", "results"),
        ("apply a.png --out b.png --model fast", "files"),
    ],
)
def test_a_command_of_the_runtime(words: str, key: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite("a.png", np.full((48, 64, 3), 90, np.uint8))
    call(f"{words} --json -")
    out, said = capfd.readouterr()
    found = json.loads(out)
    assert key is None or found[key]
    assert said.strip()


@pytest.mark.usefixtures("unchecked")
def test_eval(tmp_path: Path, make_model: Callable[..., Path], capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_pictures(tmp_path / "set", "images")
    call(f"eval {make_model('one')} {folder} --json -")
    out, said = capfd.readouterr()
    assert json.loads(out)["scores"]["ALL"]["pictures"] == 4
    assert "4 pictures" in said and "IoU" in said


def test_export(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file, frames = tiny_exports.tiny_export("fp32").path, tiny_exports.write_frames(tmp_path / "frames")
    capfd.readouterr()
    tiny_exports.call(tiny_exports.tiny_checkpoint(), "--compare", file, "--pictures", frames, "--json", "-")
    out, said = capfd.readouterr()
    assert json.loads(out)["file"] == str(file) and "parity with torch" in said


def test_a_picture_is_no_json() -> None:
    with pytest.raises(typer.BadParameter, match="a picture can't go to standard output"):
        call("eval x.onnx y --sheet -")
