"""What only a GPU can show: that CUDA gives what the CPU gives, and what happens when it is hidden or full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rtseg.arrays import U8
from rtseg.errors import ProviderError
from rtseg.files import ASSETS
from rtseg.models.fused import FusedModel
from rtseg.models.networks import FUSED
from rtseg.models.providers import cuda_problem
from rtseg.paths.cuda import CudaPath
from rtseg.pipeline import Pipeline
from rtseg.sinks.sequence import write_picture

# Takes all of the GPU's memory and holds it until its input ends.
GREEDY = """
import ctypes, sys
cuda = ctypes.CDLL("libcuda.so.1")
device, context, taken = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
assert not cuda.cuInit(0) and not cuda.cuDeviceGet(ctypes.byref(device), 0)
assert not cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) and not cuda.cuCtxSetCurrent(context)
for shift in range(36, 19, -1):
    while not cuda.cuMemAlloc_v2(ctypes.byref(taken), ctypes.c_size_t(1 << shift)):
        pass
print("full", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def gpu() -> None:
    problem = cuda_problem()
    if problem:
        pytest.skip(f"no usable GPU: {problem}")


@pytest.fixture
def full_gpu() -> Iterator[None]:
    """A GPU whose memory another process has taken, from the moment that a test asks for this."""
    with subprocess.Popen([sys.executable, "-c", GREEDY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"full\n"
        yield
        other.communicate()


@pytest.mark.gpu
@pytest.mark.parametrize("effect", FUSED)
@pytest.mark.parametrize("tier", ["quality", "balanced", "fast"])
@pytest.mark.parametrize("capture", [True, False])
def test_cuda_gives_what_the_same_graph_gives_on_the_cpu(
    tier: str, effect: str, capture: bool, demo_frames: list[U8]
) -> None:
    height, width = demo_frames[0].shape[:2]
    room = np.zeros_like(demo_frames[0])
    file = ASSETS / f"{tier}-{FUSED[effect]}.onnx"
    cpu, cuda = (FusedModel(file, provider=provider) for provider in ("cpu", "cuda"))
    paths = [CudaPath(model, width, height, model.info.area, capture=capture) for model in (cpu, cuda)]
    assert paths[1].remark is None
    for frame in demo_frames[:2]:
        first, second = (path.composite(frame, room, 20.0).astype(int) for path in paths)
        assert np.abs(first - second).mean() < 0.5
        assert np.mean(np.abs(first - second) > 16) < 0.002


@pytest.mark.gpu
def test_frames_that_are_kept_stay_as_they_were(demo_frames: list[U8]) -> None:
    pipeline = Pipeline(background="beach.jpg", provider="cuda")
    kept = [pipeline(demo_frames[n % 6]) for n in range(24)]  # more than there are pinned
    copies = [out.copy() for out in kept]
    for n in range(6):
        pipeline(demo_frames[n])
    for out, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(out, copy)
    assert (kept[1] != kept[4]).any()


def rtseg(*arguments: str, hidden: bool = False) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **({"CUDA_VISIBLE_DEVICES": ""} if hidden else {})}
    return subprocess.run(
        [sys.executable, "-m", "rtseg", *arguments], env=env, capture_output=True, text=True, timeout=120
    )


@pytest.mark.gpu
def test_a_hidden_gpu_is_an_error_where_cuda_was_asked_for_and_the_cpu_where_not(
    tmp_path: Path, demo_frames: list[U8]
) -> None:
    still = tmp_path / "still.png"
    write_picture(still, demo_frames[0])
    arguments = ("apply", str(still), "--bg", "beach.jpg", "--out")
    asked = rtseg(*arguments, str(tmp_path / "a.png"), "--provider", "cuda", hidden=True)
    assert (asked.returncode, "Traceback" in asked.stderr) == (1, False), asked.stderr
    assert "CUDA" in asked.stderr
    assert not (tmp_path / "a.png").exists()
    auto = rtseg(*arguments, str(tmp_path / "b.png"), "--provider", "auto", hidden=True)
    assert auto.returncode == 0, auto.stderr


@pytest.mark.gpu
def test_auto_takes_cuda_and_says_so(tmp_path: Path) -> None:
    done = rtseg("bench", "--frames", "5", "--model", "balanced", "--json", str(tmp_path / "b.json"))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "b.json").read_text())["provider"] == "cuda"


@pytest.mark.gpu
@pytest.mark.parametrize("provider", ["auto", "cuda"])
def test_memory_that_others_take_midway(provider: str, demo_frames: list[U8], request: pytest.FixtureRequest) -> None:
    pipeline = Pipeline(background="beach.jpg", provider=provider)
    pipeline(demo_frames[0])
    assert pipeline.model.provider == "cuda"
    request.getfixturevalue("full_gpu")
    larger = np.repeat(np.repeat(demo_frames[0], 3, 0), 3, 1)  # another size: other buffers
    if provider == "cuda":
        with pytest.raises(ProviderError, match="free the GPU's memory"):
            pipeline(larger)
        return
    out = pipeline(larger)
    assert pipeline.model.provider == "cpu"
    assert pipeline.remark is not None and "CUDA failed" in pipeline.remark
    expected = Pipeline(background="beach.jpg", provider="cpu")(larger)
    assert np.abs(out.astype(int) - expected).mean() < 1
