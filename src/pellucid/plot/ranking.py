"""Which features a chart shows, in which order, and what the others add up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, WrongType
from pellucid.plot.arrays import Array
from pellucid.plot.axis import number_text

MOST = 12
"""How many features a chart shows by default."""


@dataclass(frozen=True)
class Ranking:
    """Features from the largest, and those that are folded into one row, or left out.

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
        """The names of the rows, with that of the folded ones.

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

    @property
    def alone(self) -> Ranking:
        """The same without the row of the folded ones, which would stretch an axis of means and of single examples."""
        return Ranking(self.shown, ())

    def left_out(self, values: Sequence[Array], of: Iterable[str] = ("",)) -> str:
        """How many features are not shown of many examples, and what their sizes add up to; "" where all are.

        Args:
            values: Attributions of all features, [B, F], for each of some explanations.
            of: What these are called, where there are several.
        """
        if not self.folded:
            return ""
        sums = [float(self.columns(np.abs(each))[:, -1].mean()) for each in values]
        listed = ", ".join(
            f"{number_text(total)} ({name})" if name else number_text(total)
            for total, name in zip(sums, of, strict=True)
        )
        features = f"{len(self.folded)} more feature{'s' * (len(self.folded) != 1)}"
        mean = " on average" if len(values[0]) > 1 else ""
        return f"Not shown: {features}, of sizes that add up to {listed}{mean}."


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
