"""What terminals and pages say of an explanation: its heading, its strongest features, what is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from pellucid.core.summaries import Summarized
from pellucid.explanation.explanation import gap_to_tell
from pellucid.plot.axis import number_text, signed_number
from pellucid.plot.lettering import printable

if TYPE_CHECKING:
    from pellucid.explanation.explanation import Explanation

PICTURED = ("image", "tokens", "series")
"""The kinds of inputs that have a picture of their own."""

MOST_ROWS = 12
"""How many features a table shows."""


@final
@dataclass(frozen=True)
class Row(Summarized):
    """A feature in a table.

    Args:
        name: Its name.
        text: How it reads; "" where that is not known.
        value: Its attribution.
        stderr: The standard error of this; None where there is none.
    """

    name: str
    text: str
    value: float
    stderr: float | None


@final
@dataclass(frozen=True)
class Reading(Summarized):
    """What is said of an explanation.

    Args:
        heading: Of what it is, and by which method.
        predictions: What was predicted, and from where it starts.
        rows: The strongest features, strongest first.
        remainder: How many features are left, and what they add up to.
        are_sizes: Whether values are mean sizes, which have no sign.
        sums: Whether values add up.
        notes: What a reader must know.
    """

    heading: str
    predictions: str
    rows: tuple[Row, ...]
    remainder: tuple[int, float]
    are_sizes: bool
    sums: str
    notes: tuple[str, ...]


def reading_of(explanation: Explanation, most: int = MOST_ROWS) -> Reading:
    """What is said of an explanation.

    Args:
        explanation: Of one example, whose features are listed, or of several, whose mean sizes are.
        most: How many features are listed.
    """
    rows, remainder = _strongest(explanation, most)
    return Reading(
        heading=printable(_heading(explanation)),
        predictions=_predictions(explanation),
        rows=rows,
        remainder=remainder,
        are_sizes=len(explanation) != 1,
        sums=_sums(explanation),
        notes=explanation.notes,
    )


def is_of_pixels(explanation: Explanation) -> bool:
    """Whether features are pixels, of which a list says nothing, while a map does."""
    return bool(len(explanation)) and any(part.kind == "image" and part.mask is None for part in explanation.parts)


def _heading(explanation: Explanation) -> str:
    count = len(explanation)
    targets = list(dict.fromkeys(explanation.target_names))
    target = targets[0] if len(targets) == 1 else f"{len(targets)} targets"
    of = "" if count == 1 else f", mean sizes over {count} examples"
    return f"{target or 'output'} by {explanation.method}{of}"


def _predictions(explanation: Explanation) -> str:
    if not len(explanation):
        return "no examples"
    mean = "" if len(explanation) == 1 else "mean "
    prediction, start = explanation.prediction.mean(), explanation.baseline_prediction.mean()
    unit = f" ({explanation.unit})" if explanation.unit else ""
    told = f"{mean}prediction {number_text(float(prediction))}{unit}"
    return told if np.isnan(start) else f"{told}, at the baseline {number_text(float(start))}"


def _strongest(explanation: Explanation, most: int) -> tuple[tuple[Row, ...], tuple[int, float]]:
    """The features of the largest sizes, and how many others there are and what they add up to."""
    values, errors = explanation.features.values, explanation.features.stderr
    is_one = len(explanation) == 1
    sizes = np.abs(values).mean(0) if len(values) else np.zeros(values.shape[1])
    names = explanation.features.names_in(0) if is_one else explanation.features.names
    shown = values[0] if is_one else sizes
    order = np.argsort(-np.where(np.isnan(sizes), -1.0, sizes), kind="stable")
    positions = [position for position in order.tolist() if names[position]]
    rows = tuple(
        Row(
            names[position],
            explanation.features.texts[0][position] if is_one else "",
            float(shown[position]),
            float(errors[0, position]) if is_one and errors is not None else None,
        )
        for position in positions[:most]
    )
    rest = positions[most:]
    others = float(explanation.remainder.mean()) if len(values) else 0.0
    return rows, (len(rest), float(shown[rest].sum()) + (others if is_one else 0.0))


def _sums(explanation: Explanation) -> str:
    delta = explanation.delta
    if delta is None or not len(explanation):
        return ""
    unknown = int((~np.isfinite(delta)).sum())
    if unknown:
        return f"says nothing of {unknown} of {len(explanation)} examples, as values or outputs are not finite"
    missed = gap_to_tell(explanation)
    largest = float(np.nanmax(np.abs(delta)))
    if missed.any():
        of = f" for {int(missed.sum())} of {len(explanation)} examples" if len(explanation) > 1 else ""
        return f"does not add up{of}: misses the change of the output by up to {number_text(largest)}"
    change = np.abs(explanation.prediction - explanation.baseline_prediction).max()
    return f"adds up to the change of the output, within {number_text(largest)} of {number_text(float(change))}"


def columns_of(rows: Sequence[Row], *, are_sizes: bool = False) -> tuple[list[str], list[str]]:
    """The names, with how features read, and the values, with intervals of 95 %, of rows.

    Args:
        rows: The rows.
        are_sizes: Whether values have no sign.
    """
    largest = max((abs(row.value) for row in rows), default=0.0)
    names = [printable(f"{row.name} = {row.text}" if row.text else row.name) for row in rows]
    values = [
        signed_number(row.value, largest).removeprefix("+" if are_sizes else "")
        + (
            ""
            if row.stderr is None or np.isnan(row.stderr)
            else f" ± {signed_number(1.96 * row.stderr, largest).removeprefix('+')}"
        )
        for row in rows
    ]
    return names, values
