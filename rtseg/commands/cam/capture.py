"""`rtseg cam` and `rtseg ui`, from their command line to the options that they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console

from rtseg.commands.cam.options import CamOptions
from rtseg.commands.cam.session import Page, run
from rtseg.inputs import background_inputs, model_inputs, refuse_inputs, source_inputs
from rtseg.options.call import Call, call_of, typed_effect
from rtseg.options.saving import config_target, holds_secret, save_config, unsaved

OpenPage = Callable[[CamOptions, ExitStack], Page]


def capture(context: typer.Context, options: CamOptions, console: Console, page: OpenPage | None = None) -> None:
    """Run what the command line says. page: opens what is in the window's place. Raises RtsegError."""
    bg, blur = typed_effect(context, options.bg, options.blur)
    options = replace(options, bg=bg, blur=blur)
    call = call_of(context).changed(bg=bg, blur=blur)
    target = None if options.save is None else config_target(options.save, options.config)
    if options.config:
        console.print(f"config: {options.config}")
    outputs = [target, Path(options.out) if options.out else None]
    refuse_inputs(outputs[1:], [("the config", options.config)] if options.config else [])
    if target:
        reads = [*source_inputs(options.source), *background_inputs(options.background), *model_inputs(options.model)]
        refuse_inputs(outputs, reads)
    with ExitStack() as stack:
        call = run(options, call, console, page(options, stack) if page else None)
    if target:
        report_saved(target, call, console)


def report_saved(target: Path, call: Call, console: Console) -> None:
    """Write the config, and say what is in it and what is not. Raises OutputError."""
    kept = save_config(target, call)
    console.print(f"saved the options in {target}" + (f"; the file before is {kept}" if kept else ""))
    if holds_secret(call):
        console.print("it holds a password, and only you may read it")
    for name, value in unsaved(call).items():
        console.print(f"--{name} {value} is not saved: every session would write over it")
