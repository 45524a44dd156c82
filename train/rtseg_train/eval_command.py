"""`rtseg eval`: score any model on labelled pictures or on a video with masks.

rtseg eval balanced.onnx my/val.csv --sheet worst.png
rtseg eval balanced.onnx my/clip --single-frame
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtseg.errors import DataError
from rtseg.messages import amount
from rtseg.options.call import quoted
from rtseg.options.panels import MODEL
from rtseg.options.shared import JsonFile, Provider
from rtseg.options.values import target

if TYPE_CHECKING:
    from rtseg_train.clips import Clip
    from rtseg_train.dataset import Pair
    from rtseg_train.evaluate import Look
    from rtseg_train.metrics import Score
    from rtseg_train.reliability import Reliability
    from rtseg_train.report import WorstTiles

WORST = 24  # pictures on the sheet


def eval_command(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="A model file (.onnx), a checkpoint (.safetensors) or a run's folder.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="A CSV with the columns image,mask[,source], a folder of pictures and masks, a clip.",
            show_default=False,
        ),
    ] = None,
    json_file: JsonFile = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", callback=target, help=f"Write a PNG of the {WORST} worst pictures."),
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=target, help="Write a PNG of how often an alpha of 0.1, 0.2, ... is right."
        ),
    ] = None,
    clip: Annotated[bool, typer.Option("--clip", help="The pictures in DATA/images are a video's frames.")] = False,
    masks: Annotated[Path | None, typer.Option(help="Folder of masks, in order, when DATA is a video file.")] = None,
    single_frame: Annotated[
        bool, typer.Option("--single-frame", help="Of a clip: forget what was before each frame.")
    ] = False,
    split: Annotated[str, typer.Option(help="Part of a folder of pictures to score.")] = "val",
    person: Annotated[
        str | None, typer.Option(help="Which numbers or colours of the masks are the person: 15, 24,25, 1-19, #c08080.")
    ] = None,
    area: Annotated[
        int | None, typer.Option(help="Pixels at network size; else what the model prefers.", rich_help_panel=MODEL)
    ] = None,
    provider: Provider = "auto",
) -> None:
    """Score MODEL on labelled pictures, by source: IoU, boundary IoU, false alarms, errors.

    A clip (a folder with frames/ and masks/, or a video file and --masks) is run as a video, and scored for
    steadiness too: dtSSD and edge flicker. Labels with a soft edge are also scored for SAD and for soft pixels: those
    of alpha 0.05 to 0.95 per pixel of the person, beside the label's own. All models go through the edge filter, as in
    use. Figures are in percent, but for gradient and SAD (sums / 1000) and dtSSD (x 100).
    """
    from rtseg.console import messages
    from rtseg.inputs import model_inputs, refuse_inputs
    from rtseg.progress import progress_bar
    from rtseg_train.dataset import several
    from rtseg_train.metrics import summary
    from rtseg_train.reliability import Reliability
    from rtseg_train.report import WorstTiles
    from rtseg_train.score_table import score_table

    if model is None or data is None:
        raise typer.BadParameter(missing(model), param_hint="MODEL DATA")
    clips, pairs, how = read_data(data, split, clip, masks, person)
    said = messages(json_file)
    if how:
        said.print(how)
    scored = [path for c in clips for path in (*c.frames, *c.masks) if path]
    scored += [path for pair in pairs for path in (pair.image, pair.mask)]
    scored += [data] if data.is_file() else []
    refuse_inputs((json_file, sheet, reliability), [*model_inputs(model), *(("the data", path) for path in scored)])
    if single_frame and not clips:
        raise DataError(f"--single-frame is for clips, {data} holds stills; add --clip if they are a video's frames")
    bins, worst = Reliability(), WorstTiles(WORST)
    looks: list[Look] = []
    if reliability:
        looks.append(lambda name, image, mask, alpha, score: bins.add(alpha, mask.alpha, mask.void))
    looks += [worst.look] if sheet else []
    options = ModelOptions(model, area, provider)
    bad: list[str] = []
    running = run_clips(options, clips, not single_frame, looks) if clips else run_stills(options, pairs, looks, bad)
    total = sum(map(len, clips)) + len(pairs)
    with progress_bar(said) as progress:
        scores = list(progress.track(running, total=total, description="scoring"))
    unusable = f"{len(bad)} of {total} pictures can't be used, and are in none of the figures:{several(bad)}"
    if not scores and bad:
        raise DataError(unusable)
    table = summary(s for _, s in scores)
    mode = ("each frame by itself" if single_frame else "as a video") if clips else "stills"
    said.print(score_table(table, f"{model} on {data}, {mode}"), soft_wrap=False)
    found: dict[str, object] = {"model": str(model), "data": str(data), "mode": mode, "scores": table}
    if reliability:
        found["reliability"] = bins.figures()
    found["pictures"] = [{"image": name, "source": s.source, **s.figures()} for name, s in scores]
    found["failed"] = bad
    write_results(found, json_file, worst, sheet, bins, reliability)
    if bad:
        raise DataError(unusable)


def missing(given: Path | None) -> str:
    """What to give besides, with a call to copy."""
    from rtseg_train.run_folder import newest_run

    run = newest_run() or Path("model.onnx")
    if given is None:
        return f"which model, and which labelled pictures? For example: rtseg eval {quoted(str(run))} photos/"
    if given.suffix in (".onnx", ".safetensors") or (given / "model.safetensors").is_file():
        return f"which labelled pictures? For example: rtseg eval {quoted(str(given))} photos/"
    return f"a model comes first, then the labelled pictures: rtseg eval {quoted(str(run))} {quoted(str(given))}"


@dataclass(frozen=True)
class ModelOptions:
    """Which model, and how to run it."""

    path: Path
    area: int | None
    provider: str


def read_data(
    data: Path, split: str, clip: bool, masks: Path | None, person: str | None
) -> tuple[list[Clip], list[Pair], str]:
    """Clips, or the labelled stills; the other list is empty. And how stills were read, in words."""
    from rtseg_train.clips import find_clips, is_clip

    try:
        data.stat()
    except (OSError, ValueError) as e:
        raise DataError(f"{data}: {getattr(e, 'strerror', None) or e}; give a folder or a CSV list") from e
    if clip or masks or is_clip(data):
        return find_clips(data, masks, person), [], ""
    return [], *find_stills(data, split, person)


def find_stills(data: Path, split: str, person: str | None) -> tuple[list[Pair], str]:
    """The pairs of a list or folder; and how it was read, and what was left out of a folder."""
    from rtseg_train.dataset import find_pairs, several

    found = find_pairs(data, split, person)
    if found.missing:  # scores of a part of a list would pass for the list's
        raise DataError(f"{data} names files that are not there: {several(found.missing)}")
    alone = amount(len(found.lonely_images), "picture"), amount(len(found.lonely_masks), "mask")
    left_out = f"; left out {alone[0]} without a mask and {alone[1]} without a picture"
    how = f"{data}: {found.layout}, {amount(len(found.pairs), 'picture')}"
    return found.pairs, how + (left_out if found.lonely_images or found.lonely_masks else "")


def run_stills(
    model: ModelOptions, pairs: list[Pair], looks: list[Look], bad: list[str]
) -> Iterator[tuple[str, Score]]:
    """(picture's path, score) of every pair; to `bad` is added what is wrong with those that can't be used.

    Raises UnknownClasses, which is a question about all of them.
    """
    from rtseg_train.classes import UnknownClasses
    from rtseg_train.evaluate import evaluate, load_predictor

    predict = load_predictor(model.path, model.area, model.provider)
    for pair in pairs:
        try:
            (score,) = evaluate(predict, [pair], looks)
        except UnknownClasses:
            raise
        except DataError as e:
            bad.append(str(e))
        else:
            yield str(pair.image), score


def run_clips(
    model: ModelOptions, clips: list[Clip], keep_state: bool, looks: list[Look]
) -> Iterator[tuple[str, Score]]:
    """(clip's name and number of the labelled frame, score); every clip starts without a past."""
    from rtseg_train.clips import score_clip
    from rtseg_train.evaluate import load_predictor

    for clip in clips:
        predict = load_predictor(model.path, model.area, model.provider, keep_state=keep_state)
        for number, score in enumerate(score_clip(predict, clip, looks)):
            yield f"{clip.name}:{number}", score


def write_results(
    found: dict[str, object],
    json_file: Path | None,
    worst: WorstTiles,
    sheet: Path | None,
    bins: Reliability,
    reliability: Path | None,
) -> None:
    """The files that were asked for; raises DataError when one can't be written."""
    from rtseg.files import write_json
    from rtseg_train.report import draw_reliability

    try:
        if json_file:
            write_json(json_file, found)
        if sheet:
            worst.write(sheet)
        if reliability:
            draw_reliability(bins, reliability)
    except OSError as e:
        raise DataError(f"cannot write the results: {e}") from e
