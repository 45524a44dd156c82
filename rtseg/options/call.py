"""A command with its options, as Python values and as the line that is typed for them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from rtseg.messages import spelled_out, without_secrets

if TYPE_CHECKING:
    import typer

Value = str | float | bool
KINDS = (bool, int, float, str, Path)
EFFECT = {"bg", "blur"}  # one on the command line, and neither is taken from the file
NOT_FILED = ("config", "save-config", "help")
ON_THE_LINE = ("port", "host", "open", "backgrounds")  # of `ui`, which has the same options as `cam` in a file
SECTIONS = {"ui": "cam"}  # commands whose options are in another one's section


@dataclass(frozen=True)
class Option:
    """An option of a command, as both the command line and the file know it."""

    name: str  # without the dashes in front: `save-power`
    parameter: str  # of the function: `save_power`
    kind: type
    default: Value | None
    off: str | None = None  # the flag that says no: `--no-window`
    low: float | None = None
    high: float | None = None
    check: Callable[[Any], Any] | None = None  # raises typer.BadParameter for what the type lets through

    def words(self, value: Value) -> list[str]:
        """It as words of a command line."""
        if isinstance(value, bool):
            return [f"--{self.name}" if value else self.off or f"--no-{self.name}"]
        text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
        return [f"--{self.name}={text}"] if text[:1] in ("", "-") else [f"--{self.name}", text]


@dataclass(frozen=True)
class Call:
    """A command with the values of its options, wherever they come from."""

    command: str
    options: tuple[Option, ...]
    values: Mapping[str, Value | None]  # by option name
    filed: Mapping[str, Value] = field(default_factory=dict)  # what the config file says
    config: str | None = None  # the file as it was typed; None for the user's own, which is read without a word

    @property
    def section(self) -> str:
        """Where they are in a config file."""
        return section_of(self.command)

    def changed(self, **values: Value | None) -> Call:
        """The call with other values; options that the command does not have are left out."""
        known = {o.name for o in self.options}
        return replace(self, values={**self.values, **{k: v for k, v in values.items() if k in known}})

    def different(self) -> dict[str, Value]:
        """The values that are not the command's own defaults."""
        values = ((o, self.values.get(o.name)) for o in self.options)
        return {o.name: v for o, v in values if v is not None and v != o.default}

    def command_line(self) -> str:
        """The line that gives these values again, quoted for the shell; of a password there is but the place.

        With --config, what that file does not say. Without, all that differs from the defaults, so that it holds on
        other machines too; and since the user's own file is read again, what that says otherwise.
        """
        words = ["rtseg", self.command]
        if self.config is not None:
            words += Option("config", "config", Path, None).words(self.config)
        effect = {name: self.values.get(name) for name in EFFECT}
        filed_effect = {name: self.filed.get(name) for name in EFFECT}
        for option in self.options:
            value, filed = self.values.get(option.name), self.filed.get(option.name)
            again = filed if filed is not None else option.default  # what it is when the line does not say it
            if option.name in EFFECT and effect != filed_effect:
                again = None  # neither is taken from the file
            if value is not None and (value != again or (self.config is None and value != option.default)):
                words += option.words(value)
        if any(filed_effect.values()) and not any(effect.values()):
            words += ["--bg", "blur"]
        words = [without_secrets(word) for word in words]
        return subprocess.list2cmdline(words) if sys.platform == "win32" else " ".join(map(quoted, words))


def quoted(word: str) -> str:
    """A word as a shell takes it, and as it may be printed: bash and zsh know what is no letter by its number."""
    if spelled_out(word) == word and "\n" not in word:
        return shlex.quote(word)
    letters = os.fsencode(word).decode("latin-1")
    plain = (c if c.isascii() and c.isprintable() and c not in "'\\" else f"\\x{ord(c):02x}" for c in letters)
    return f"$'{''.join(plain)}'"


def options_of(parameters: Iterable[Any], function: Callable[..., Any] | None) -> tuple[Option, ...]:
    """The options of a command: typer's parameters for the names, the function's annotations for the rest."""
    hints = get_type_hints(function, include_extras=True)
    options = []
    for p in parameters:
        name, hint = p.opts[0].removeprefix("--"), hints.get(p.name)
        plain, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        kinds = [k for k in get_args(plain) or (plain,) if k is not NoneType]
        if name in (*NOT_FILED, *ON_THE_LINE) or kinds[0] not in KINDS:
            continue
        default = str(p.default) if isinstance(p.default, Path) else p.default
        off = p.secondary_opts[0] if p.secondary_opts else None
        limits = [getattr(note, key, None) for note in notes[:1] or [None] for key in ("min", "max", "callback")]
        options.append(Option(name, p.name, kinds[0], default, off, *limits))
    return tuple(options)


def section_of(command: str) -> str:
    """The section of a config file that holds a command's options."""
    return SECTIONS.get(command, command)


def call_of(context: typer.Context) -> Call:
    """The command that typer is running, with the values of its options."""
    options = options_of(context.command.params, context.command.callback)
    values = ((o.name, context.params.get(o.parameter)) for o in options)
    filed = {o.name: v for o in options if (v := (context.default_map or {}).get(o.parameter)) is not None}
    config = str(context.params["config"]) if typed(context, "config") else None
    named = {k: str(v) if isinstance(v, Path) else v for k, v in values}
    return Call(str(context.info_name), options, named, filed, config)


def typed(context: typer.Context, parameter: str) -> bool:
    """Whether it stands on the command line."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def typed_effect(context: typer.Context, bg: str | None, blur: float | None) -> tuple[str | None, float | None]:
    """--bg and --blur: if one is on the command line, neither is taken from the file."""
    given = {name for name in EFFECT if typed(context, name)}
    return (bg if "bg" in given or not given else None), (blur if "blur" in given or not given else None)
