"""Outcomes as tables: of one method in plain text, of all methods in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pellucid.zoo.outcome import Outcome

SIGNS = {
    "right": "✓",
    "wrong": "✗",
    "wrong as expected": "✗",
    "not applicable": "",
    "failed": "failed",
    "promise broken": "broken",
}
"""What stands in a cell, but for what is partly right: its score in percent."""

LEGEND = "✓ right; a number: partly right, its score in percent; ✗ wrong, as expected; empty: not applicable"


def cell(outcome: Outcome) -> str:
    """What stands in the cell of an outcome."""
    if outcome.verdict == "partly" and outcome.score is not None:
        return str(int(100 * outcome.score + 1e-3))  # 100 is for what is right
    return SIGNS[outcome.verdict]


def rows_of_text(outcomes: Iterable[Outcome]) -> str:
    """One line per outcome: the model, the verdict, the score, whether values are exact, and why it is not right."""
    rows = [
        (
            outcome.model,
            outcome.verdict,
            "" if outcome.score is None else f"{outcome.score:.2f}",
            {True: "exact", False: "not exact", None: ""}[outcome.exact],
            outcome.reason,
        )
        for outcome in outcomes
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]  # none of no rows
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def matrix(outcomes: Sequence[Outcome]) -> tuple[list[str], dict[str, list[str]]]:
    """The names of the models, and the cells of each method, in the order of the outcomes."""
    models = list(dict.fromkeys(outcome.model for outcome in outcomes))
    methods: dict[str, list[str]] = {}
    for outcome in outcomes:
        methods.setdefault(outcome.method, []).append(cell(outcome))
    return models, methods


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The table of all methods and models in Markdown."""
    models, methods = matrix(outcomes)
    lines = [["method", *models], ["---", *[":-:"] * len(models)], *([name, *cells] for name, cells in methods.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
