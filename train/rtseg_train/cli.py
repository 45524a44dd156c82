"""`rtseg train`, `rtseg eval` and `rtseg tune`, assembled; each command lives in a file of its own."""

from __future__ import annotations

import typer

from rtseg_train.eval_command import eval_command
from rtseg_train.train_command import train_command
from rtseg_train.tune_command import tune_command

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
app.command("train")(train_command)
app.command("eval")(eval_command)
app.command("tune")(tune_command)


@app.callback()
def main() -> None:
    """Train and score models."""
