"""Each benchmark runs and says what it promises; the peers' own pixel work makes the picture that it should."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from conftest import write_clip
from rtseg import Pipeline

FOLDER = Path(__file__).parents[1] / "benchmarks"
PEER_PYTHON = os.environ.get("RTSEG_MEDIAPIPE_PYTHON")
TINY = ("--sizes", "360p", "--threads", "1", "--models", "fast", "--rounds", "1", "--frames", "3")


def benchmark(name: str, *arguments: object, code: int = 0) -> str:
    """What benchmarks/NAME.py printed; on failure what it said on stderr."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | {"COLUMNS": "80"})
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture
def pixel_ways(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("pixel_ways")


@pytest.mark.parametrize("background", ["picture", "blur"])
@pytest.mark.parametrize("name", ["example", "common", "OpenCV", "hard cut"])
def test_every_way_keeps_the_person_and_shows_the_background(
    pixel_ways: ModuleType, small_frames: list[np.ndarray], name: str, background: str
) -> None:
    frame = small_frames[0]
    picture = None if background == "blur" else np.full_like(frame, (200, 40, 90))
    mask = np.zeros(frame.shape[:2], np.float32)
    mask[:, 100:] = 1
    out = pixel_ways.ways()[name](frame, mask, picture)
    assert out.shape == frame.shape and out.dtype == np.uint8
    assert np.array_equal(out[:, 100:], frame[:, 100:])
    room = out[:, :100]
    if picture is not None:
        assert np.array_equal(room, picture[:, :100])
    else:
        assert abs(room.mean() - frame[:, :100].mean()) < 10
        assert cv2.Laplacian(room, cv2.CV_32F).std() < 0.5 * cv2.Laplacian(frame[:, :100], cv2.CV_32F).std()


@pytest.mark.parametrize("name", ["common", "OpenCV"])
def test_soft_ways_are_soft(pixel_ways: ModuleType, name: str) -> None:
    frame, picture = np.full((8, 8, 3), 200, np.uint8), np.full((8, 8, 3), 100, np.uint8)
    out = pixel_ways.ways()[name](frame, np.full((8, 8), 0.25, np.float32), picture)
    assert np.abs(out.astype(int) - 125).max() <= 1


def test_peers_without_mediapipe(tmp_path: Path) -> None:
    said = benchmark("peers", *TINY, "--json", tmp_path / "peers.json")
    assert "MediaPipe's rows are left out" in said
    report = json.loads((tmp_path / "peers.json").read_text())
    assert report["machine"]["cores"] and report["sides"]["ours"]["onnxruntime-gpu"]
    rows = {(r["contender"], r["effect"]): r for r in report["results"]}
    names = ("rtseg fast", "net of fast, common", "net of fast, OpenCV")
    assert list(rows) == [(name, effect) for effect in ("picture", "blur") for name in names]
    for (_, effect), row in rows.items():
        ours = rows["rtseg fast", effect]
        assert row["frames"] == 3 and 0 < row["p10_ms"] <= row["median_ms"] <= row["p95_ms"]
        assert row["times_fast"] == pytest.approx(row["median_ms"] / ours["median_ms"], rel=0.01)
        assert row["times_fast_cpu"] == pytest.approx(row["cpu_ms"] / ours["cpu_ms"], rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--python", "nowhere/python"), "nowhere/python can't be started: No such file"),
        (("--models", "slow"), "model slow: no such file"),
        (("--sizes", "8K"), "unknown size '8K'"),
    ],
)
def test_peers_say_what_is_wrong(arguments: tuple[str, str], message: str) -> None:
    assert message in benchmark("peers", *TINY, *arguments, code=1)


def test_peer_without_mediapipe_in_it() -> None:
    said = benchmark("peers", *TINY, "--python", sys.executable, code=1)
    assert "install mediapipe==0.10.21 there" in said


@pytest.mark.skipif(not PEER_PYTHON, reason="RTSEG_MEDIAPIPE_PYTHON names no interpreter with mediapipe 0.10.21")
def test_peers_with_mediapipe(tmp_path: Path) -> None:
    said = benchmark("peers", *TINY, "--python", PEER_PYTHON, "--json", tmp_path / "peers.json")
    assert "MediaPipe general, example" in said
    report = json.loads((tmp_path / "peers.json").read_text())
    assert report["sides"]["peer"]["mediapipe"] == "0.10.21"
    assert sum(r["contender"].startswith("MediaPipe") for r in report["results"]) == 2 * 6


def test_hands_counts_what_is_missing_and_what_is_shown(demo_frames: list[np.ndarray], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "hands.mkv", demo_frames[:3], [0, 0.04, 0.08])
    sides = demo_frames[0].shape[:2]
    for kind in ("masks", "sures"):
        (tmp_path / kind).mkdir()
        for number, level in ((0, 255), (2, 255 if kind == "sures" else 0)):  # all person, then all room
            cv2.imwrite(str(tmp_path / kind / f"hands_{number:04d}.png"), np.full(sides, level, np.uint8))
    arguments = ("fast", "--opinions", tmp_path, "--clips", clip, "--json", tmp_path / "hands.json")
    assert "fast, 2 frames" in benchmark("hands", *arguments)
    row = json.loads((tmp_path / "hands.json").read_text())["models"]["fast"]
    pipe, capture = Pipeline(background="#000000", model="fast", provider="cpu", threads=1), cv2.VideoCapture(str(clip))
    people = []
    for _ in range(3):
        pipe(capture.read()[1])
        people.append(float((pipe.alpha > 0.5).sum()))
    assert row["shown"] == people[2] / 2 > 0 and row["with_much_shown"] == row["with_much_missing"] == 0.5
    assert row["missing"] == pytest.approx((sides[0] * sides[1] - people[0]) / 2, abs=2)
    (tmp_path / "sures" / "hands_0000.png").unlink()
    (tmp_path / "sures" / "hands_0002.png").unlink()
    assert "no opinion of any of the 3 frames" in benchmark("hands", *arguments, code=1)


def test_latency(tmp_path: Path) -> None:
    path = tmp_path / "latency.json"
    args = ("--size", "480p", "--models", "fast", "--fps", "60", "--seconds", "1.5", "--no-load", "--json", path)
    assert "capture to output" in benchmark("latency", *args)
    rows = json.loads(path.read_text())["results"]
    assert [r["effect"] for r in rows] == ["picture", "blur"]
    for row in rows:
        assert 1 <= row["frames"] <= 90 and 0 < row["median_ms"] <= row["p95_ms"]
        assert len(row["quantiles_ms"]) == 21 and row["quantiles_ms"] == sorted(row["quantiles_ms"])
        assert row["cpu_share"] > 0


def test_latency_too_short_to_measure() -> None:
    assert "give more --seconds" in benchmark("latency", "--seconds", "0.1", "--models", "fast", "--no-load", code=1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc")
def test_memory(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    benchmark("memory", "--frames", 40, "--size", "320x180", "--model", "fast", "--json", path)
    rows = json.loads(path.read_text())["results"]
    assert [r["effect"] for r in rows] == ["picture", "blur"]
    for row in rows:
        assert 10 < row["first_mib"] <= row["highest_mib"] >= row["last_mib"]
        assert row["frame_bytes"] == 320 * 180 * 3 and row["most_at_once_bytes"] > 0


def report(rows: list[dict[str, Any]], **more: Any) -> str:
    machine = {"cpu": "Some CPU", "cores": 2, "system": "Linux x86_64", "python": "3"}
    return json.dumps({"machine": machine, "results": rows, **more})


def test_plots(tmp_path: Path) -> None:
    both = [{"effect": effect, "threads": 1, "size": size} for effect in ("picture", "blur") for size in ("720p", "4K")]
    names = ("rtseg fast", "MediaPipe tasks, OpenCV")
    peers = [{**row, "contender": name, "cpu_ms": 3.0} for row in both for name in names]
    quantiles = list(range(0, 101, 5))
    late = [{**row, "model": "fast", "fps": 30.0, "load": 0, "quantiles_ms": quantiles} for row in both]
    stages = {"resize": {"median_ms": 0.5}, "infer": {"median_ms": 1.5}}
    (tmp_path / "peers.json").write_text(report(peers))
    (tmp_path / "latency.json").write_text(report(late, size="720p", quantiles=quantiles))
    (tmp_path / "fps.json").write_text(report([{**row, "stages": stages} for row in both], model={"name": "balanced"}))
    out = tmp_path / "pictures"
    out.mkdir()
    benchmark("plots", "--folder", tmp_path, "--out", out)
    for name in ("peers", "latency", "stages"):
        path = out / f"{name}.png"
        assert path.stat().st_size < 60_000
        picture = cv2.imread(str(path))
        assert picture.shape[1] == 900 and (picture < 128).any()
        assert (picture[0] == 255).all()  # opaque and white: can be read on a dark page


def test_plots_say_what_is_wrong(tmp_path: Path) -> None:
    assert "has none of peers.json" in benchmark("plots", "--folder", tmp_path, code=1)
    (tmp_path / "peers.json").write_text("{")
    assert "peers.json is no benchmark's JSON" in benchmark("plots", "--folder", tmp_path, code=1)
    assert not list(tmp_path.glob("*.png"))


@pytest.fixture
def labelled(tmp_path: Path, small_frames: list[np.ndarray]) -> dict[str, Path]:
    """Lists of one picture with a soft label and one with nobody, a keyed clip of three frames, and a room."""
    frame, room = small_frames[0], np.full_like(small_frames[0], 90)
    label = cv2.GaussianBlur(
        cv2.ellipse(np.zeros(frame.shape[:2], np.uint8), (90, 70), (40, 60), 0, 0, 360, 255, -1), (0, 0), 3
    )
    for name, picture in (("a.png", frame), ("a_mask.png", label), ("b.png", room), ("b_mask.png", 0 * label)):
        cv2.imwrite(str(tmp_path / name), picture)
    (tmp_path / "list.csv").write_text("source,image,mask\nx,a.png,a_mask.png\nx,b.png,b_mask.png\n")
    for folder, picture in (("fgr", frame), ("pha", label), ("rooms", room)):
        (tmp_path / "clip" / folder).mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(str(tmp_path / "clip" / folder / f"{number}.png"), picture)
    return {"list": tmp_path / "list.csv", "clip": tmp_path / "clip", "rooms": tmp_path / "clip" / "rooms"}


def test_the_front_has_a_time_and_every_figure_of_each_candidate(labelled: dict[str, Path], tmp_path: Path) -> None:
    data = ("--val", labelled["list"], "--exact", labelled["list"])
    clips = ("--keyed", labelled["clip"], "--backgrounds", labelled["rooms"])
    files = ("--json", tmp_path / "front.json", "--plot", tmp_path / "front.png")
    said = benchmark("front", "fast", "fast@4096", "--baseline", "fast", "--rounds", 2, *data, *clips, *files)
    assert "of the baseline" in said and cv2.imread(str(tmp_path / "front.png")) is not None
    models = json.loads((tmp_path / "front.json").read_text())["models"]
    assert list(models) == ["fast", "fast@4096"] and models["fast@4096"]["area"] == 4096
    for found in models.values():
        assert found["time"]["least_ms"] > 0 and found["keyed"]["dtssd"] >= 0
        assert {"boundary_iou", "sad", "gradient", "half_transparent", "reliability"} <= found["exact"].keys()
        assert 0 <= found["rooms"]["repeated"] <= 100 and found["animals"]["pictures"] == 1
    assert models["fast"]["time"]["ratio"] == 1
