"""The folder of a run: what is written there, never over what the run reads; and a disk that is full."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from safetensors import SafetensorError

from rtseg.errors import DataError
from rtseg.inputs import Input, model_inputs, refuse_inputs
from rtseg_train.config import TrainConfig
from rtseg_train.dataset import Pair, Sets

RUNS = Path("runs")  # where runs are kept when no --out says another place
NAMES = (
    *("config.json", "data.json", "data.png", "batch.png", "log.csv", "curves.png", "sheet.png", "predictions.png"),
    *("state.safetensors", "model.safetensors", "model.json"),
)


def newest_run() -> Path | None:
    """The folder in runs/ whose weights were written last, or None; for commands that are not told which."""
    return max((p.parent for p in RUNS.glob("*/model.safetensors")), key=age, default=None)


def age(run: Path) -> float:
    """When its weights were written; 0 for those that are gone by now."""
    try:
        return (run / "model.safetensors").stat().st_mtime
    except OSError:
        return 0.0


def refuse_to_overwrite(folder: Path, inputs: Iterable[Input]) -> None:
    """Raise OutputError when a file of the run would take the place of one that it reads, under whatever name."""
    refuse_inputs((folder / name for name in NAMES), inputs)


def inputs_of(config: TrainConfig, sets: Sets, rooms: Iterable[Path] = (), cutouts: Iterable[Pair] = ()) -> list[Input]:
    """What a training reads."""
    lists = [Path(name) for name in (config.train, config.val, config.cutouts) if name and Path(name).is_file()]
    pairs = [path for pair in (*sets.train.pairs, *sets.val.pairs, *cutouts) for path in (pair.image, pair.mask)]
    weights = model_inputs(config.init) if config.init and config.init != "scratch" else []
    weights += [("the encoder", Path(config.encoder))] if config.encoder else []
    named = (("the list", lists), ("a picture of the training", pairs), ("a background picture", rooms))
    return [*weights, *((what, path) for what, paths in named for path in paths)]


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What can't be written becomes a DataError that says what there is still; files are whole or as they were."""
    try:
        yield
    except (OSError, SafetensorError) as e:
        reason = (isinstance(e, OSError) and e.strerror) or str(e)
        text = f"cannot write the run's folder {folder}: {reason}"
        if (folder / "state.safetensors").exists():
            text += f"; make room, then go on from the last checkpoint with: rtseg train --resume {folder}"
        raise DataError(text) from e
