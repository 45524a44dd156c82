"""The commands as one program: how it is interrupted, how it complains about its words. Nothing heavy."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from rtseg.options.panels import commands_in_panels
from rtseg.options.wording import plain_usage_errors
from rtseg.stopping import Stopped

MAY_BE_EMPTY = ("--save-config", "--data-note", "--terms-note")


class Commands(TyperGroup):
    """Commands whose interruption reaches `main` with what is noted on it, and whose usage errors obey no escapes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands_in_panels(self, ctx, formatter)

    def make_context(self, *args: Any, **options: Any) -> Any:
        with plain_usage_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        try:
            with plain_usage_errors():
                return super().invoke(ctx)
        except KeyboardInterrupt as e:
            raise Stopped(e) from e


def optional_value(option: str, words: list[str]) -> list[str]:
    """The words of a command line with `option=` for an option that stands without a value, which typer has not."""
    following = [*words[1:], "-"]
    return [f"{w}=" if w == option and after[:1] == "-" else w for w, after in zip(words, following, strict=False)]


def empty_option(words: list[str]) -> str | None:
    """What on a command line is an empty text, as from a variable that is not set; as a path it is this folder."""
    for before, word in zip(["", *words], words, strict=False):
        if word == "" and before not in MAY_BE_EMPTY:
            return before if before.startswith("--") and "=" not in before else "an argument"
        if word.startswith("--") and word.endswith("=") and word[:-1] not in MAY_BE_EMPTY:
            return word[:-1]
    return None
