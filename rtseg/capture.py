"""`rtseg cam` and `rtseg ui`, from their command line to the options that they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from rtseg.cam import CamOptions, Page, run
from rtseg.inputs import background_inputs, model_inputs, refuse_inputs, source_inputs
from rtseg.options.call import Call, call_of, typed_effect
from rtseg.options.saving import config_target, holds_secret, save_config, unsaved
from rtseg.options.values import parse_size

OpenPage = Callable[[CamOptions, ExitStack], Page]


def capture(context: typer.Context, console: Console, page: OpenPage | None = None) -> None:
    """Run what the command line says. page: opens what is in the window's place. Raises RtsegError."""
    given = context.params
    bg, blur = typed_effect(context, given["bg"], given["blur"])
    call = call_of(context).changed(bg=bg, blur=blur)
    target = None if given["save"] is None else config_target(given["save"], given["config"])
    if given["config"]:
        console.print(f"config: {given['config']}")
    bg = None if bg == "blur" else bg  # the room at the default strength
    outputs = [target, Path(given["out"]) if given["out"] else None]
    refuse_inputs(outputs[1:], [("the config", given["config"])] if given["config"] else [])
    if target:
        reads = [*source_inputs(given["source"]), *background_inputs(bg), *model_inputs(given["model"])]
        refuse_inputs(outputs, reads)
    options = cam_options(given, bg, blur)
    with ExitStack() as stack:
        call = run(options, call, console, page(options, stack) if page else None)
    if target:
        report_saved(target, call, console)


def cam_options(given: dict[str, Any], bg: str | None, blur: float | None) -> CamOptions:
    """The options by name, the size as numbers. Raises SourceError."""
    names = CamOptions.__dataclass_fields__.keys() & given.keys()
    values = {name: given[name] for name in names} | {"background": bg, "blur": blur}
    return CamOptions(**values | {"size": parse_size(given["size"]) if given["size"] else None})


def report_saved(target: Path, call: Call, console: Console) -> None:
    """Write the config, and say what is in it and what is not. Raises OutputError."""
    kept = save_config(target, call)
    console.print(f"saved the options in {target}" + (f"; the file before is {kept}" if kept else ""))
    if holds_secret(call):
        console.print("it holds a password, and only you may read it")
    for name, value in unsaved(call).items():
        console.print(f"--{name} {value} is not saved: every session would write over it")
