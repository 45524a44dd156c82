"""`python -m rtseg_train` is `rtseg train`, and what torchrun starts for several GPUs or machines.

torchrun --nproc-per-node 2 -m rtseg_train my/train.csv --val my/val.csv --out runs/mine
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import ExitStack, redirect_stdout

import torch.distributed as dist
import typer

from rtseg.errors import RtsegError
from rtseg.messages import shown
from rtseg_train.cli import app
from rtseg_train.distributed import process_group


def main() -> None:
    """Entry point of every process; the first one speaks, and one clear message says what went wrong."""
    debug = "--debug" in sys.argv
    arguments = ["train", *(a for a in sys.argv[1:] if a != "--debug")]
    try:
        run(arguments)
    except Exception as e:
        known = isinstance(e, RtsegError)
        what = str(e) if known else f"{type(e).__name__}: {e} (a bug in rtseg; run again with --debug and report it)"
        typer.echo(shown(traceback.format_exc() if debug else f"error: {what}"), err=True)
        leave(1)
    except SystemExit as e:
        leave(e.code)


def run(arguments: list[str]) -> None:
    """The command, in this process and what torchrun started beside it."""
    with ExitStack() as stack:
        world = stack.enter_context(process_group())
        if not world.leads:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
        typer.main.get_command(app).main(args=arguments, prog_name="rtseg")


def leave(code: str | int | None) -> None:
    """Exit. From a group that is broken at once: its threads abort or wait while Python winds down."""
    if code and dist.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
    sys.exit(code)


if __name__ == "__main__":
    main()
