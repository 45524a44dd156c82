"""What a run reads, and the refusal to write over any of it."""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from rtseg.backgrounds.background import find_background
from rtseg.errors import BackgroundError, OutputError
from rtseg.files import ASSETS, DEMO_CLIP, STDIO
from rtseg.links import behind_links, without_scheme
from rtseg.models.model import AUTO, TIERS
from rtseg.sources.raw import STDIN

Input = tuple[str, Path]  # what it is, in words, and where
Identity = tuple[int, int]  # device and number of a file: the same under all its names
BACKGROUND = "the background"


def refuse_inputs(targets: Iterable[Path | None], inputs: Iterable[Input]) -> None:
    """Raise OutputError when a target is one of the inputs, or two targets are one file, under whatever name.

    Links of both kinds, relative names and other letters' case lead to the same file. A folder among the inputs stands
    for the files in it, a model for what belongs to it.
    """
    there: dict[Identity, Path] = {}
    ends: dict[str, Path] = {}
    for target in targets:
        if target is None or target == STDIO:
            continue
        try:
            end = str(behind_links(target).absolute())
        except OSError as e:
            raise OutputError(f"output {target}: {e.strerror or e}; give another name") from e
        if end in ends:
            raise OutputError(f"outputs {ends[end]} and {target} are the same file; give one of them another name")
        ends[end] = target
        if found := identity(target):
            there[found] = target
    if not there:  # then nothing can be lost
        return
    for what, path in each_file(inputs):
        if (found := identity(path)) in there and found:
            target = there[found]
            also = "" if str(target) == str(path) else f" ({path})"
            raise OutputError(f"output {target} is {what} itself{also}; give another name")


def refuse_own_room(inputs: Iterable[Input], source: str | Path | None) -> None:
    """Raise BackgroundError when the background among the inputs is the source, or a folder with it: one's own room.

    A copy of it, under whatever name, shows the same.
    """
    files = [DEMO_CLIP if str(source) == "demo" else path for _, path in source_inputs(source)]
    files = [path for path in files if identity(path)]  # no camera, no address
    for _, path in each_file(i for i in inputs if i[0] == BACKGROUND):
        if any(same_content(path, file) for file in files):
            raise BackgroundError(f"background {path} is the source itself, which would show the room; give another")


def same_content(one: Path, other: Path) -> bool:
    """Whether two are the same file, or a copy of each other; False for what can't be read."""
    if not (identity(one) and identity(other)):
        return False
    if identity(one) == identity(other):
        return True
    try:
        return STDIO not in (one, other) and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def identity(path: Path) -> Identity | None:
    """Of a file; None where there is none, and for devices, which stay what they are."""
    try:
        found = os.fstat(STDIN) if path == STDIO else path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def each_file(inputs: Iterable[Input]) -> Iterator[Input]:
    """The inputs, and the files of those that are folders."""
    for what, path in inputs:
        yield what, path
        if path != STDIO and os.path.isdir(path):
            try:
                with os.scandir(path) as entries:
                    yield from ((f"a file of {what}", Path(e.path)) for e in entries)
            except OSError:  # a folder that can't be read is not read
                continue


def source_inputs(text: str | Path | None) -> list[Input]:
    """The file that `--source` names, if it is one."""
    return [] if text is None else [("the source", Path(without_scheme(str(text))))]


def background_inputs(value: object) -> list[Input]:
    """The file or folder that `--bg` names, if it is one."""
    if not isinstance(value, str | Path):
        return []
    try:
        return [(BACKGROUND, find_background(str(value)))]
    except (BackgroundError, OSError, ValueError):  # a colour
        return []


def model_inputs(model: str | Path) -> list[Input]:
    """The files that belong to a model: weights beside it, its adapter, the settings of a checkpoint."""
    if str(model) in (*TIERS, AUTO):
        return [("the model", path) for path in ASSETS.glob("*.onnx" if model == AUTO else f"{model}-*.onnx")]
    path = Path(model)
    if os.path.isdir(path):  # pathlib's raises for names that no file can have
        path = path / "model.safetensors"
    beside = path.with_suffix(".toml" if path.suffix.lower() == ".onnx" else ".json")
    weights = [p for p in path.parent.glob("*") if p.name.startswith(path.name) and p != path]
    return [("the model", path), *(("the model's own file", p) for p in (beside, *weights))]
