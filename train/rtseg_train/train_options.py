"""The options of `rtseg train`: one for each field of TrainConfig, in panels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from rtseg.options.completion import starting
from rtseg.options.values import number, one_of
from rtseg_train.config import AREAS, PANELS, PRECISIONS, TrainConfig, field_help

RUN = "The run"  # panel of the help, beside those of the settings
PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}
CHOICES = {"arch": tuple(AREAS), "precision": PRECISIONS}  # settings that are one of a few words


def choice(names: Iterable[str], note: str, panel: str) -> Any:
    """An option that takes one of the names."""
    known = tuple(names)

    def offer(incomplete: str) -> list[str]:
        return starting(known, incomplete)

    return typer.Option(
        metavar="|".join(known), callback=one_of(known), autocompletion=offer, help=note, rich_help_panel=panel
    )


def config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option per field of TrainConfig, with the field's comment as help.

    All default to None, which keeps what the command takes as the field's value.
    """
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"]
    notes, options = field_help(), []
    for name, kind in TrainConfig.option_types().items():
        panel = PANEL_OF[name]
        option: Any = choice(CHOICES[name], notes[name], panel) if name in CHOICES else None
        if option is None:
            check = number if kind is float else None
            option = typer.Option(help=notes[name], rich_help_panel=panel, callback=check)
        annotation = Annotated[kind | None, option]  # type: ignore[valid-type]  # made at run time
        options.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))

    def run(**values: Any) -> None:
        command(settings={o.name: values.pop(o.name) for o in options}, **values)

    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature(own + options)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in own + options}
    return run


def options(names: Iterable[str]) -> list[str]:
    """Settings as they are written on the command line."""
    return [f"--{name.replace('_', '-')}" for name in sorted(names)]
