"""`rtseg train`: train a net on your own pictures.

rtseg train photos/ --out runs/mine
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from rtseg.errors import DataError
from rtseg.files import decode_text, parse_json
from rtseg.options.call import quoted
from rtseg.options.completion import starting
from rtseg.options.values import one_of
from rtseg.stopping import finishing, number_of
from rtseg_train.config import AREAS, PRECISIONS, TrainConfig, field_help

PRESETS = ("article",)
CHOICES = {"arch": tuple(AREAS), "precision": PRECISIONS}  # settings that are one of a few words
ARTICLE_EPOCHS, ARTICLE_SEED = 10, 2021  # as the article has them
WITH_PRESET = ("val", "person", "strict", "seed")  # settings that mean something to a preset


def choice(names: Iterable[str], note: str) -> Any:
    """An option that takes one of the names."""
    known = tuple(names)

    def offer(incomplete: str) -> list[str]:
        return starting(known, incomplete)

    return typer.Option(metavar="|".join(known), callback=one_of(known), autocompletion=offer, help=note)


def config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option per field of TrainConfig, with the field's comment as help.

    All default to None, which keeps what the command takes as the field's value.
    """
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"]
    notes, options = field_help(), []
    for name, kind in TrainConfig.option_types().items():
        option = choice(CHOICES[name], notes[name]) if name in CHOICES else typer.Option(help=notes[name])
        annotation = Annotated[kind | None, option]  # type: ignore[valid-type]  # made at run time
        options.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))

    def run(**values: Any) -> None:
        command(settings={o.name: values.pop(o.name) for o in options}, **values)

    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature(own + options)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in own + options}
    return run


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
    out: Annotated[Path | None, typer.Option(help="Folder of the run; else runs/NAME.", show_default=False)] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, settings as saved.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="A JSON of settings, such as another run's config.json; options given here win. "
            "Paths in it count from the working directory.",
            show_default=False,
        ),
    ] = None,
    preset: Annotated[
        str | None, choice(PRESETS, "Another recipe instead; article is the plain U-Net of the tutorials.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help=f"Of the preset.  [default: {ARTICLE_EPOCHS}]", show_default=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Look at the pictures, say what was found (data.json, data.png) and stop.")
    ] = False,
    show_batch: Annotated[
        bool, typer.Option("--show-batch", help="Draw what the net would see first (batch.png) and stop.")
    ] = False,
    settings: dict[str, Any],
) -> None:
    """Train a net on the labelled pictures of DATA, in two phases: decoder first, then everything.

    Looks at all pictures first and skips what can't be used.

    Example: rtseg train photos/ --out runs/mine
    """
    given = {name: value for name, value in settings.items() if value is not None}
    others = {"DATA": data, "--out": out, "--config": config, "--preset": preset, "--epochs": epochs}
    others |= {"--check": check, "--show-batch": show_batch}
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
    elif epochs is not None:
        raise DataError("--epochs belongs to --preset article; this training counts steps: give --steps")
    values = (read_settings(config) if config else {}) | given | ({"train": str(data)} if data else {})
    if "train" not in values:
        raise DataError(
            "which pictures? Give a folder or a CSV with the columns image,mask, for example "
            "rtseg train photos/ --out runs/mine; or --resume FOLDER"
        )
    if preset is not None:
        run_article(values, out or Path("runs") / preset, epochs or ARTICLE_EPOCHS)
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


def options(names: Iterable[str]) -> list[str]:
    """Settings as they are written on the command line."""
    return [f"--{name.replace('_', '-')}" for name in sorted(names)]


def read_settings(path: Path) -> dict[str, Any]:
    """Some or all fields of TrainConfig from a JSON file; raises DataError for anything else."""
    try:
        values = parse_json(decode_text(path.read_bytes()))
    except (OSError, ValueError) as e:
        raise DataError(f"cannot read the settings {path}: {e}") from e
    if not isinstance(values, dict):
        raise DataError(f'{path} holds no settings: it needs an object such as {{"steps": 2000}}')
    types = TrainConfig.option_types() | {"train": str}
    unknown = sorted(values.keys() - types.keys())
    if unknown:
        raise DataError(f"{path} has settings that rtseg does not know: {', '.join(unknown)}")
    for name, value in values.items():
        kind = types[name]
        fits = isinstance(value, (int, float) if kind is float else kind)
        if isinstance(value, bool) != (kind is bool) or not fits:
            if value is None:
                continue
            raise DataError(f"{path}: {name} is {value!r}; it must be of type {kind.__name__}")
    return {name: value for name, value in values.items() if value is not None}


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


def run_article(values: dict[str, Any], folder: Path, epochs: int) -> None:
    """The article's recipe on the pictures that can be used; validation takes the place of its test set."""
    import cv2

    from rtseg.console import Messages
    from rtseg.progress import progress_bar
    from rtseg_train.article import train_article
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
            weights = train_article(train, test, folder, epochs=epochs, seed=values.get("seed", ARTICLE_SEED))
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
