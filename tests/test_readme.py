"""Every command the README shows is run here, each by itself after those whose files it needs, or by CI.

Those that need PyTorch run in this process, which has it already; the others as processes of their own.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from conftest import write_clip
from rtseg.cli import app
from rtseg.commands.forwarded import MODULES
from servers import mjpeg_server
from test_cli import no_cameras, rtseg

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BY_CI = ("pip install . && rtseg cam --bg beach.jpg", "scripts/test")
IN_OTHERS = ("rtseg ui",)  # it goes on until Ctrl-C: test_ui_command.py, tests/browser
# Installing extras: CI's own `pip install -e '.[dev]'` holds the train extra; the cuda extra needs a GPU to be of use.
INSTALLS = ("pip install '.[cuda]'", "pip install '.[train]'")
# Shorter, so that a test can wait for it: what each command does stays the same.
SHORTER = {
    "--steps 2000": "--steps 2 --batch 2 --warmup 1 --workers 0 --frozen-steps 1 --arch fast --area 10240",
    "--json bench.json": "--json bench.json --frames 5",
    "--preset article --out": "--preset article --epochs 1 --size 64 --out",
    "--preset article --size": "--preset article --epochs 1 --size",
    # PyTorch traces a graph of one size in a quarter of the time; mine.onnx is of any size.
    "rtseg export\n": "rtseg export --static 128x64",
    "--precision int8": "--precision int8 --static 128x64",
    "mine-fused.onnx --fused": "mine-fused.onnx --fused --static 128x64",
    "--save-power --target-fps 30": "--save-power --target-fps 30 --source talk.mp4",
    "--blur 35 --mirror --save-config": "--blur 35 --mirror --save-config --source talk.mp4",
    # The whole of the bundled clip goes through test_cli.py, without a camera to be found, and in CI.
    "rtseg cam\n": "rtseg cam --source talk.mp4",
    "cam --bg red": "cam --bg red --source talk.mp4",
    "cam --blur 40": "cam --blur 40 --source talk.mp4",
    "cam --bg me.mp4": "cam --bg me.mp4 --source talk.mp4",
    "cam --bg beach.jpg": "cam --bg beach.jpg --source talk.mp4",
    "cam --model fast": "cam --model fast --source talk.mp4",
    "--model mine-int8.onnx": "--model mine-int8.onnx --source talk.mp4 --no-window --out mine.mp4",
}
STREAM = "http://127.0.0.1:8080/stream"
# What a command leaves, by a part of it; a number is that of the pictures in a folder.
MADE: dict[str, dict[str, int | None]] = {
    "--out talk-beach.mp4": {"talk-beach.mp4": None},
    "--out live.mp4": {"live.mp4": None},
    "--out portrait-beach.jpg": {"portrait-beach.jpg": None},
    "--out talk-blur.mp4": {"talk-blur.mp4": None},
    "--out cut ": {"cut": 4},
    "--out mattes": {"mattes": 4},
    "--out all": {"all": 5},
    "--out talk.mov": {"talk.mov": None},
    "--out frames/": {"frames": 12},
    "--json bench.json": {"bench.json": None},
    "--check --out runs/look": {"runs/look/data.png": None},
    "--show-batch": {"runs/look/batch.png": None},
    "train mine --out runs/mine": {"runs/mine/model.safetensors": None},
    "--sheet worst.png": {"worst.png": None, "reliability.png": None},
    "--out mine.onnx": {"mine.onnx": None},
    "--out mine-int8.onnx": {"mine-int8.onnx": None},
    "--out mine-fused.onnx": {"mine-fused.onnx": None},
    "--json scores.json": {"scores.json": None},
    "--model mine-int8.onnx": {"mine.mp4": None},
    "--out runs/article": {"runs/article/predictions.png": None},
    "--out runs/small": {"runs/small/predictions.png": None},
}


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [re.sub(r"\s+#.*$", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def run_here() -> list[str]:
    return [command for command in commands() if command not in BY_CI + IN_OTHERS + INSTALLS]


def shortened(command: str) -> list[str]:
    """Its words, as a test runs them."""
    short = f"{command}\n"
    for text, shorter in SHORTER.items():
        short = short.replace(text, shorter)
    return shlex.split(short)


def needed(command: str) -> list[str]:
    """The commands before this one whose files it takes: what trains a run, what exports it."""
    before = run_here()[: run_here().index(command)]
    words = shlex.split(command)
    inputs = [word for at, word in enumerate(words) if words[at - 1] != "--out"]
    if words[1:] == ["export"]:
        inputs.append("runs/mine")  # the newest run
    return [
        other
        for other in before
        if shlex.split(other)[1:2] in (["train"], ["export"])
        and "--out" in other
        and shlex.split(other)[shlex.split(other).index("--out") + 1] in inputs
    ]


def in_process(*words: str) -> str:
    """What a command prints that ends well; with warnings as a process has them."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("default")
        assert not typer.main.get_command(app).main(args=list(words), prog_name="rtseg", standalone_mode=False)
    return said.getvalue()


class Folder:
    """The files that the README's commands name; each command is run in it once."""

    def __init__(self, place: Path, frames: list[np.ndarray]) -> None:
        self.place = place
        self._said: dict[str, str] = {}
        write_clip(place / "talk.mp4", frames, [i / 30 for i in range(len(frames))], sound=True)
        cv2.imwrite(str(place / "portrait.jpg"), frames[0])
        write_clip(place / "me.mp4", 2 * frames, [i / 5 for i in range(2 * len(frames))])
        for folder in ("photos", "mine/images", "mine/masks"):
            (place / folder).mkdir(parents=True)
        for i, frame in enumerate(frames[:4]):
            mask = np.zeros(frame.shape[:2], np.uint8)
            mask[60:, 100:220] = 255
            cv2.imwrite(str(place / "photos" / f"{i}.jpg"), frame)
            cv2.imwrite(str(place / "mine" / "images" / f"{i}.jpg"), frame)
            cv2.imwrite(str(place / "mine" / "masks" / f"{i}.png"), mask)

    def run(self, command: str, code: int = 0) -> str:
        """What it says; those before it that it needs are run first."""
        if command not in self._said:
            for other in needed(command):
                self.run(other)
            words = shortened(command)
            assert words[0] == "rtseg", command
            here = words[1] in MODULES and not code
            self._said[command] = in_process(*words[1:]) if here else rtseg(*words[1:], code=code)
        return self._said[command]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_frames: list[np.ndarray]) -> Folder:
    return Folder(tmp_path_factory.mktemp("readme"), small_frames)


@pytest.fixture
def stream_url(small_frames: list[np.ndarray]) -> Iterator[str]:
    with mjpeg_server(small_frames, count=60) as url:
        yield url


def virtual_camera() -> bool:
    return Path("/sys/module/v4l2loopback").exists()


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("command", run_here())
def test_a_command_of_the_readme(
    command: str, folder: Folder, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shortened(command)
    if words[1] == "cam" and "--source" not in words and not no_cameras():
        pytest.skip("would run on this machine's camera until stopped")
    expected = "camera 0 is not there" if "--source 0" in command and no_cameras() else ""
    if "--out virtual" in command and not virtual_camera():
        expected = "rtseg[vcam]" if find_spec("pyvirtualcam") is None else "v4l2loopback"
    monkeypatch.chdir(folder.place)
    if STREAM in command:
        monkeypatch.setitem(SHORTER, STREAM, request.getfixturevalue("stream_url"))
    assert expected in folder.run(command, code=1 if expected else 0)
    for part, files in MADE.items():
        for made, count in files.items() if part in f"{command} " else ():
            path = folder.place / made
            assert path.stat().st_size > 0 and (count is None or len(list(path.iterdir())) == count), made


def test_every_file_that_is_looked_for_is_made_by_a_command() -> None:
    assert [part for part in MADE if not any(part in f"{command} " for command in run_here())] == []
    assert [text for text in SHORTER if not any(text in f"{command}\n" for command in run_here())] == []


def test_ci_runs_the_two_main_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "install --quiet .\n" in ci and "rtseg cam --bg beach.jpg" in ci and "\nscripts/test" in ci
    assert all(command in commands() for command in BY_CI + IN_OTHERS + INSTALLS)


def test_links_and_pictures_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert "://" in target or (ROOT / target).exists(), target


def test_library_example_runs(small_frames: list[np.ndarray]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {"frame_bgr": small_frames[0]}
    exec(example, names)
    # The example ends with reset(): what it bound before is what it promises.
    out, alpha = names["out"], names["alpha"]
    assert isinstance(out, np.ndarray) and isinstance(alpha, np.ndarray)
    assert out.shape == (*alpha.shape, 3) and alpha.dtype == np.float32
