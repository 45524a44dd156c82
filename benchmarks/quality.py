"""How good a model file's mattes are, as the runtime makes them: stills, exact alphas, pets, empty rooms, keyed clips.

python benchmarks/quality.py balanced fast my.onnx@114688 --val DATA/val.csv --exact DATA/val_exact.csv \
    --keyed DATA/video_keyed/grid_a --backgrounds DATA/backgrounds --json quality.json

A model is a tier or a file, with @PIXELS for another area than its own. --val: labelled pictures, some of them empty;
--exact: composites with exact alpha, and pictures of animals; --keyed: folders with fgr/ and pha/, which are put on a
room each. Every figure is at the pictures' own size. Stills and a clip's first frame are shown twice, as a camera shows
who sits before it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from rtseg import Pipeline
from rtseg.arrays import F32, U8
from rtseg.errors import DataError, RtsegError
from rtseg.files import write_json
from rtseg.pixels.geometry import cover
from rtseg.sources.pictures import read_picture
from rtseg_train.dataset import read_list
from rtseg_train.evaluate import evaluate
from rtseg_train.folders import list_images
from rtseg_train.masks import Mask, read_mask, read_pair
from rtseg_train.metrics import Score, score, summary
from rtseg_train.reliability import Reliability

LOOKS, REPEATS = 2, 12  # times that a still or a clip's first frame is shown; that an empty still is
HEIGHT = 480  # pixels, of the keyed clips' frames
COLUMNS = {
    "val PORTRAIT": ("PORTRAIT.iou", "PORTRAIT.boundary_iou"),
    "val ALL": ("ALL.iou", "ALL.boundary_iou"),
    "exact bIoU / SAD / gradient": ("exact.boundary_iou", "exact.sad", "exact.gradient"),
    "half-transparent, label's %": ("exact.half_transparent", "exact.half_transparent_label"),
    "animals %": ("animals.false_alarm",),
    "rooms %, repeated": ("rooms.false_alarm", "rooms.repeated"),
    "keyed bIoU / dtSSD / flicker": ("keyed.boundary_iou", "keyed.dtssd", "keyed.flicker"),
    "off the diagonal": ("exact.reliability",),
}


class Segmenter(Protocol):
    """What is measured: a Pipeline, or a peer's way that looks like one."""

    @property
    def alpha(self) -> F32:
        """HxW of the last frame."""

    def reset(self) -> None:
        """Forget the frames so far."""

    def __call__(self, frame_bgr: U8, /) -> object:
        """Look at a frame uint8 HxWx3; what it returns is not used."""


def split(text: str) -> tuple[str, int | None]:
    """A model's name or file and its area."""
    name, at, area = text.rpartition("@")
    return (name, int(area)) if at and area.isdigit() else (text, None)


def shown(pipe: Segmenter, frame_bgr: U8) -> F32:
    """alpha HxW of a picture by itself."""
    pipe.reset()
    for _ in range(LOOKS):
        pipe(frame_bgr)
    return pipe.alpha


def stills(pipe: Segmenter, val: Path, step: int = 1) -> dict[str, Any]:
    """PORTRAIT and ALL of the labelled pictures, and the empty ones when they are shown again and again."""
    pairs = read_list(val).pairs[::step]
    found: dict[str, Any] = summary(evaluate(lambda frame: shown(pipe, frame), pairs))
    repeated = []
    for pair in pairs:
        image, label = read_pair(pair)
        if not label.any():
            shown(pipe, image)
            for _ in range(REPEATS - LOOKS):
                pipe(image)
            repeated.append(float((pipe.alpha > 0.5).mean()))
    rooms = found.get("EMPTY", {})
    return {
        **{name: found[name] for name in ("PORTRAIT", "ALL") if name in found},
        "rooms": rooms | ({"repeated": 100 * float(np.mean(repeated))} if repeated else {}),
    }


def exact(pipe: Segmenter, path: Path) -> dict[str, Any]:
    """Composites with exact alpha, and the pictures that have nobody in them."""
    reliability = Reliability(10)

    def look(name: str, _: U8, mask: Mask, alpha: F32, result: Score) -> None:
        if not result.empty:
            reliability.add(alpha, mask.alpha)

    found = summary(evaluate(lambda frame: shown(pipe, frame), read_list(path).pairs, [look]))
    groups = {"animals": found.get("EMPTY", {})}
    if "ALL" in found:
        mean, person = reliability.curve()
        groups["exact"] = found["ALL"] | {"reliability": float(np.abs(mean - person).max())}
    return groups


def keyed_frames(folder: Path, room: U8) -> Iterator[tuple[U8, U8]]:
    """(frame_bgr, label 0..255) of a keyed clip on a room, enlarged to HEIGHT: its sides are the frame's sides."""
    for path, mask in zip(list_images(folder / "fgr"), list_images(folder / "pha"), strict=True):
        colour, alpha = read_picture(path, DataError), read_mask(mask).alpha
        size = (round(colour.shape[1] * HEIGHT / colour.shape[0]), HEIGHT)
        label = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        behind = cover(room, *size).astype(np.float32)
        share = label[..., None].astype(np.float32) / 255
        frame = cv2.resize(colour, size, interpolation=cv2.INTER_LINEAR) * share + behind * (1 - share)
        yield np.rint(frame).astype(np.uint8), label


def keyed(pipe: Segmenter, folders: list[Path], backgrounds: Path) -> dict[str, float]:
    """Means over the clips, each on another room."""
    rooms = list_images(backgrounds)
    scores: list[Score] = []
    for number, folder in enumerate(folders):
        room = read_picture(rooms[(1 + number) * len(rooms) // (len(folders) + 1)], DataError)
        before: tuple[F32, U8] | None = None
        for frame, label in keyed_frames(folder, room):
            if before is None:
                shown(pipe, frame)
            else:
                pipe(frame)
            scores.append(score("keyed", pipe.alpha, label, before))
            before = pipe.alpha, label
    return summary(scores)["keyed"]


def measure(model: str, given: argparse.Namespace) -> dict[str, Any]:
    """All figures of one of our models, by group."""
    name, area = split(model)
    pipe = Pipeline(background="#000000", model=name, provider="cpu", threads=given.threads, area=area)
    pipe.follow = given.follow
    return {"area": pipe.area, "follow": pipe.follow} | figures(pipe, given)


def figures(pipe: Segmenter, given: argparse.Namespace) -> dict[str, Any]:
    """All figures on what was given, by group."""
    found: dict[str, Any] = {}
    if given.val:
        found |= stills(pipe, given.val, given.step)
    if given.exact:
        found |= exact(pipe, given.exact)
    if given.keyed:
        found["keyed"] = keyed(pipe, given.keyed, given.backgrounds)
    return found


def show(results: dict[str, dict[str, Any]]) -> None:
    """One row per model."""
    table = Table("model", "area", *COLUMNS, box=box.SIMPLE)
    for model, found in results.items():
        cells = []
        for shown in COLUMNS.values():
            values = [found.get(group, {}).get(name) for group, name in (f.split(".") for f in shown)]
            cells.append(" / ".join("-" if v is None else f"{v:.2f}" for v in values))
        table.add_row(model, str(found.get("area", "")), *cells)
    Console(width=200).print(table)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Our models, and `add_pictures`."""
    parser.add_argument("models", nargs="+", metavar="MODEL[@PIXELS]")
    parser.add_argument("--no-follow", dest="follow", action="store_false", help="the whole frame every time")
    add_pictures(parser)


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """What is measured on, and where to."""
    parser.add_argument("--val", type=Path, help="labelled pictures, a list")
    parser.add_argument("--step", type=int, default=1, help="every how manieth picture of --val")
    parser.add_argument("--exact", type=Path, help="composites with exact alpha and animals, a list")
    parser.add_argument("--keyed", type=Path, nargs="*", default=[], help="folders with fgr/ and pha/")
    parser.add_argument("--backgrounds", type=Path, help="rooms for --keyed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)


def run(
    parser: argparse.ArgumentParser, given: argparse.Namespace, ways: dict[str, Callable[[], dict[str, Any]]]
) -> None:
    """Measure one after the other, show and keep what came out."""
    if given.keyed and not given.backgrounds:
        parser.error("--keyed needs --backgrounds")
    try:
        results = {}
        for name, way in ways.items():
            results[name] = way()
            show({name: results[name]})
        if len(results) > 1:
            show(results)
        if given.json:
            write_json(given.json, results)
    except RtsegError as e:
        raise SystemExit(f"error: {e}") from e


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    given = parser.parse_args()
    run(parser, given, {model: partial(measure, model, given) for model in given.models})


if __name__ == "__main__":
    main()
