"""Pictures of a run or a model: loss and IoU curves, contact sheets of what it says of real pictures, reliability."""

from __future__ import annotations

import csv
import heapq
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import DataError
from rtseg.files import whole_file
from rtseg_train.dataset import Pair
from rtseg_train.evaluate import Predictor
from rtseg_train.masks import read_pair
from rtseg_train.metrics import Reliability, Score

FEW_ROWS = 50  # of a log
TILE_HEIGHT, SHEET_WIDTH, GAP = 192, 1900, 6  # pixels


def draw_curves(log: Path, target: Path) -> None:
    """Plot the columns of log.csv over steps into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with log.open(newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    if not rows:
        raise DataError(f"{log} is empty; there is nothing to draw yet")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
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
    if right.lines:
        figure.legend(loc="outside lower right", ncols=2)  # beside the points, not on them
    with whole_file(target) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def tile(image: NDArray[np.uint8], label: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Picture, label, prediction and the person on green, side by side; uint8 BGR."""
    grey = [cv2.cvtColor(x, cv2.COLOR_GRAY2BGR) for x in (label, np.rint(alpha * 255).astype(np.uint8))]
    cut = image * alpha[..., None] + np.array([0, 200, 0]) * (1 - alpha[..., None])
    row = np.hstack([image, *grey, cut.astype(np.uint8)])
    width = round(row.shape[1] * TILE_HEIGHT / row.shape[0])
    return cv2.resize(row, (width, TILE_HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def draw_sheet(predict: Predictor, pairs: list[Pair], target: Path) -> None:
    """A contact sheet PNG of the given pairs."""
    tiles = []
    for pair in pairs:
        image, label = read_pair(pair)
        tiles.append(tile(image, label, predict(image)))
    draw_tiles(tiles, target)


def draw_tiles(tiles: list[NDArray[np.uint8]], target: Path) -> None:
    """A PNG of tiles (uint8 BGR, TILE_HEIGHT high), as many to a row as fit."""
    rows: list[list[NDArray[np.uint8]]] = [[]]
    for made in tiles:
        made = made[:, :SHEET_WIDTH]
        if sum(t.shape[1] + GAP for t in rows[-1]) + made.shape[1] > SHEET_WIDTH:
            rows.append([])
        rows[-1].append(made)
    sheet = np.full((len(rows) * (TILE_HEIGHT + GAP), SHEET_WIDTH, 3), 32, np.uint8)
    for y, row in enumerate(rows):
        x, top = 0, y * (TILE_HEIGHT + GAP)
        for made in row:
            sheet[top : top + TILE_HEIGHT, x : x + made.shape[1]] = made
            x += made.shape[1] + GAP
    _, png = cv2.imencode(".png", sheet)
    with whole_file(target) as temporary:
        temporary.write_bytes(png.tobytes())


class WorstTiles:
    """Keeps the tiles of the worst pictures seen; an empty picture is as bad as the share of it called person."""

    def __init__(self, count: int) -> None:
        self.count, self._seen = count, 0
        self._heap: list[tuple[float, int, NDArray[np.uint8]]] = []  # how bad, minus the order, tile

    def look(
        self, image: NDArray[np.uint8], label: NDArray[np.uint8], alpha: NDArray[np.float32], score: Score
    ) -> None:
        """Consider one picture."""
        badness, self._seen = score.person if score.empty else 1 - score.iou, self._seen + 1
        if len(self._heap) < self.count:
            heapq.heappush(self._heap, (badness, -self._seen, tile(image, label, alpha)))
        elif badness > self._heap[0][0]:
            heapq.heapreplace(self._heap, (badness, -self._seen, tile(image, label, alpha)))

    def write(self, target: Path) -> None:
        """A contact sheet PNG, worst first."""
        draw_tiles([made for _, _, made in sorted(self._heap, key=lambda item: item[:2], reverse=True)], target)


def draw_reliability(bins: Reliability, target: Path) -> None:
    """Plot what share of the pixels of each alpha is person in the labels, and how many there are, into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    alpha, person = bins.curve()
    count = len(bins.pixels)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(5.5, 7), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    above.plot([0, 1], [0, 1], ls="--", lw=1, color="grey", label="perfect")
    above.plot(alpha, person, marker="o", label="model")
    above.set(ylabel="share that is person in the label", xlim=(0, 1), ylim=(0, 1))
    above.set_title(f"expected calibration error {100 * bins.error:.2f} %")
    above.legend(loc="upper left")
    below.bar((np.arange(count) + 0.5) / count, np.maximum(bins.pixels, 0.5), width=0.9 / count)
    below.set(xlabel="predicted alpha", ylabel="pixels", yscale="log")
    with whole_file(target) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)
