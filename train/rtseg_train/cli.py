"""`rtseg train` and `rtseg eval`, assembled; each command lives in a file of its own."""

from __future__ import annotations

import typer

from rtseg.options.panels import InPanels
from rtseg_train.eval_command import eval_command
from rtseg_train.train_command import train_command

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
TRAIN = "rtseg train photos/ --out runs/mine\nrtseg train photos/ --preset article --size 128 --batch 4 --width 16"
app.command("train", cls=InPanels, epilog=TRAIN)(train_command)
app.command("eval", cls=InPanels, epilog="rtseg eval runs/mine photos/ --sheet worst.png")(eval_command)


@app.callback()
def main() -> None:
    """Train and score models."""
