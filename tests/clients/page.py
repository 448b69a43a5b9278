"""The tables of docs/clients.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from clients.runner import Report
from known_models.page import replaced

PAGE = Path(__file__).parents[2] / "docs/clients.md"
HEAD = ("client", "version", "what is driven", "cases", "equal", "documented", "failed", "seconds, Captum", "pellucid")


def table(reports: list[Report]) -> str:
    """A row per client."""
    rows = [HEAD, ("---",) * 3 + ("--:",) * 6, *map(row, reports)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def row(report: Report) -> tuple[str, ...]:
    """A client's cells."""
    counts = [len(report.verdicts), *(len(report.of(kind)) for kind in ("equal", "documented", "failed"))]
    seconds = [f"{taken:.1f}" for taken in report.seconds.values()]
    return report.client, report.version, report.summary, *map(str, counts), *seconds


def documented(reports: list[Report]) -> str:
    """A line per reason: how many cases of which clients differ for it."""
    cases: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for report in reports:
        for verdict in report.of("documented"):
            cases[verdict.reason][report.client] += 1
    lines = [
        f"- {reason}: {', '.join(f'{client} ({count})' for client, count in counts.items())}."
        for reason, counts in sorted(cases.items())
    ]
    return "\n".join(lines) + "\n"


def write(reports: list[Report]) -> None:
    """Write what is generated."""
    page = replaced(PAGE.read_text(encoding="utf-8"), "table", table(reports))
    PAGE.write_text(replaced(page, "documented", documented(reports)), encoding="utf-8")
