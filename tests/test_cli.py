"""The tool from outside, as a process: what it prints, how it exits, what it leaves behind."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer

from conftest import read_clip
from rtseg.backgrounds.background import load_background
from rtseg.cli import app
from rtseg.commands.forwarded import MODULES, group
from rtseg.files import ASSETS
from rtseg.pixels.geometry import cover

ROOT = Path(__file__).parent.parent


def environment(**more: str) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    paths = os.pathsep.join(str(ROOT / p) for p in (".", "train", "export"))
    return keep | {"PYTHONPATH": paths, "COLUMNS": "200"} | more


def rtseg(*arguments: str, code: int = 0) -> str:
    """Run the tool in the working directory; its output (both streams)."""
    done = subprocess.run(
        [sys.executable, "-m", "rtseg", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def no_cameras() -> bool:
    return not list(Path("/dev").glob("video*"))


@pytest.mark.parametrize(
    "command", [[], ["cam"], ["apply"], ["bench"], ["doctor"], ["cameras"], ["train"], ["eval"], ["export"]]
)
def test_help(command: list[str]) -> None:
    assert "Usage: rtseg" in rtseg(*command, "--help").replace("python -m rtseg", "rtseg")


def test_without_a_command_it_shows_its_help() -> None:
    assert "Usage: rtseg" in rtseg(code=2).replace("python -m rtseg", "rtseg")


def test_version() -> None:
    assert re.fullmatch(r"rtseg \d+\.\d+\.\d+\S*\n", rtseg("--version"))


@pytest.mark.parametrize(
    "call",
    [
        ["--help"],
        ["cam", "--source", "clip.mp4", "--bg", "#00ff00", "--out", "x.mp4"],
        ["bench", "--sizes", "480p", "--frames", "5"],
        ["apply", "clip.mp4", "--out", "alpha.mp4", "--emit", "alpha"],
    ],
)
@pytest.mark.usefixtures("clip")
def test_the_runtime_never_imports_torch(call: list[str]) -> None:
    program = "import sys; sys.argv[1:] = {!r}\nfrom rtseg.cli import main\ntry:\n    main()\nexcept SystemExit as e:\n"
    program += "    assert not e.code, e.code\nassert not {{'torch', 'onnx', 'matplotlib'}} & set(sys.modules)"
    subprocess.run(
        [sys.executable, "-c", program.format(call)], env=environment(), check=True, capture_output=True, timeout=300
    )


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv[1:] = ['--help']\nfrom rtseg.cli import main\ntry:\n    main()\nexcept SystemExit:\n"
    )
    program += "    print(sorted({'numpy', 'cv2', 'onnxruntime', 'numba', 'av'} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), check=True, capture_output=True, text=True
    )
    assert done.stderr.strip() == "[]"


def test_onnxruntime_notes_nothing_about_the_user(tmp_path: Path) -> None:
    """Its wheels leave a device's number and a queue of events in the user's cache as soon as they are imported."""
    home = tmp_path / "home"
    home.mkdir()
    program = "import rtseg.models.session, rtseg_export.export, rtseg_train.evaluate"
    places = environment(HOME=str(home), XDG_CACHE_HOME=str(home / "cache"))
    places.pop("ORT_DISABLE_TELEMETRY", None)  # from these tests, which import rtseg too
    subprocess.run([sys.executable, "-c", program], env=places, check=True, timeout=120)
    assert not [p for p in home.rglob("*") if "icrosoft" in str(p)]


@pytest.mark.skipif(not no_cameras(), reason="this machine has a camera, which plain `rtseg cam` would take")
def test_main_job_without_camera_and_display() -> None:
    said = rtseg("cam", "--bg", "beach.jpg")
    assert "no camera found" in said and "no display" in said and "rtseg-demo.mp4" in said and "CPU" in said
    frames, times = read_clip(Path("rtseg-demo.mp4"))
    assert len(frames) == 242
    assert times[-1] == pytest.approx(241 / 30, abs=0.01)
    beach = cover(load_background("beach.jpg"), 640, 360).astype(int)
    room, _ = read_clip(ASSETS / "demo.mp4")
    for index, frame in enumerate(frames):  # from the first frame on: the beach, not the room
        corner = (slice(0, 120), slice(0, 140))
        to_beach, to_room = (
            np.abs(frame[corner].astype(int) - x[corner]).mean() for x in (beach, room[index].astype(int))
        )
        assert to_beach < 6 < 30 < to_room, index
        assert np.abs(frame[210:250, 290:320].astype(int) - room[index][210:250, 290:320]).mean() < 12, index


def helps() -> list[tuple[str, list[str]]]:
    """Each command with all that its help should show: every option's name, and its words in brackets."""
    found = []
    own: Any = typer.main.get_command(app)
    for name in own.commands:
        command: Any = group(name).commands[name] if name in MODULES else own.commands[name]
        options = [p for p in command.params if p.opts[0].startswith("--") and not p.hidden]
        brackets = [words for p in options for words in re.findall(r"\[[^\]]+\]", p.help or "")]
        found.append((name, [*(word for p in options for word in p.opts + p.secondary_opts), *brackets]))
    return found


@pytest.mark.parametrize(("command", "words"), helps(), ids=[name for name, _ in helps()])
def test_help_is_whole_in_80_columns(monkeypatch: pytest.MonkeyPatch, command: str, words: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["rtseg", command, "--help"])
    said = io.StringIO()
    with pytest.raises(SystemExit), contextlib.redirect_stdout(said):
        app()
    lines = said.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = "".join(said.getvalue().split())  # a line may end at any space, or behind a hyphen
    assert [word for word in words if "".join(word.split()) not in text] == []


def test_bench_writes_json() -> None:
    said = rtseg("bench", "--sizes", "480p", "--frames", "5", "--json", "bench.json")
    assert "whole" in said and "480p, auto: " in said
    report = json.loads(Path("bench.json").read_text())
    assert {(r["size"], r["effect"]) for r in report["results"]} == {("480p", "picture"), ("480p", "blur")}
    for result in report["results"]:
        assert 0 < result["median_ms"] <= result["p95_ms"]
        assert set(result["stages"]) == {"resize", "infer", "matte", "room", "blend"}
    assert (
        report["provider"] in ("cpu", "cuda") and report["versions"]["numpy"] and report["model"]["name"] == "balanced"
    )
    assert report["auto"]["480p"]["model"] in ("quality", "balanced", "fast")


def test_apply_a_folder_of_pictures(tmp_path: Path, demo_frames: list[np.ndarray]) -> None:
    (tmp_path / "in").mkdir()
    for name in ("one.png", "two.jpg"):
        cv2.imwrite(str(tmp_path / "in" / name), demo_frames[0])
    rtseg("apply", "in", "--out", "out", "--emit", "alpha")
    for name in ("one.png", "two.png"):
        alpha = cv2.imread(str(tmp_path / "out" / name), cv2.IMREAD_UNCHANGED)
        assert alpha.shape == (360, 640) and alpha.dtype == np.uint8
        assert alpha[230, 300] == 255 and alpha[30, 30] == 0
