"""A command that has all the options of another one. Imported at every start: nothing heavy."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection
from typing import Annotated, Any, get_args, get_type_hints

Command = Callable[..., None]


def with_options_of(other: Command, *, hidden: Collection[str] = ()) -> Callable[[Command], Command]:
    """Put the other command's options before one's own; all of them are in the context's `params`.

    hidden: those that are taken, as the config file has them, and mean nothing here.
    """

    def borrow(function: Command) -> Command:
        def command(context: Any, **options: Any) -> None:
            function(context)

        own = list(inspect.signature(function).parameters.values())[1:]  # the context is there already
        hints = get_type_hints(other, include_extras=True) | get_type_hints(function, include_extras=True)
        for name in hidden:
            kind, option = get_args(hints[name])
            option = copy.copy(option)
            option.hidden = True
            hints[name] = Annotated[kind, option]
        parameters = [
            p.replace(annotation=hints[p.name]) for p in [*inspect.signature(other).parameters.values(), *own]
        ]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return borrow
