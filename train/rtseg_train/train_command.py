"""`rtseg train`: train a net on your own pictures.

rtseg train photos/ --out runs/mine
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from rtseg.errors import DataError
from rtseg_train.config import TrainConfig, read_settings
from rtseg_train.train_options import RUN, choice, config_options, options

PRESETS = ("article",)
EPOCHS, BATCH, SIZE, WIDTH, SEED = 10, 8, 256, 64, 2021  # as the article has them
ARTICLE = "The article's recipe"  # panel of the help
WITH_PRESET = ("val", "person", "strict", "seed", "batch", "threads", "workers")  # settings that mean something to it
WITH_RESUME = ("threads", "workers", "cache_mib")  # that are the machine's, and change nothing of what is learned


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
            help="Go on with the run in this folder, settings as saved but for --workers, --threads and --cache-mib.",
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
        extra = [*(name for name, value in others.items() if value), *options(given.keys() - set(WITH_RESUME))]
        if extra:
            raise DataError(f"--resume takes everything from {resume / 'config.json'}; leave out {', '.join(extra)}")
        from rtseg_train.runs import run_training

        run_training(replace(TrainConfig.load(resume / "config.json"), **given), resume, True)
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
    from rtseg_train import runs  # now, as it loads torch: a wrong command is answered at once
    from rtseg_train.run_folder import RUNS, refuse_to_overwrite

    if preset is not None:
        own = {"batch": BATCH, "seed": SEED} | values
        runs.run_article(own, out or RUNS / preset, epochs or EPOCHS, size or SIZE, width or WIDTH)
        return
    made = TrainConfig(**values)
    folder = out or RUNS / made.model_name
    if config:
        refuse_to_overwrite(folder, [("the config", config)])
    if check or show_batch:
        runs.run_look(made, folder, show_batch)
    else:
        runs.run_training(made, folder, False)
