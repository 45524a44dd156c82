"""How a run goes: means since the last row, log.csv, and the same for TensorBoard (tensorboard --logdir runs)."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2

from rtseg.errors import DataError
from rtseg.files import whole_file
from rtseg.messages import amount
from rtseg.sources.pictures import read_picture
from rtseg_train.step import Losses

LOG_COLUMNS = [
    *("step", "loss", "lr", "pictures_per_second", "waited", *Losses._fields[1:]),
    *("portrait_iou", "portrait_boundary_iou", "all_iou", "all_boundary_iou", "false_alarm"),
]


class Meter:
    """Losses, pictures and seconds of some steps, without what happens between them."""

    def __init__(self) -> None:
        self.losses: list[Losses] = []
        self.pictures = 0
        self.seconds = self.waited = 0.0  # waited: of these seconds, those without a batch

    def add(self, losses: Losses, pictures: int, asked: float, arrived: float) -> None:
        """A step that is just done; asked, arrived: perf_counter when its batch was asked for and when it came."""
        self.losses.append(losses)
        self.pictures += pictures
        self.seconds += time.perf_counter() - asked
        self.waited += arrived - asked

    def means(self) -> dict[str, float]:
        """The log's columns of this."""
        values = zip(*self.losses, strict=True)
        means = {name: round(fmean(v), 5) for name, v in zip(Losses._fields, values, strict=True)}
        speed, waited = self.pictures / self.seconds, self.waited / self.seconds
        return means | {"pictures_per_second": round(speed, 2), "waited": round(waited, 3)}

    def sentence(self) -> str:
        """Speed and waiting in words."""
        speed, waited = self.pictures / self.seconds, self.waited / self.seconds
        done = amount(len(self.losses), "step")
        return f"trained {done} at {speed:.1f} pictures/s, {waited:.0%} of the time waiting for data"


def keep_rows(log: Path, step: int) -> None:
    """Start the log, or on resume drop the rows after the checkpoint, which will be written again."""
    rows: list[dict[str, str]] = []
    if log.exists() and step:
        with log.open(newline="", encoding="utf-8") as f:
            complete = [r for r in csv.DictReader(f) if None not in r.values()]  # a power cut may have cut the last
        rows = [r for r in complete if int(r["step"]) <= step]
    with whole_file(log) as temporary, temporary.open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, LOG_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def add_row(log: Path, row: Mapping[str, float]) -> None:
    """Append a row; what it lacks stays empty."""
    with log.open("a", newline="", encoding="utf-8") as f:
        csv.DictWriter(f, LOG_COLUMNS).writerow(row)


def check_tensorboard() -> None:
    """Raise DataError when TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        raise DataError("--tensorboard needs the tensorboard package; pip install 'rtseg[tensorboard]'")


class Board:
    """The log and the contact sheets as TensorBoard shows them; a context manager, which does nothing when off."""

    def __init__(self, folder: Path, step: int, on: bool) -> None:
        self._writer: Any = None
        if on:
            from torch.utils.tensorboard import SummaryWriter

            # What an earlier session wrote after its last checkpoint vanishes from the curves.
            self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.close()

    def add(self, row: Mapping[str, float], sheet: Path | None) -> None:
        """Every column of a row of the log, and the contact sheet if there is a new one."""
        if not self._writer:
            return
        step = int(row["step"])
        for name in row.keys() - {"step"}:
            self._writer.add_scalar(name, row[name], step)
        if sheet is not None:
            picture = cv2.cvtColor(read_picture(sheet, DataError), cv2.COLOR_BGR2RGB)
            self._writer.add_image("sheet", picture, step, dataformats="HWC")
        self._writer.flush()
