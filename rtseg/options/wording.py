"""What is wrong with a command line, in this program's words: typer has the check of values from pydantic."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from functools import partial
from typing import IO, Any

import typer

from rtseg.messages import shown

WORDS = {  # pydantic's kinds of errors
    "less_than_equal": "{input} is too much; give at most {le:g}",
    "greater_than_equal": "{input} is too little; give at least {ge:g}",
    "float_parsing": "{input!r} is not a number",
    "int_parsing": "{input!r} is not a whole number",
    "int_from_float": "{input!r} is not a whole number",
}
CHOICES = re.compile(r"(?:Value error, )?('.*' is not one of )('.*')\.?", re.DOTALL)


@contextlib.contextmanager
def plain_usage_errors() -> Iterator[None]:
    """Usage errors come out in plain words, obey no escapes of what was typed, and begin as all errors do."""
    try:
        yield
    except Exception as e:
        if hasattr(e, "exit_code") and isinstance(getattr(e, "message", None), str):
            vars(e)["message"] = shown(worded(e))
            if "show" not in vars(e):  # a command within commands passes here twice
                vars(e)["show"] = partial(show_plainly, e.show)  # type: ignore[attr-defined]
        raise


def worded(e: Any) -> str:
    """The message without pydantic in it."""
    message = str(e.message)
    if (errors := getattr(e.__cause__, "errors", None)) and (first := errors()[0])["type"] in WORDS:
        return WORDS[first["type"]].format(input=first["input"], **first.get("ctx", {}))
    if parts := CHOICES.fullmatch(message):
        return parts[1] + parts[2].replace("'", "")
    if getattr(e, "option_name", None) == "--bg" and "requires an argument" in message:
        return f"{message} A colour is given in quotes, '#ff0000': to a shell # begins a comment."
    return message


def show_plainly(show: Any, file: IO[str] | None = None) -> None:
    """What `show` says, with `error:` as at the beginning of other errors."""
    said = io.StringIO()
    show(said)
    text = re.sub(r"^Error: ", "error: ", said.getvalue(), flags=re.MULTILINE)
    typer.echo(text, file=file, err=file is None, nl=False)
