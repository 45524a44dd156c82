"""How help looks: options and commands in panels, examples below, 80 columns. Imported at every start: nothing heavy.

A panel is what typer calls so (`rich_help_panel`), drawn with plain text: in 80 columns rich's boxes cut long names
off, and [words] in brackets are markup to it.
"""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

# Panels of options that several commands have.
PICTURE, WHERE, MODEL, MANY = "The picture", "From where, to where", "Model and speed", "Many files"
PAGE = "The page"
ARGUMENTS, OTHERS = "Arguments", "Other options"
FIRST = (ARGUMENTS, PICTURE, WHERE, MODEL)  # in this order, whatever that of the options; then all that there are
KINDS = {"int": "NUMBER", "int range": "NUMBER", "float": "NUMBER", "float range": "NUMBER", "str": "TEXT"}
KIND = re.compile(r"<([^<>]+)>")  # typer's word for a type


class InPanels(TyperCommand):
    """A command whose options stand in panels, and whose epilog is its examples, a line each."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                names, text = record
                if parameter.param_type_name == "argument":
                    panels.setdefault(ARGUMENTS, []).append((KIND.sub("", names).strip(), text))
                else:
                    panel = getattr(parameter, "rich_help_panel", None) or OTHERS
                    panels.setdefault(panel, []).append((KIND.sub(kind, names), text))
        for title in sorted(panels, key=lambda t: FIRST.index(t) if t in FIRST else len(FIRST) + (t == OTHERS)):
            with formatter.section(title):
                formatter.write_dl(panels[title])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def kind(found: re.Match[str]) -> str:
    """The word for a type that options without a word of their own have: NUMBER, TEXT, PATH."""
    return KINDS.get(found[1], found[1].upper())


def commands_in_panels(group: Any, ctx: Any, formatter: Any) -> None:
    """The commands of a group, each with the first sentence of its help, whole."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        panel = getattr(command, "rich_help_panel", None) or "Commands"
        panels.setdefault(str(panel), []).append((name, command.get_short_help_str(limit=200)))
    for title, rows in panels.items():
        with formatter.section(title):
            formatter.write_dl(rows)
