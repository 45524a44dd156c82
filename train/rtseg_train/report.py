"""Pictures of a run or a model: loss and IoU curves, contact sheets of what it says of real pictures, reliability."""

from __future__ import annotations

import csv
import heapq
import importlib
from collections.abc import Container
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from rtseg.arrays import F32, U8
from rtseg.errors import DataError
from rtseg.files import whole_file
from rtseg_train.masks import Mask
from rtseg_train.metrics import Score
from rtseg_train.preview import LIGHT, SHEET_WIDTH, TILE_HEIGHT, captioned, size_within, titled, write_sheet
from rtseg_train.reliability import Reliability

FEW_ROWS = 50  # of a log
COLUMNS = ("picture", "label", "alpha", "on green")  # of a tile


def pyplot() -> ModuleType:
    """matplotlib's, drawing to files alone; imported late because it takes a second."""
    import matplotlib

    matplotlib.use("Agg")
    return importlib.import_module("matplotlib.pyplot")


def save(figure: Any, target: Path) -> None:
    """Write a figure of `pyplot`, as PNG by its name, whole or not at all, and let go of it. Raises OSError."""
    with whole_file(target) as temporary:
        figure.savefig(temporary, dpi=110)
    pyplot().close(figure)


def draw_curves(log: Path, target: Path) -> None:
    """Plot the columns of log.csv over steps into a PNG."""
    with log.open(newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    if not rows:
        raise DataError(f"{log} is empty; there is nothing to draw yet")
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(11, 4), layout="constrained")
    steps = [int(r["step"]) for r in rows]
    # A line through one point is none: the first rows of a run are seen by their points.
    left.plot(steps, [float(r["loss"]) for r in rows], lw=1, marker="." if len(rows) <= FEW_ROWS else None)
    left.set(xlabel="step", ylabel="training loss", yscale="log")
    for column, label in (
        ("portrait_iou", "IoU, portraits"),
        ("portrait_boundary_iou", "boundary IoU, portraits"),
        ("all_iou", "IoU, all"),
        ("all_boundary_iou", "boundary IoU, all"),
    ):
        points = [(int(r["step"]), float(r[column])) for r in rows if r[column]]
        if points:
            right.plot(*zip(*points, strict=True), marker=".", label=f"{label}: {points[-1][1]:.1f}")
    right.set(xlabel="step", ylabel="validation, %")
    for axes in (left, right):
        axes.set_xlim(left=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
    if right.lines:
        figure.legend(loc="outside lower right", ncols=2)  # beside the points, not on them
    save(figure, target)


def tile(name: str, image: U8, label: U8, alpha: F32, score: Score) -> U8:
    """Picture, label, alpha and the person on green side by side, what they are above, name and score below; BGR."""
    grey = [cv2.cvtColor(x, cv2.COLOR_GRAY2BGR) for x in (label, np.rint(alpha * 255).astype(np.uint8))]
    cut = image * alpha[..., None] + np.array([0, 200, 0]) * (1 - alpha[..., None])
    size = size_within(image, TILE_HEIGHT, SHEET_WIDTH // len(COLUMNS))
    shown = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (image, *grey, cut.astype(np.uint8))]
    return captioned(titled(np.hstack(shown), COLUMNS), f"{name}: {in_words(score)}", LIGHT)


def in_words(score: Score) -> str:
    """The figures that a picture is judged by, in percent."""
    if score.empty:
        return f"nobody there, {score.person:.1%} called person"
    return f"IoU {100 * score.iou:.1f}, boundary IoU {100 * score.boundary_iou:.1f}"


class Sheet:
    """The tiles of some pictures, by their numbers in the order in which they are seen."""

    def __init__(self, wanted: Container[int]) -> None:
        self._wanted, self._seen = wanted, 0
        self._tiles: list[U8] = []

    def look(self, name: str, image: U8, mask: Mask, alpha: F32, score: Score) -> None:
        """Consider one picture."""
        if self._seen in self._wanted:
            self._tiles.append(tile(name, image, mask.alpha, alpha, score))
        self._seen += 1

    def write(self, target: Path) -> None:
        """A contact sheet PNG."""
        write_sheet(self._tiles, target)


class WorstTiles:
    """Keeps the tiles of the worst pictures seen; an empty picture is as bad as the share of it called person."""

    def __init__(self, count: int) -> None:
        self.count, self._seen = count, 0
        self._heap: list[tuple[float, int, U8]] = []  # how bad, minus the order, tile

    def look(self, name: str, image: U8, mask: Mask, alpha: F32, score: Score) -> None:
        """Consider one picture."""
        badness, self._seen = score.person if score.empty else 1 - score.iou, self._seen + 1
        if len(self._heap) < self.count:
            heapq.heappush(self._heap, (badness, -self._seen, tile(name, image, mask.alpha, alpha, score)))
        elif badness > self._heap[0][0]:
            heapq.heapreplace(self._heap, (badness, -self._seen, tile(name, image, mask.alpha, alpha, score)))

    def write(self, target: Path) -> None:
        """A contact sheet PNG, worst first."""
        write_sheet([made for _, _, made in sorted(self._heap, key=lambda item: item[:2], reverse=True)], target)


def draw_reliability(bins: Reliability, target: Path) -> None:
    """Plot what share of the pixels of each alpha is person in the labels, and how many there are, into a PNG."""
    alpha, person = bins.curve()
    count = len(bins.pixels)
    figure, (above, below) = pyplot().subplots(
        2, 1, figsize=(5.5, 7), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    above.plot([0, 1], [0, 1], ls="--", lw=1, color="grey", label="perfect")
    above.plot(alpha, person, marker="o", label="model")
    above.set(ylabel="share that is person in the label", xlim=(0, 1), ylim=(0, 1))
    above.set_title(f"expected calibration error {100 * bins.error:.2f} %")
    above.legend(loc="upper left")
    below.bar((np.arange(count) + 0.5) / count, np.maximum(bins.pixels, 0.5), width=0.9 / count)
    below.set(xlabel="predicted alpha", ylabel="pixels", yscale="log")
    save(figure, target)
