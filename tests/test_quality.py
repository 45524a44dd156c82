"""benchmarks/quality.py and quality_peers.py on pictures whose figures are known beforehand."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from foreign_nets import rvm
from rtseg.arrays import U8

SIZE = (128, 64)  # width, height


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """quality_peers.py, with quality.py in it."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("quality_peers")


@pytest.fixture
def given(tmp_path: Path) -> list[object]:
    """Options naming a picture with a person on its left half, a room, an alpha with a soft edge and a keyed clip."""
    left = np.zeros(SIZE[::-1], np.uint8)
    left[:, : SIZE[0] // 2] = 255
    grey, soft = np.full((*left.shape, 3), 120, np.uint8), left.copy()
    soft[:, SIZE[0] // 2 - 4 : SIZE[0] // 2] = 128
    pictures: dict[str, U8] = {"grey": grey, "left": left, "nobody": np.zeros_like(left), "soft": soft}
    pictures |= {f"clip/{kind}/{n}": left if kind == "pha" else grey for kind in ("fgr", "pha") for n in range(3)}
    pictures["rooms/a"] = grey // 2
    for name, picture in pictures.items():
        (tmp_path / f"{name}.png").parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    rows = {"val": ["eg1800,grey.png,left.png", "room,grey.png,nobody.png"], "exact": ["cut,grey.png,soft.png"]}
    for name, lines in rows.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(["source,image,mask", *lines]))
    lists = ("--val", tmp_path / "val.csv", "--exact", tmp_path / "exact.csv")
    return [*lists, "--keyed", tmp_path / "clip", "--backgrounds", tmp_path / "rooms", "--json", tmp_path / "q.json"]


def figures(main: Any, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> dict[str, Any]:
    """What the benchmark wrote of its only contender."""
    monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, arguments)])
    main()
    found: dict[str, Any] = json.loads(Path(str(arguments[-1])).read_text())
    assert len(found) == 1
    return next(iter(found.values()))  # type: ignore[no-any-return]


def test_a_peer_that_is_right_but_for_empty_rooms(
    benchmarks: ModuleType, given: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The left half at half of what is missing each time: 0.75 when a still is shown twice, 1 in the end."""
    person = np.zeros((SIZE[1] // 2, SIZE[0] // 2), np.float32)
    person[:, : SIZE[0] // 4] = 1
    found = figures(benchmarks.main, monkeypatch, "--rvm", rvm(tmp_path, person), *given)
    assert found["PORTRAIT"]["iou"] == found["ALL"]["iou"] == 100 and found["keyed"]["iou"] > 99
    assert found["rooms"]["false_alarm"] == found["rooms"]["repeated"] == 50
    assert found["exact"]["sad"] == pytest.approx(SIZE[1] * (60 * 0.25 + 4 * 0.25) / 1000, abs=0.05)
    assert found["exact"]["half_transparent_label"] == pytest.approx(100 * 4 / 64, abs=0.5)
    assert found["exact"]["half_transparent"] == pytest.approx(100, abs=5)


def test_ours(benchmarks: ModuleType, given: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is in a grey picture, whatever its label says."""
    found = figures(importlib.import_module("quality").main, monkeypatch, "fast@20480", "--no-follow", *given)
    assert found["area"] == 20480 and not found["follow"]
    assert found["PORTRAIT"]["iou"] == found["rooms"]["false_alarm"] == found["rooms"]["repeated"] == 0
    assert found["exact"]["sad"] == pytest.approx(SIZE[1] * (60 + 4 * 0.5) / 1000, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "there is no peer"),
        (("--rvm", "nowhere.onnx"), "nowhere.onnx"),
        (("--python", "nowhere/python"), "can't be started"),
        (("--python", sys.executable), "install mediapipe==0.10.21 there"),
    ],
)
def test_what_is_not_there_is_named(
    benchmarks: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["quality_peers.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        benchmarks.main()
    assert said in f"{ended.value}{capsys.readouterr().err}"
