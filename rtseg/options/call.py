"""A command with its options, as Python values and as the line that is typed for them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

if TYPE_CHECKING:
    import typer

Value = str | float | bool
KINDS = (bool, int, float, str, Path)
EFFECT = {"bg", "blur"}  # one on the command line, and neither is taken from the file
NOT_FILED = ("config", "save-config", "help")


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

    def changed(self, **values: Value | None) -> Call:
        """The call with other values; options that the command does not have are left out."""
        known = {o.name for o in self.options}
        return replace(self, values={**self.values, **{k: v for k, v in values.items() if k in known}})

    def different(self) -> dict[str, Value]:
        """The values that are not the command's own defaults."""
        values = ((o, self.values.get(o.name)) for o in self.options)
        return {o.name: v for o, v in values if v is not None and v != o.default}

    def command_line(self) -> str:
        """What differs from the defaults, quoted for the shell; also a switch that the file sets the other way."""
        different = self.different()
        words = ["rtseg", self.command]
        for option in self.options:
            value, filed = self.values.get(option.name), self.filed.get(option.name)
            if option.name in different or (value is not None and filed is not None and filed != value):
                words += option.words(value)  # type: ignore[arg-type]
        if EFFECT & set(self.filed) and not EFFECT & set(different):
            words += ["--bg", "blur"]
        return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def options_of(parameters: Iterable[Any], function: Callable[..., Any] | None) -> tuple[Option, ...]:
    """The options of a command: typer's parameters for the names, the function's annotations for the types."""
    hints = get_type_hints(function)
    options = []
    for p in parameters:
        name = p.opts[0].removeprefix("--")
        kinds = [k for k in get_args(hints.get(p.name)) or (hints.get(p.name),) if k is not NoneType]
        if name in NOT_FILED or kinds[0] not in KINDS:
            continue
        default = str(p.default) if isinstance(p.default, Path) else p.default
        off = p.secondary_opts[0] if p.secondary_opts else None
        options.append(Option(name, p.name, kinds[0], default, off, getattr(p, "min", None), getattr(p, "max", None)))
    return tuple(options)


def call_of(context: typer.Context) -> Call:
    """The command that typer is running, with the values of its options."""
    options = options_of(context.command.params, context.command.callback)
    values = ((o.name, context.params.get(o.parameter)) for o in options)
    filed = {o.name: v for o in options if (v := (context.default_map or {}).get(o.parameter)) is not None}
    return Call(str(context.info_name), options, {k: str(v) if isinstance(v, Path) else v for k, v in values}, filed)


def typed_effect(context: typer.Context, bg: str | None, blur: float | None) -> tuple[str | None, float | None]:
    """--bg and --blur: if one is on the command line, neither is taken from the file."""
    sources = {name: context.get_parameter_source(name) for name in EFFECT}
    typed = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    return (bg if "bg" in typed or not typed else None), (blur if "blur" in typed or not typed else None)
