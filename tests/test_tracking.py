"""What a training tells while it runs: its curves, TensorBoard, and its lines on the console."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.errors import DataError
from rtseg_train import tracking
from rtseg_train.loop import fit
from rtseg_train.report import draw_curves
from rtseg_train.tracking import add_row, keep_rows
from tiny_runs import read_log, stop_after, tiny

pytestmark = pytest.mark.usefixtures("threads")


def test_curves_show_a_single_row_and_a_single_evaluation(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    keep_rows(log, 0)
    scores = {"all_iou": 90.0, "all_boundary_iou": 70.0, "portrait_iou": 95.0, "portrait_boundary_iou": 80.0}
    add_row(log, {"step": 6, "loss": 0.5, **scores})
    draw_curves(log, tmp_path / "curves.png")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture is not None
    height, width = picture.shape[:2]
    above = picture[: height * 73 // 100]  # the legend
    left, right = above[:, : width // 2], above[:, width // 2 :]
    coloured = [part.max(2).astype(int) - part.min(2) > 60 for part in (left, right)]
    assert [cv2.connectedComponents(part.astype(np.uint8))[0] - 1 for part in coloured] == [1, 4], "points, uncovered"


def test_tensorboard_shows_the_log_and_the_sheet(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config, folder = tiny(pictures, tensorboard=True, checkpoint_every=3, eval_every=2), tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            fit(config, folder)
    fit(config, folder, resume=True)
    shown = accumulator.EventAccumulator(str(folder / "tensorboard"))
    shown.Reload()
    rows = read_log(folder)
    assert [int(row["step"]) for row in rows] == [2, 3, 4, 6]
    for name in ("loss", "segmentation", "boundary", "temporal", "lr", "pictures_per_second", "waited", "all_iou"):
        logged = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        points = shown.Scalars(name)
        assert [p.step for p in points] == [step for step, _ in logged], name
        assert [p.value for p in points] == pytest.approx([value for _, value in logged], rel=1e-6), name
    assert [p.step for p in shown.Images("sheet")] == [2, 4, 6]


def test_tensorboard_that_is_missing_is_said_before_training(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'rtseg\[tensorboard\]'"):
        fit(tiny(pictures, tensorboard=True), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_says_its_scores_speed_and_waiting(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(tiny(pictures, steps=2, eval_every=1), tmp_path / "run")
    said = capsys.readouterr().out
    first, second, last = re.findall(r"^(.*): validation IoU [\d.]+, boundary IoU [\d.]+", said, re.MULTILINE)
    assert (first, second, last) == ("step 1", "step 2", "at the end")
    assert "WARNING: the decoder is trained alone for 3 steps" in said
    fit(tiny(pictures, steps=1, val="none"), tmp_path / "blind")
    said = capsys.readouterr().out
    assert "no validation pictures, so no scores" in said
    assert re.search(r"trained 1 step at [\d.]+ pictures/s, \d+% of the time waiting for data", said)
    assert "seed 2026 decides weights, samples and their order" in said
