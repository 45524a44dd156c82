"""Commands of the trainer and the exporter, which import torch: handed on as typed, completed as if at home."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperCommand

from rtseg.errors import RtsegError

MODULES = {
    "train": "rtseg_train.cli",
    "eval": "rtseg_train.cli",
    "export": "rtseg_export.cli",
}
HELP = {
    "train": "Train a model on your own photos (needs the train extra).",
    "eval": "Score a model on labelled pictures (needs the train extra).",
    "export": "Turn a checkpoint into an .onnx model (needs the train extra).",
}
PANEL = "Your own model"
app = typer.Typer()
# What `rtseg train` itself makes of the words after it: nothing.
SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class Forwarded(TyperCommand):
    """A command that hands its words to another package."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the real command offers; its module imports torch only to do its work."""
        real = group(str(self.name)).commands[self.name]
        name, equals, value = incomplete.partition("=")
        words, value = ([*ctx.args, name], value) if equals else (ctx.args, incomplete)
        with real.make_context(self.name, [*words], resilient_parsing=True) as context:
            for option in real.get_params(context):
                if words and words[-1] in option.opts and not getattr(option, "is_flag", False):
                    return list(option.shell_complete(context, value))
            return list(real.shell_complete(context, incomplete)) if incomplete.startswith("-") else []


def group(command: str) -> Any:
    """The other package's commands."""
    return typer.main.get_command(importlib.import_module(MODULES[command]).app)


def forward(context: typer.Context) -> None:
    """Hand a command to its package. Raises RtsegError when what it needs is not installed."""
    command = str(context.info_name)
    try:
        code = group(command).main(args=[command, *context.args], prog_name="rtseg", standalone_mode=False)
    except ModuleNotFoundError as e:
        raise RtsegError(f"`rtseg {command}` needs {e.name}, which is not installed; pip install 'rtseg[train]'") from e
    if code:
        raise typer.Exit(int(code))


for name, text in HELP.items():
    app.command(name, cls=Forwarded, context_settings=SETTINGS, help=text, rich_help_panel=PANEL)(forward)
