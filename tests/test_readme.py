"""Every command the README shows is run here, in its order, or by CI."""

import re
import shlex
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import write_clip
from rtseg.sources.opening import DEMO_CLIP
from servers import mjpeg_server
from test_cli import no_cameras, rtseg

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BY_CI = ("pip install . && rtseg cam --bg beach.jpg", "scripts/test")
# Installing extras: CI's own `pip install -e '.[dev]'` holds the train extra; the cuda extra needs a GPU to be of use.
INSTALLS = ("pip install '.[cuda]'", "pip install '.[train]'")
# Shorter, so that a test can wait for it: what each command does stays the same.
SHORTER = {
    "--steps 2000": "--steps 2 --batch 2 --warmup 1 --workers 0 --frozen-steps 1",
    "--json bench.json": "--json bench.json --frames 5",
    "--video me.mp4": "--video me.mp4 --steps 1",
    "--preset article": "--preset article --epochs 1",
    "--save-power --target-fps 30": "--save-power --target-fps 30 --source talk.mp4",
    "--blur 35 --mirror --save-config": "--blur 35 --mirror --save-config --source talk.mp4",
    "--bg me.mp4": "--bg me.mp4 --source talk.mp4",
    "--bg beach.jpg --blur 15": "--bg beach.jpg --blur 15 --source talk.mp4",
    "--out virtual": "--out virtual --source talk.mp4",
}


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [re.sub(r"\s+#.*$", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def stream_url(tmp_path: Path, small_frames: list[np.ndarray]) -> Iterator[str]:
    """Makes the files that the README's commands name; yields the URL of a stream."""
    write_clip(tmp_path / "talk.mp4", small_frames, [i / 30 for i in range(len(small_frames))], sound=True)
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "portrait.jpg"), small_frames[0])
    shutil.copy(DEMO_CLIP, tmp_path / "me.mp4")
    for folder in ("mine/images", "mine/masks"):
        (tmp_path / folder).mkdir(parents=True)
    for i, frame in enumerate(small_frames[:4]):
        cv2.imwrite(str(tmp_path / "photos" / f"{i}.jpg"), frame)
        mask = np.zeros(frame.shape[:2], np.uint8)
        mask[60:, 100:220] = 255
        cv2.imwrite(str(tmp_path / "mine" / "images" / f"{i}.jpg"), frame)
        cv2.imwrite(str(tmp_path / "mine" / "masks" / f"{i}.png"), mask)
    with mjpeg_server(small_frames, count=60) as url:
        yield url


def virtual_camera() -> bool:
    return Path("/sys/module/v4l2loopback").exists()


def test_every_command_of_the_readme(stream_url: str) -> None:
    for command in commands():
        if command in BY_CI + INSTALLS:
            continue
        for text, shorter in SHORTER.items():
            command = command.replace(text, shorter)
        words = shlex.split(command.replace("http://127.0.0.1:8080/stream", stream_url))
        assert words[0] == "rtseg", command
        if words[1] == "cam" and "--source" not in words and not no_cameras():
            continue  # would run on this machine's camera until stopped
        expected = "camera 0 is not there" if "--source 0" in command and no_cameras() else ""
        if "--out virtual" in command and not virtual_camera():
            expected = "rtseg[vcam]" if find_spec("pyvirtualcam") is None else "v4l2loopback"
        assert expected in rtseg(*words[1:], code=1 if expected else 0)
    for made in (
        "talk-beach.mp4",
        "live.mp4",
        "portrait-beach.jpg",
        "talk-blur.mp4",
        "bench.json",
        "runs/look/data.png",
        "runs/look/batch.png",
        "worst.png",
        "reliability.png",
        "mine.onnx",
        "mine-int8.onnx",
        "mine-fused.onnx",
        "talk.mov",
        "frames/000000.png",
        "scores.json",
        "me/verdict.json",
        "runs/article/predictions.png",
    ):
        assert Path(made).stat().st_size > 0, made
    assert len(list(Path("cut").glob("*.png"))) == len(list(Path("mattes").glob("*.png"))) == 4


def test_ci_runs_the_two_main_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "install --quiet .\n" in ci and "rtseg cam --bg beach.jpg" in ci and "\nscripts/test" in ci
    assert all(command in commands() for command in BY_CI + INSTALLS)


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
