"""`rtseg train`: train a net on your own pictures.

rtseg train photos/ --out runs/mine
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rtseg.errors import DataError
from rtseg.options.call import quoted
from rtseg.stopping import finishing, number_of
from rtseg_train.config import TrainConfig
from rtseg_train.train_options import RUN, choice, config_options, options, read_settings

PRESETS = ("article",)
EPOCHS, BATCH, SIZE, WIDTH, SEED = 10, 8, 256, 64, 2021  # as the article has them
ARTICLE = "The article's recipe"  # panel of the help
WITH_PRESET = ("val", "person", "strict", "seed", "batch", "threads", "workers")  # settings that mean something to it


@config_options
def train_command(
    *,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="Labelled pictures: a list with the columns image,mask[,source]; a folder with 1.png beside "
            "1_matte.png (or 1_mask.png); or one with images/ and masks/. Folders may be split: training/, testing/. "
            "Or cut-outs alone, see --cutouts.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder of the run; else runs/NAME.", show_default=False, rich_help_panel=RUN
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Go on with the run in this folder, settings as saved.",
            show_default=False,
            rich_help_panel=RUN,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A JSON of settings, such as another run's config.json; options given here win. "
            "Paths in it count from the working directory.",
            show_default=False,
            rich_help_panel=RUN,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Look at the pictures, say what was found (data.json, data.png) and stop.",
            rich_help_panel=RUN,
        ),
    ] = False,
    show_batch: Annotated[
        bool,
        typer.Option(
            "--show-batch", help="Draw what the net would see first (batch.png) and stop.", rich_help_panel=RUN
        ),
    ] = False,
    preset: Annotated[
        str | None,
        choice(
            PRESETS,
            f"Another recipe instead; article is the plain U-Net of the tutorials, with --batch {BATCH}.",
            ARTICLE,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help=f"Of the preset.  [default: {EPOCHS}]", show_default=False, rich_help_panel=ARTICLE),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=32,
            metavar="PIXELS",
            help=f"Of the preset: side of the square that pictures become.  [default: {SIZE}]",
            show_default=False,
            rich_help_panel=ARTICLE,
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            metavar="CHANNELS",
            help=f"Of the preset: channels of the net's first level; 16 is quick.  [default: {WIDTH}]",
            show_default=False,
            rich_help_panel=ARTICLE,
        ),
    ] = None,
    settings: dict[str, Any],
) -> None:
    """Train a net on the labelled pictures of DATA, in two phases: decoder first, then everything.

    Looks at all pictures first and skips what can't be used.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    others = {"DATA": data, "--out": out, "--config": config, "--preset": preset, "--epochs": epochs}
    others |= {"--size": size, "--width": width, "--check": check, "--show-batch": show_batch}
    if resume is not None:
        extra = [*(name for name, value in others.items() if value), *options(given)]
        if extra:
            raise DataError(f"--resume takes everything from {resume / 'config.json'}; leave out {', '.join(extra)}")
        run_training(TrainConfig.load(resume / "config.json"), resume, True)
        return
    if preset is not None:
        extra = [name for name in ("--config", "--check", "--show-batch") if others[name]]
        extra += options(given.keys() - set(WITH_PRESET))
        if extra:
            raise DataError(f"--preset {preset} has settings of its own; leave out {', '.join(extra)}")
    elif alone := [name for name in ("--epochs", "--size", "--width") if others[name] is not None]:
        instead = {"--epochs": "this training counts steps: give --steps", "--size": "here it is --area PIXELS"}
        hint = instead.get(alone[0], "--arch says which net")
        raise DataError(f"{', '.join(alone)}: only with --preset article; {hint}")
    values = (read_settings(config) if config else {}) | given | ({"train": str(data)} if data else {})
    if "train" not in values:
        raise DataError(
            "which pictures? Give a folder or a CSV with the columns image,mask, for example "
            "rtseg train photos/ --out runs/mine; or --resume FOLDER"
        )
    if preset is not None:
        run_article(values, out or Path("runs") / preset, epochs or EPOCHS, size or SIZE, width or WIDTH)
        return
    made = TrainConfig(**values)
    folder = out or Path("runs") / made.model_name
    if config:
        from rtseg_train.run_folder import refuse_to_overwrite

        refuse_to_overwrite(folder, [("the config", config)])
    if check or show_batch:
        run_look(made, folder, show_batch)
    else:
        run_training(made, folder, False)


def run_look(config: TrainConfig, folder: Path, show_batch: bool) -> None:
    """Read the pictures, write data.json and data.png into the run's folder, and batch.png when wanted."""
    from rtseg.console import Messages
    from rtseg.progress import progress_bar
    from rtseg_train.data import TrainBatches
    from rtseg_train.preview import draw_batches
    from rtseg_train.run_folder import inputs_of, refuse_to_overwrite

    refuse_used(folder, "state.safetensors")
    data = TrainBatches(config)
    refuse_to_overwrite(folder, inputs_of(config, data.inspection.sets, data.rooms, data.cutouts))
    console = Messages()
    with progress_bar(console) as progress:
        reading = progress.add_task("reading pictures", total=len(data.val) + data.count)
        for _ in data.preload():
            progress.advance(reading)
    for line in data.inspection.report(folder):
        console.print(line)
    if show_batch:
        try:
            steps = draw_batches(data, folder / "batch.png")
        except OSError as e:
            raise DataError(f"cannot write {folder / 'batch.png'}: {e}") from e
        console.print(f"{folder / 'batch.png'}: what the net would see at steps {', '.join(map(str, steps))}")


def run_article(values: dict[str, Any], folder: Path, epochs: int, size: int, width: int) -> None:
    """The article's recipe on the pictures that can be used; validation takes the place of its test set."""
    import cv2

    from rtseg.console import Messages
    from rtseg.progress import progress_bar
    from rtseg_train.article import train_article
    from rtseg_train.classic import widths_from
    from rtseg_train.data_report import Inspection, usable
    from rtseg_train.dataset import find_sets
    from rtseg_train.run_folder import inputs_of, refuse_to_overwrite, writing

    refuse_used(folder, "state.safetensors", "model.safetensors")
    cv2.setNumThreads(1)  # a forked worker hangs in OpenCV when its parent has used OpenCV's thread pool
    sets = find_sets(Path(values["train"]), values.get("val"), values.get("person"))
    inspection = Inspection(sets, strict=values.get("strict", False))
    refuse_to_overwrite(folder, inputs_of(TrainConfig(**values), inspection.sets))
    console = Messages()
    with progress_bar(console) as progress:
        reading = progress.add_task("reading pictures", total=len(inspection))
        for _ in inspection.read():
            progress.advance(reading)
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
                batch=values.get("batch", BATCH),
                size=size,
                seed=values.get("seed", SEED),
                widths=widths_from(width),
                workers=values.get("workers", 2),
                threads=values.get("threads", 0),
            )
    except KeyboardInterrupt as e:
        raise SystemExit(128 + number_of(e)) from None
    console.print(f"{weights}: the weights\nnext: rtseg export {quoted(str(folder))}")


def refuse_used(folder: Path, *names: str) -> None:
    """Raise DataError when the folder holds one of the files of a run."""
    if any((folder / name).exists() for name in names):
        raise DataError(f"{folder} holds a run already; give another --out")


def run_training(config: TrainConfig, folder: Path, resume: bool) -> None:
    """Train, then say where things are; on Ctrl-C say how to go on and exit with 130."""
    from rtseg.console import Messages
    from rtseg_train.loop import fit

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
