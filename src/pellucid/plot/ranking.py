"""Which features a chart shows, in which order, and what the others add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, WrongType
from pellucid.plot.arrays import Array
from pellucid.plot.explained import Explained

MOST = 12
"""How many features a chart shows by default."""


@dataclass(frozen=True)
class Ranking:
    """Features from the largest, and those that are folded into one row.

    Args:
        shown: Their indices.
        folded: The indices of the others.
    """

    shown: tuple[int, ...]
    folded: tuple[int, ...]

    @property
    def more(self) -> str:
        """What the row of the folded ones is called."""
        return f"and {len(self.folded)} more"

    def names(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names of the rows.

        Args:
            names: Of all features, [F].
        """
        return (*(names[index] for index in self.shown), *([self.more] if self.folded else []))

    def columns(self, values: Array) -> Array:
        """The values of the rows: those of the folded ones are added up, where they are known.

        Args:
            values: Of all features, [B, F].

        Returns:
            [B, rows].
        """
        shown = values[:, list(self.shown)]
        if not self.folded:
            return shown
        folded = values[:, list(self.folded)]
        sums = np.where(np.isfinite(folded), folded, 0.0).sum(1, keepdims=True)
        return np.concatenate([shown, sums], axis=1)


def ranked(sizes: Array, most: int) -> Ranking:
    """The features with the largest sizes, and the others.

    Args:
        sizes: Of features, [F]; those that are not known come last.
        most: How many are shown.

    Raises:
        InvalidArgument: That is not a number from 1 on.
    """
    if isinstance(most, bool) or not isinstance(most, int | np.integer):
        raise WrongType(f"most must be a whole number from 1 on: got {summary(most)}. Hint: most={MOST}.")
    if most < 1:
        raise InvalidArgument(f"most must be a whole number from 1 on: got {most}. Hint: most={MOST}.")
    order = np.argsort(-np.where(np.isfinite(sizes), sizes, -1.0), kind="stable").tolist()
    return Ranking(tuple(order[:most]), tuple(order[most:]))


def check_some(explanation: Explained, chart: str) -> None:
    """Check that there is something to draw.

    Args:
        explanation: The explanation.
        chart: The name of the chart.

    Raises:
        InvalidArgument: There are no examples, or no features.
    """
    for count, what in ((len(explanation), "example"), (len(explanation.features.names), "feature")):
        if not count:
            raise InvalidArgument(
                f"explanation must have at least one {what} for {chart!r}: got none. "
                f"Hint: print(explanation) says what it holds."
            )


def check_baseline(explanation: Explained, chart: str) -> None:
    """Check that the outputs are known at the inputs and at the baselines.

    Args:
        explanation: The explanation.
        chart: The name of the chart.

    Raises:
        InvalidArgument: They are not.
    """
    both = np.isfinite(explanation.prediction) & np.isfinite(explanation.baseline_prediction)
    if not both.all():
        raise InvalidArgument(
            f"explanation must know the outputs at the inputs and at the baselines for {chart!r}: got NaN for "
            f"{int((~both).sum())} of {len(explanation)} examples. Hint: explanation.plot.bar()."
        )


def mean_sizes(values: Array) -> Array:
    """The mean size of each feature's attributions, where they are known, [F]; NaN where none is.

    Args:
        values: [B, F].
    """
    known = np.isfinite(values)
    sums = np.where(known, np.abs(np.where(known, values, 0.0)), 0.0).sum(0)
    counts = known.sum(0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def errors_of_mean_sizes(values: Array) -> Array:
    """The standard errors of these means over examples, [F]; NaN of fewer than two.

    Args:
        values: [B, F].
    """
    known = np.isfinite(values)
    counts = known.sum(0)
    sizes = np.abs(np.where(known, values, 0.0))
    means = np.where(known, sizes, 0.0).sum(0) / np.maximum(counts, 1)
    squares = np.where(known, (sizes - means) ** 2, 0.0).sum(0)
    return np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1) / np.maximum(counts, 1)), np.nan)


def missing_said(values: Array) -> str:
    """A sentence on values that are missing; "" where none is.

    Args:
        values: Attributions.
    """
    count = int((~np.isfinite(values)).sum())
    return f"{count} of {values.size} attributions are missing (not finite)." if count else ""


def noted(*sentences: str) -> str:
    """The sentences of a note that there are, in one line.

    Args:
        sentences: Some of them "".
    """
    return " ".join(filter(None, sentences))


def target_said(explanation: Explained) -> str:
    """What is explained, where that is the same of all examples; "" otherwise.

    Args:
        explanation: The explanation.
    """
    names = set(explanation.target_names)
    return names.pop() if len(names) == 1 else ""


def attribution_unit(explanation: Explained) -> str:
    """What attributions are, for the label of an axis.

    Args:
        explanation: The explanation.
    """
    return f"attribution ({explanation.unit})" if explanation.unit else "attribution"
