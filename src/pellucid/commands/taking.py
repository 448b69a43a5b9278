"""Commands that take the options of a table, so that several share them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pellucid.commands.options import Table


def taking(*tables: Table) -> Callable[[Callable[[Mapping[str, Any]], None]], Callable[..., None]]:
    """Make a function of what was typed, by name, a command with these options.

    Args:
        *tables: The options, in the order in which the help shows them.
    """
    options = {name: option for table in tables for name, option in table.items()}

    def decorate(run: Callable[[Mapping[str, Any]], None]) -> Callable[..., None]:
        def command(**typed: Any) -> None:
            run(typed)

        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=inspect.Parameter.empty if default is ... else default,
                annotation=kind,
            )
            for name, (kind, default) in options.items()
        ]
        vars(command)["__signature__"] = inspect.Signature(parameters)
        command.__annotations__ = {name: kind for name, (kind, _) in options.items()}
        command.__name__, command.__doc__ = run.__name__, run.__doc__
        return command

    return decorate
