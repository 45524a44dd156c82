"""What `rtseg train` does once it is known what is asked: look at the pictures, follow the article, or train."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import cv2

from rtseg.console import Messages
from rtseg.errors import DataError
from rtseg.options.call import quoted
from rtseg.progress import progress_bar
from rtseg.stopping import finishing, number_of
from rtseg_train.batch import Batch
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches
from rtseg_train.data_report import Inspection, usable
from rtseg_train.dataset import find_sets
from rtseg_train.loop import fit
from rtseg_train.preview import draw_batches
from rtseg_train.run_folder import inputs_of, refuse_to_overwrite, writing

BATCHES = 3  # that --show-batch draws
LOOK_AHEAD = 64  # batches among which one of pairs is looked for


def run_look(config: TrainConfig, folder: Path, show_batch: bool) -> None:
    """Read the pictures, write data.json and data.png into the run's folder, and batch.png when wanted."""
    refuse_used(folder, "state.safetensors")
    data = TrainBatches(config)
    refuse_to_overwrite(folder, inputs_of(config, data.inspection.sets, data.rooms, data.cutouts))
    console = Messages()
    read_all(data.preload(), len(data.val) + data.count, console)
    for line in data.inspection.report(folder):
        console.print(line)
    if show_batch:
        batches = first_batches(data)
        try:
            draw_batches(batches, folder / "batch.png")
        except OSError as e:
            raise DataError(f"cannot write {folder / 'batch.png'}: {e}") from e
        console.print(f"{folder / 'batch.png'}: what the net would see at steps {', '.join(map(str, batches))}")


class Batches(Protocol):
    """Batches by their steps."""

    def __len__(self) -> int: ...

    def __getitem__(self, step: int) -> Batch: ...


def first_batches(data: Batches) -> dict[int, Batch]:
    """The first few batches by their steps, one with pairs of frames among them where there is one before long."""
    steps = range(min(BATCHES, len(data)))
    found = {step: data[step] for step in steps}
    if not any(batch.pairs for batch in found.values()):
        for step in range(len(steps), min(LOOK_AHEAD, len(data))):
            batch = data[step]
            if batch.pairs:
                del found[steps[-1]]
                found[step] = batch
                break
    return found


def run_article(values: dict[str, Any], folder: Path, epochs: int, size: int, width: int) -> None:
    """The article's recipe on the pictures that can be used; validation takes the place of its test set.

    values: settings, among them the batch and the seed. Raises DataError.
    """
    from rtseg_train.article import train_article  # brings torchvision
    from rtseg_train.classic import widths_from

    refuse_used(folder, "state.safetensors", "model.safetensors")
    cv2.setNumThreads(1)  # a forked worker hangs in OpenCV when its parent has used OpenCV's thread pool
    sets = find_sets(Path(values["train"]), values.get("val"), values.get("person"))
    inspection = Inspection(sets, strict=values.get("strict", False))
    refuse_to_overwrite(folder, inputs_of(TrainConfig(**values), inspection.sets))
    console = Messages()
    read_all(inspection.read(), len(inspection), console)
    for line in inspection.report(folder):
        console.print(line)
    train, test = usable(inspection.train), usable(inspection.val)
    try:
        with finishing(), writing(folder):
            weights = train_article(
                train,
                test,
                folder,
                epochs=epochs,
                batch=values["batch"],
                size=size,
                seed=values["seed"],
                widths=widths_from(width),
                workers=values.get("workers", 2),
                threads=values.get("threads", 0),
            )
    except KeyboardInterrupt as e:
        raise SystemExit(128 + number_of(e)) from None
    console.print(f"{weights}: the weights\nnext: rtseg export {quoted(str(folder))}")


def read_all(reading: Iterator[int], total: int, console: Messages) -> None:
    """Read every picture, behind a progress bar."""
    with progress_bar(console) as progress:
        task = progress.add_task("reading pictures", total=total)
        for _ in reading:
            progress.advance(task)


def refuse_used(folder: Path, *names: str) -> None:
    """Raise DataError when the folder holds one of the files of a run."""
    if any((folder / name).exists() for name in names):
        raise DataError(f"{folder} holds a run already; give another --out")


def run_training(config: TrainConfig, folder: Path, resume: bool) -> None:
    """Train, then say where things are; on Ctrl-C say how to go on and exit with 130."""
    console = Messages()
    try:
        with finishing():
            weights = fit(config, folder, resume)
    except KeyboardInterrupt as e:
        if (folder / "state.safetensors").exists():
            console.print(f"stopped; go on from the last checkpoint with: rtseg train --resume {quoted(str(folder))}")
        else:
            console.print(f"stopped before the first checkpoint (every {config.checkpoint_every} steps)")
        raise SystemExit(128 + number_of(e)) from None
    for name, what in (("curves.png", "loss and IoU"), ("sheet.png", "predictions"), (weights.name, "the weights")):
        if (folder / name).exists():
            console.print(f"{folder / name}: {what}")
    console.print(f"next: rtseg export {quoted(str(folder))}")
