"""What the tests share: short clips, tiny models that are right or wrong on purpose, a quiet console."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from rich.console import Console

from rtseg.arrays import F32, U8
from rtseg.console import Messages
from rtseg.models.model import Model, ModelInfo
from rtseg.sources.opening import open_source

WIDTH, HEIGHT, COUNT = 320, 180, 12
SHARED = "RTSEG_TESTS_FOLDER"  # names a folder for what is made once for all test processes
FIRST = "RTSEG_TESTS_PROCESS"  # the number of the process that starts the others and ends last
# Those that take longest begin first, so that no process has to wait in the end for another's last file.
LONGEST = (
    "test_readme.py",
    "test_privacy.py",
    "test_export.py",
    "test_nobody.py",
    "test_distributed.py",
    "test_train.py",
    "test_cli.py",
    "test_fused.py",
    "test_export_fused.py",
)
GUEST = "v4l2/test_devices.py"


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts the others makes what they share, and clears it away."""
    if SHARED not in os.environ:
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # the guest may still write as it ends
        os.environ |= {SHARED: folder.name, FIRST: str(os.getpid())}
        config.add_cleanup(folder.cleanup)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The LONGEST first and GUEST last; the rest as found."""
    here = Path(__file__).parent
    if lost := [name for name in LONGEST if not (here / name).is_file()]:
        raise pytest.UsageError(f"tests/conftest.py names {lost}, which is not there")
    ranks = {here / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)) + (item.path == here / GUEST))


def pytest_collection_finish(session: pytest.Session) -> None:
    """The guest begins before the first test, where its own were asked for, and these run last: nobody waits for it."""
    for item in session.items:
        if item.path == Path(__file__).parent / GUEST and not session.config.option.collectonly:
            assert isinstance(item, pytest.Function)
            item.module.begin()
            break


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Every test in an empty folder, without a display and without the user's own settings."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "HOME", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are not looked at before their first frame: one that says what a test draws sees people in walls."""
    monkeypatch.setattr("rtseg.pipeline.require_nobody", lambda model: None)


@pytest.fixture
def threads() -> Iterator[None]:
    """Give PyTorch the threads back that a training takes."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list of four tiny labelled pictures."""
    from tiny_runs import write_pictures

    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def console() -> Console:
    return Messages(file=io.StringIO(), width=200)


@pytest.fixture(scope="session")
def demo_frames() -> list[U8]:
    """A few frames of the bundled clip, uint8 360x640x3 BGR, a quarter of a second apart."""
    with open_source("demo") as source:
        return [f.image for f in source if f.index % 8 == 0][:COUNT]


@pytest.fixture(scope="session")
def small_frames(demo_frames: list[U8]) -> list[U8]:
    return [np.ascontiguousarray(cv2.resize(f, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)) for f in demo_frames]


@pytest.fixture(scope="session")
def person(demo_frames: list[U8]) -> F32:
    """Where the person is in the demo's first frame, float32 96x160."""
    small = cv2.resize(demo_frames[0], (160, 96), interpolation=cv2.INTER_AREA)
    return Model("balanced", provider="cpu", threads=1).run(small, np.zeros((96, 160), np.float32))


def write_clip(path: Path, frames: list[U8], times: list[float], sound: bool = False, late: float = 0.0) -> Path:
    """A video with the given frame times in seconds, and a tone as long as it; all of it `late` seconds later."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        video.options = {"preset": "ultrafast", "crf": "12"}
        video.codec_context.time_base = Fraction(1, 90_000)
        if sound:
            tone = container.add_stream("aac", rate=44_100)
            tone.layout = "mono"
            samples = np.sin(np.arange(round(44_100 * (times[-1] + 0.1))) * 0.06).astype(np.float32)[None]
            for start in range(0, samples.shape[1], 1024):
                chunk = av.AudioFrame.from_ndarray(samples[:, start : start + 1024].copy(), "fltp", "mono")
                chunk.sample_rate, chunk.pts = 44_100, start + round(44_100 * late)
                container.mux(tone.encode(chunk))
            container.mux(tone.encode(None))
        for frame, time in zip(frames, times, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
            picture.time_base, picture.pts = Fraction(1, 90_000), round((time + late) * 90_000)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A file with sound in it and no picture."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44_100)
        stream.layout = "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate, silence.pts = 44_100, 0
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    return path


def read_clip(path: Path) -> tuple[list[U8], list[float]]:
    """Frames and their times."""
    with av.open(str(path)) as container:
        pairs = [(f.to_ndarray(format="bgr24"), float(f.time)) for f in container.decode(video=0)]
    return [f for f, _ in pairs], [t for _, t in pairs]


@pytest.fixture
def clip(tmp_path: Path, small_frames: list[U8]) -> Path:
    return write_clip(tmp_path / "clip.mp4", small_frames, [i / 30 for i in range(COUNT)])


INFO = ModelInfo("tiny", "0", 32 * 32 * 4, "fp32", "none", "none", {}, "test")


def save_model(path: Path, nodes: list[Any], constants: dict[str, Any], metadata: dict[str, str] | None = None) -> Path:
    """A model file of these ONNX nodes: `frame_bgr` and `previous_alpha` go in, `alpha` comes out."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("frame_bgr", TensorProto.UINT8, [1, "h", "w", 3]),
            helper.make_tensor_value_info("previous_alpha", TensorProto.FLOAT, [1, 1, "h", "w"]),
        ],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [1, 1, "h", "w"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, INFO.metadata() if metadata is None else metadata)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Build a model file. kind: `half` says everything is half a person, `nan` nonsense, `nobody` nothing."""
    from onnx import helper

    def make(kind: str = "half", metadata: dict[str, str] | None = None) -> Path:
        value = {"half": 0.5, "nan": float("nan"), "two": 2.0, "one": 1.0}.get(kind, 0.0)
        nodes = [
            helper.make_node("Mul", ["previous_alpha", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "value"], ["alpha"]),
        ]
        constants = {"zero": np.float32(0), "value": np.float32(value)}
        return save_model(tmp_path_factory.mktemp("model") / f"{kind}.onnx", nodes, constants, metadata)

    return make
