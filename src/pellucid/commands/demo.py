"""`pellucid demo [NAME]`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.commands.ends import say, write
from pellucid.commands.extras import extra_needed
from pellucid.commands.names import CASES, case_names
from pellucid.commands.usage import not_among

if TYPE_CHECKING:
    from pellucid.pages import Page


def demo(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help=f"Which: {', '.join(CASES)}.", autocompletion=case_names)
    ] = CASES[0],
    output: Annotated[Path, typer.Option(help="The folder to write the page into.")] = Path("pellucid-demo"),
) -> None:
    """Explain a small network, offline: what moves its predictions, as tables here and as a page of HTML."""
    if name not in CASES:
        raise not_among("NAME", CASES, name)
    output.mkdir(parents=True, exist_ok=True)  # before anybody waits for what is written into it
    path = output / f"{name}.html"
    with extra_needed("demo"):
        page: Page = import_module(f"pellucid.examples.{name}").report()
        page.save(path)
    write(f"{page}\n")
    say(f"wrote {path}")
