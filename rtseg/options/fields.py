"""A command whose options are the fields of dataclasses. Imported at every start: nothing heavy."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Annotated, Any, get_args, get_type_hints

Command = Callable[..., None]


def with_options(*classes: type, hidden: Collection[str] = ()) -> Callable[[Command], Command]:
    """Call the function with its context and one object of each class, made of the command line by the fields' names.

    Each field is an option, or an argument, of the type that it is annotated with. hidden: fields that are taken, as
    the config file has them, and mean nothing here.
    """

    def given(function: Command) -> Command:
        def command(context: Any, **options: Any) -> None:
            function(context, *(kind(**{f.name: options[f.name] for f in fields(kind)}) for kind in classes))

        hints: dict[str, Any] = {}
        for kind in classes:
            hints |= get_type_hints(kind, include_extras=True)
        for name in hidden:
            plain, option = get_args(hints[name])
            option = copy.copy(option)
            option.hidden = True
            hints[name] = Annotated[plain, option]
        context = next(iter(inspect.signature(function).parameters.values()))
        parameters = [context.replace(annotation=get_type_hints(function)[context.name])]
        for kind in classes:
            for field in inspect.signature(kind).parameters.values():
                parameters.append(field.replace(annotation=hints[field.name], kind=inspect.Parameter.KEYWORD_ONLY))
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return given
