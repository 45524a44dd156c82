"""What is run on a day with a GPU, on the CPU: each step alone, and the ways of somebody else's model."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

import foreign_nets
from rtseg.arrays import U8
from rtseg.files import ASSETS
from rtseg.models.model import Model
from rtseg.models.providers import cuda_problem

FOLDER = Path(__file__).parents[1] / "benchmarks"
ENDINGS = ("-blur.onnx", ".onnx")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell script")


def gpu_day(out: Path, *steps: str, code: int = 0, **variables: str) -> str:
    """What the script said, run on the CPU with the smallest of everything."""
    small = {"PROVIDER": "cpu", "FRAMES": "1", "SIZES": "360p", "TIERS": "fast", "PYTHON": sys.executable}
    variables = {**os.environ, **small, "OUT": str(out), **variables}
    command = [str(FOLDER / "gpu_day.sh"), *steps]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=variables)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_steps_that_measure(tmp_path: Path) -> None:
    said = gpu_day(tmp_path, "cuda", "nodes")
    assert "== cuda" in said and said.endswith("all well\n")
    cuda = json.loads((tmp_path / "cuda.json").read_text())
    rows = {(r["effect"], r["model"], r["how"]): r for r in cuda["results"]}
    names = {"picture": "fast-fused", "blur": "fast-fused-blur"}
    for effect, name in names.items():
        bound, unbound = rows[effect, name, "IO binding"], rows[effect, name, "no IO binding"]
        assert sum(bound["shares"].values()) == pytest.approx(1, abs=1e-3)
        assert 0 < bound["median_ms"] <= bound["p95_ms"] and bound["precision"] == "fp16"
        frame = 640 * 360 * 3
        assert (bound["bus_bytes"], unbound["bus_bytes"]) == (2 * frame, (3 if effect == "picture" else 2) * frame)
        assert rows[effect, "fast-int8", "OpenCV around the net"]["fps"] > 0
    assert cuda["bus"]["360p"]["up_gb_s"] > 0
    nodes = json.loads((tmp_path / "cuda-nodes.json").read_text())
    assert {"fast-fused-fp32.onnx", "fast-fp16.onnx"} <= set(
        cuda["missing"]
    ) and "not measured: fast-fused-fp32" in said
    assert nodes["files"]["fast-fused.onnx"]["on_cpu"]["Conv"] > 30
    assert set(json.loads((tmp_path / "gpu-day.json").read_text())["steps"]) == {"cuda", "nodes"}


def test_a_failed_step_does_not_stop_the_rest(tmp_path: Path) -> None:
    said = gpu_day(tmp_path, "cuda", "tests", "training", LIMIT="0.2", code=1)
    assert "failed: cuda (124) tests (124) training (124)" in said and "took more than 0.2 s" in said
    assert json.loads((tmp_path / "gpu-day.json").read_text())["steps"]["tests"]["exit"] == 124


def test_what_is_no_step(tmp_path: Path) -> None:
    assert "unknown step nix; there are doctor tests shipped" in gpu_day(tmp_path, "nix", code=2)
    assert "PROVIDER is tpu" in gpu_day(tmp_path, PROVIDER="tpu", code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(cuda_problem() is None, reason="CUDA works here")
@pytest.mark.parametrize("name", ["cuda", "cuda_nodes"])
def test_without_a_gpu_nothing_is_measured(name: str) -> None:
    done = subprocess.run([sys.executable, str(FOLDER / f"{name}.py")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.startswith("nothing ") and "Traceback" not in done.stderr


def test_every_cuda_file_is_held_against_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    parity = importlib.import_module("cuda_parity")
    (tmp_path / "fast-fused-fp32.onnx").touch()
    todo, missing = parity.jobs(["quality", "fast"], tmp_path, ["shipped", "fresh"])
    jobs = {job.name: job.arguments for job in todo}
    shipped = sorted(path.name for tier in ("quality", "fast") for path in ASSETS.glob(f"{tier}-fused*.onnx"))
    assert sorted([name for name, given in jobs.items() if str(ASSETS / name) in given]) == shipped
    assert sorted([*shipped, *missing]) == sorted(
        f"{t}-fused{e}.onnx" for t in ("quality", "fast") for e in ("", "-blur")
    )
    made = {name for name, given in jobs.items() if "--out" in given}
    assert {"quality-fused-blur-fp16.onnx", "fast-fused-blur-fp32.onnx", "fast-fp16.onnx"} <= made
    assert "--compare" in jobs["fast-fused-fp32.onnx"] and "--blur" in jobs["fast-fused-blur-fp32.onnx"]
    assert "--fused" not in jobs["fast-fp16.onnx"] and all(Path(given[0]).is_file() for given in jobs.values())


def test_what_export_says_of_a_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    parity = importlib.import_module("cuda_parity")
    (tmp_path / "fast-fp16.onnx").write_bytes(b"no model")
    job = next(job for job in parity.fresh(["fast"], tmp_path) if job.name == "fast-fp16.onnx")
    found = parity.run(job, tmp_path, 100)
    assert not found["ok"] and "cut off or not an ONNX file" in found["error"]
    assert parity.run(job, tmp_path, 0.01) == {"ok": False, "error": "took more than 0 s"}


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr("rtseg.pipeline.require_nobody", lambda model: None)  # it sees the demo's person everywhere
    return importlib.import_module("cuda_foreign")


def test_robust_video_matting_is_measured_small_whole_and_alone(
    foreign: ModuleType, tmp_path: Path, demo_frames: list[U8]
) -> None:
    small = cv2.resize(demo_frames[0], (160, 96), interpolation=cv2.INTER_AREA)
    person = Model("balanced", provider="cpu", threads=1).run(small, np.zeros((96, 160), np.float32))
    file = foreign_nets.rvm(tmp_path, person)
    background, remarks = np.zeros((576, 1024, 3), np.uint8), list[str]()
    found = {w.how: w for w in foreign.foreign_ways(file, None, "picture", "cpu", background, remarks)}
    assert list(found) == [foreign.SMALL, foreign.WHOLE, foreign.ALONE] and not remarks
    frame = cv2.resize(demo_frames[0], (1024, 576))
    for how in (foreign.SMALL, foreign.WHOLE):
        for _ in range(4):
            out = found[how].run(frame)
        assert not out[:100, :100].any() and (out > 0).any() and found[how].stages()["infer"] > 0
    assert found[foreign.WHOLE].run.model.signature.constants["downsample_ratio"] == 0.5
    for _ in range(3):
        found[foreign.ALONE].run(frame)
    assert not foreign.is_ours(file)
