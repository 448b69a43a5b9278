"""Predictions from texts in a table: what was predicted, from which words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument, WrongType
from pellucid.plot.text import Html, bold_cell, escaped, numbers_of, word, word_cell
from pellucid.plot.theme import LIGHT, Theme

COLUMNS = ("True Label", "Predicted Label", "Attribution Label", "Attribution Score", "Word Importance")


@dataclass(frozen=True, kw_only=True)
class TextRecord(Summarized):
    """A prediction from a text.

    Args:
        words: Its words or tokens.
        values: Their attributions.
        true_label: What it is.
        predicted_label: What a model takes it for.
        probability: How probable that is to the model, or None.
        explained_label: What the attributions are of.
        score: The sum of the attributions, or None.
        delta: How far they are from adding up, or None.
    """

    words: Iterable[object]
    values: object
    true_label: object
    predicted_label: object
    probability: object = None
    explained_label: object = None
    score: object = None
    delta: object = None


def text_table(
    records: Iterable[TextRecord], *, legend: bool = True, limit: float | None = 1.0, theme: Theme = LIGHT
) -> Html:
    """A table with a row for each record, on a background of its own.

    Args:
        records: Predictions.
        legend: Whether the colours are explained above.
        limit: The size of attributions from which on colours are full; None takes the largest of all.
        theme: The colours.
    """
    rows = list(records)
    largest = _largest(rows) if limit is None else _positive(limit)
    head = "".join(f'<th scope="col" style="text-align: left; padding-right: 2em">{name}</th>' for name in COLUMNS)
    body = "\n".join(_row(record, largest, theme) for record in rows)
    style = f"background-color: {theme.background}; color: {theme.text}; padding: 0.5em; overflow-x: auto"
    return Html(
        f'<div style="{style}">\n{_legend(largest, theme) if legend else ""}'
        f'<table style="width: 100%; border-collapse: collapse; color: inherit">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _row(record: TextRecord, limit: float, theme: Theme) -> str:
    predicted = str(record.predicted_label)
    if record.probability is not None:
        predicted += f" ({_two_decimals('probability', record.probability)})"
    score = "" if record.score is None else _two_decimals("score", record.score)
    cells = map(bold_cell, (record.true_label, predicted, record.explained_label, score))
    note = "" if record.delta is None else f' title="convergence delta {escaped(_short(record.delta))}"'
    words = word_cell(record.words, record.values, limit=limit, theme=theme)
    return f'<tr{note} style="vertical-align: top">{"".join(cells)}{words}</tr>'


def _two_decimals(name: str, number: object) -> str:
    try:
        return f"{float(number):.2f}"  # type: ignore[arg-type]  # or it raises
    except (TypeError, ValueError) as error:
        raise WrongType(f"{name} must be a number or None: got {summary(number)}.") from error


def _short(number: object) -> str:
    """A number in four digits, or what it is if it is none."""
    try:
        return f"{float(number):.4g}"  # type: ignore[arg-type]  # or it raises
    except (TypeError, ValueError, RuntimeError):
        return summary(number)


def _largest(records: Iterable[TextRecord]) -> float:
    sizes = [abs(number) for record in records for number in numbers_of(record.values)]
    return max((size for size in sizes if size < float("inf")), default=0.0) or 1.0


def _positive(limit: float) -> float:
    if not limit > 0:
        raise InvalidArgument(f"limit must be a positive number or None: got {summary(limit)}.")
    return limit


def _legend(limit: float, theme: Theme) -> str:
    signs = {"Negative": -1.0, "Neutral": 0.0, "Positive": 1.0}
    marks = " ".join(word(name, sign, sign * limit, theme) for name, sign in signs.items())
    return f'<div style="margin-bottom: 0.5em; line-height: 2"><b>Legend:</b> {marks}</div>\n'
