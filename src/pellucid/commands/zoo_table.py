"""What `pellucid zoo` prints: the table of methods and models, or the outcomes as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pellucid.errors import InvalidArgument
from pellucid.zoo.evaluation import evaluate_listed
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.listed import LISTED
from pellucid.zoo.listed_method import ListedMethod
from pellucid.zoo.models import known_models
from pellucid.zoo.outcome import Outcome
from pellucid.zoo.table import LEGEND, matrix

WITHOUT_UNICODE = str.maketrans("✓✗", "+-")
"""Signs for terminals that cannot show those of the table."""

STYLES = {"✓": "green", "✗": "dim", "broken": "bold red", "failed": "bold red"}

WIDEST = 200
"""Wider than any table."""

FEW = 4
"""So many models have columns with their names; of more, the columns are numbered."""


def report(methods: Sequence[str], models: Sequence[str], console: Console, *, as_json: bool) -> bool:
    """Evaluate and print.

    Args:
        methods: Names of methods; all of them if empty.
        models: Names of models; all of them if empty.
        console: Where the table goes; the progress goes to the standard error.
        as_json: Whether a list of outcomes is printed in place of the table.

    Returns:
        Whether every method keeps what it promises.

    Raises:
        InvalidArgument: If a name is not in the table.
    """
    chosen_methods = _chosen("method", methods, LISTED)
    chosen_models = _chosen("model", models, known_models())
    outcomes = _with_progress(chosen_methods, chosen_models)
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        _print_table(outcomes, chosen_models, console)
    return not any(outcome.verdict in {"promise broken", "failed"} for outcome in outcomes)


Named = TypeVar("Named", ListedMethod, KnownModel)


def _chosen(option: str, names: Sequence[str], entries: Iterable[Named]) -> list[Named]:
    """The entries with these names, in the order of the table."""
    by_name = {entry.name.lower(): entry for entry in entries}
    for name in names:
        if name.lower() not in by_name:
            alike = get_close_matches(name.lower(), by_name, n=1)
            hint = f" Hint: {by_name[alike[0]].name!r}." if alike else ""
            there = "; ".join(entry.name for entry in by_name.values())
            raise InvalidArgument(f"--{option} must be one of: {there}: got {name!r}.{hint}")
    wanted = {name.lower() for name in names} or by_name.keys()
    return [entry for name, entry in by_name.items() if name in wanted]


def _with_progress(methods: list[ListedMethod], models: list[KnownModel]) -> list[Outcome]:
    """All outcomes, with a bar on the standard error while they come, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    outcomes = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(methods) * len(models))
        for outcome in evaluate_listed(methods, models):
            outcomes.append(outcome)
            progress.update(task, advance=1, description=outcome.method)
    return outcomes


def _print_table(outcomes: list[Outcome], models: list[KnownModel], console: Console) -> None:
    """The table, its legend, and where it is not right of one method or model, why.

    The table is not cut where the terminal is narrower, as a pipe or a file may be said to be.
    """

    def signs(text: str) -> str:
        return text if console.encoding.startswith("utf") else text.translate(WITHOUT_UNICODE)

    names, rows = matrix(outcomes)
    heads = names if len(names) <= FEW else [str(number + 1) for number in range(len(names))]
    table = Table("method", *heads, box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = True
    for method, cells in rows.items():
        table.add_row(method, *(Text(signs(cell), STYLES.get(cell, "yellow")) if cell else "" for cell in cells))
    table.width = console.measure(table, options=console.options.update(max_width=WIDEST)).maximum
    console.print(table, crop=False)
    console.print(f"\n{signs(LEGEND)}.", highlight=False)
    if len(rows) == 1 or len(names) == 1:
        for outcome in outcomes:
            if outcome.reason and outcome.verdict != "not applicable":
                console.print(f"{outcome.method}, {outcome.model}: {outcome.reason}.", highlight=False)
    elif len(names) > FEW:
        legend = Table(box=None, pad_edge=False, show_header=False)
        for number, known in enumerate(models):
            legend.add_row(str(number + 1), known.name, known.tests)
        console.print(legend)
