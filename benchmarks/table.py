"""How results look: a table for people, one line of JSON each for programs."""

import dataclasses
import json
from collections.abc import Sequence

from rich.table import Table

from benchmarks.harness import Result
from benchmarks.timing import Spread

MIB = 2**20

PAGE = 200
"""Columns, where there is no terminal to say so."""


def line(result: Result) -> str:
    """A result as a line of JSON."""
    return json.dumps({**dataclasses.asdict(result), "met": result.met})


def table(results: Sequence[Result]) -> Table:
    """Results, one row each; what is not measured is left blank."""
    met = sum(result.met for result in results)
    found = Table(title=f"pellucid beside Captum: {met} of {len(results)} aims met", title_justify="left")
    found.add_column("case")
    found.add_column("aim")
    for heading in ("pellucid", "Captum", "time ratio", "of floor", "peaks", "peak ratio", "difference"):
        found.add_column(heading, justify="right")
    found.add_column("met")
    for result in results:
        found.add_row(*_cells(result))
    return found


def _cells(result: Result) -> tuple[str, ...]:
    ours, theirs = map(_time, result.seconds or ()) if result.seconds else ("", "")
    peaks = " / ".join(f"{peak / MIB:,.0f}" for peak in result.peaks) + " MiB" if result.peaks else ""
    ratios = map(_spread, (result.time, result.floor, result.memory or result.growth))
    time, floor, peak = ratios
    mark = "[green]yes[/]" if result.met else "[bold red]NO[/]"
    difference = f"{result.difference:.0e}" if result.difference is not None else ""
    return result.name, str(result.aim), ours, theirs, time, floor, peaks, peak, difference, mark


def _time(seconds: float) -> str:
    """Three digits, in µs, ms or s."""
    unit, size = next(((u, s) for u, s in (("s", 1), ("ms", 1e-3)) if seconds >= s), ("µs", 1e-6))
    return f"{seconds / size:.3g} {unit}" if seconds < 100 * size else f"{seconds / size:,.0f} {unit}"


def _spread(spread: Spread | None) -> str:
    return f"{spread.median:.2f} ({spread.low:.2f}-{spread.high:.2f})" if spread else ""
