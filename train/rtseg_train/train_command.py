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
from rtseg.options.completion import starting
from rtseg.options.values import one_of
from rtseg_train.config import AREAS, PRECISIONS, TrainConfig, field_help

PRESETS = ("article",)
CHOICES = {"arch": tuple(AREAS), "precision": PRECISIONS}  # settings that are one of a few words
ARTICLE_EPOCHS = 10  # as the article has them
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
        from rtseg_train.runs import run_training

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
    from rtseg_train import runs  # now, as it loads torch: a wrong command is answered at once
    from rtseg_train.run_folder import refuse_to_overwrite

    if preset is not None:
        runs.run_article(values, out or Path("runs") / preset, epochs or ARTICLE_EPOCHS)
        return
    made = TrainConfig(**values)
    folder = out or Path("runs") / made.model_name
    if config:
        refuse_to_overwrite(folder, [("the config", config)])
    if check or show_batch:
        runs.run_look(made, folder, show_batch)
    else:
        runs.run_training(made, folder, False)


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
