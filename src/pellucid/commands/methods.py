"""`pellucid methods`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pellucid.commands import options
from pellucid.commands.ends import write
from pellucid.commands.names import METHODS, method_names
from pellucid.commands.usage import not_among


def methods(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Some of them, with parameters.", autocompletion=method_names),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the methods: what each needs, what it promises, what it costs."""
    from pellucid.methods import table
    from pellucid.methods.table import MethodTable

    facts = {fact.name: fact for fact in table()}
    for name in names or ():
        if name not in facts:
            raise not_among("NAME", METHODS[1:], name)
    chosen = [facts[name] for name in names or facts]
    if as_json:
        entries = [
            {
                "name": fact.name,
                "needs": list(fact.needs),
                "promises": list(fact.promises),
                "cost": fact.cost,
                "parameters": list(fact.parameters),
            }
            for fact in chosen
        ]
        write(json.dumps(entries, indent=2) + "\n")
        return
    write(f"{MethodTable(chosen)}\n")
    for fact in chosen if names else ():
        settings = ", ".join(f"{name}=..." for name in fact.parameters)
        write(f"\n{fact.name}: {f'--set {settings}' if settings else 'has no parameters'}\n")
