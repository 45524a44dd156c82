"""The command line: assembles the commands and turns errors into messages. `rtseg --help` starts here.

Everything heavy is imported inside a command's body, so that --help answers at once.
"""

from __future__ import annotations

import errno
import sys
import traceback
from typing import Annotated

import typer

from rtseg.commands import forwarded, look, use
from rtseg.commands.group import Commands, empty_option, optional_value
from rtseg.errors import RtsegError
from rtseg.messages import shown
from rtseg.stopping import Stopped, end_cleanly

app = typer.Typer(
    name="rtseg",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # in 80 columns rich cuts long names off, and [words] in brackets are markup to it
    help="Blur or replace the background of a webcam, video or picture. Add --debug to any command for tracebacks.",
)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from rtseg import __version__

        typer.echo(f"rtseg {__version__}")
        raise typer.Exit


for panel in (use, look, forwarded):
    app.add_typer(panel.app)


def explained(e: Exception) -> str:
    """What went wrong, in words."""
    if isinstance(e, RtsegError):
        return str(e)
    if isinstance(e, OSError) and "--install-completion" in sys.argv:
        return f"completion can't be installed: {e}; `rtseg --show-completion` prints it, for where your shell reads it"
    if isinstance(e, OSError) and e.errno == errno.ENOSPC:
        return f"no space left: {e}"
    return f"{type(e).__name__}: {e} (a bug in rtseg; run again with --debug and report it)"


def complain(*lines: str) -> None:
    """On standard error."""
    typer.echo(shown("\n".join(lines)), err=True)


def main() -> None:
    """Entry point: one clear message and exit 1 for what went wrong; the traceback with --debug."""
    debug = "--debug" in sys.argv
    if empty := empty_option(sys.argv[1:]):
        complain(f"error: {empty} is empty; is it from a variable that is not set?")
        sys.exit(2)
    sys.argv[1:] = optional_value("--save-config", [a for a in sys.argv[1:] if a != "--debug"])
    end_cleanly()
    try:
        app()
    except Stopped as e:
        complain(str(e), *e.__notes__)
        sys.exit(128 + e.number)
    except Exception as e:
        if debug:
            complain(traceback.format_exc().rstrip())
        else:
            complain(f"error: {explained(e)}", *getattr(e, "__notes__", []))
        sys.exit(1)
