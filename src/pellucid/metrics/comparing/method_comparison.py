"""Methods compared by metrics: means with intervals, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import numpy as np

from pellucid.errors import UnknownName
from pellucid.metrics.scores import Better

Standing: TypeAlias = Literal["best", "tied", "worse", "unknown"]
"""How a method does by a metric.

* `best`: its mean is the best.
* `tied`: not to be told from the best, as the difference may be chance.
* `worse`: it is worse than the best by more.
* `unknown`: it has no scores, or there are too few examples to tell.
"""


@final
@dataclass(frozen=True)
class Entry:
    """How a method does by a metric.

    Args:
        metric: The metric, by name.
        method: The method, by name.
        better: Which scores of the metric are better.
        mean: The mean over the examples of which all methods have a score; methods without any do not count.
        interval: Where it would lie for other examples, with the level of the comparison; NaN of fewer than two.
        examples: How many these are.
        p_value: Of the difference to the best method, paired by examples, for all pairs of methods together (Holm); NaN
            of the best, and where it cannot be told.
        standing: What that means.
    """

    metric: str
    method: str
    better: Better
    mean: float
    interval: tuple[float, float]
    examples: int
    p_value: float
    standing: Standing

    def as_dict(self) -> dict[str, Any]:
        """It as numbers and texts, which JSON can hold; None where there is no number."""
        low, high = self.interval
        return {
            "metric": self.metric,
            "method": self.method,
            "better": self.better,
            "mean": _number(self.mean),
            "low": _number(low),
            "high": _number(high),
            "examples": self.examples,
            "p_value": _number(self.p_value),
            "standing": self.standing,
        }


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


@final
@dataclass(frozen=True, eq=False, repr=False)
class MethodComparison:
    """How methods do by metrics: a table of means, their intervals, and which differences are more than chance.

    `comparison["Deletion", "saliency"]` is one [Entry][pellucid.metrics.Entry].

    Args:
        entries: A metric after another, and of each a method after another.
        scores: The scores behind them, float64 [N] of N examples by metric and method.
        level: How sure intervals and differences are.
        notes: What a reader must know.
    """

    entries: tuple[Entry, ...]
    scores: dict[tuple[str, str], Any]
    level: float
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return tuple(dict.fromkeys(entry.metric for entry in self.entries))

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the methods."""
        return tuple(dict.fromkeys(entry.method for entry in self.entries))

    def __getitem__(self, key: tuple[str, str]) -> Entry:
        for entry in self.entries:
            if (entry.metric, entry.method) == key:
                return entry
        raise UnknownName(
            f"the comparison has the metrics {', '.join(self.metrics)} and the methods {', '.join(self.methods)}: "
            f"got {key!r}. Hint: comparison[{self.metrics[0]!r}, {self.methods[0]!r}]."
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it as numbers and texts, which JSON can hold."""
        return {"level": self.level, "entries": [entry.as_dict() for entry in self.entries], "notes": list(self.notes)}

    def to_frame(self) -> Any:
        """A `pandas.DataFrame` with a row for each entry.

        Raises:
            ModuleNotFoundError: pandas is not there.
        """
        from pandas import DataFrame

        return DataFrame([entry.as_dict() for entry in self.entries])

    def __repr__(self) -> str:
        return text_of_comparison(self)


LEAST_SHOWN = 0.001
"""A p-value below this is not told further."""

SIGNS: dict[Standing, str] = {"best": "★", "tied": "=", "worse": "", "unknown": "?"}
"""How a standing is marked."""


def text_of_comparison(comparison: MethodComparison) -> str:
    """The comparison in characters: a block for each metric, the best method first.

    Args:
        comparison: It.
    """
    width = max(map(len, comparison.methods))
    blocks = []
    for metric in comparison.metrics:
        entries = [entry for entry in comparison.entries if entry.metric == metric]
        lines = [f"{metric} ({entries[0].better} is better)"]
        lines += [f"  {line}" for line in _rows(_in_order(entries), width)]
        blocks.append("\n".join(lines))
    percent = f"{100 * comparison.level:g} %"
    legend = f"★ best mean, = may be as good: the difference may be chance. Intervals of {percent}, over examples."
    return "\n\n".join([*blocks, "\n".join([legend, *comparison.notes])])


def _in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Entries of one metric, the best mean first, those without one last."""
    sign = -1.0 if entries[0].better == "higher" else 1.0
    return sorted(entries, key=lambda entry: (entry.mean != entry.mean, sign * entry.mean))


def _rows(entries: Sequence[Entry], width: int) -> list[str]:
    rows = []
    for entry in entries:
        low, high = entry.interval
        interval = "" if low != low else f"[{low:.4g}, {high:.4g}]"
        told = "" if entry.p_value != entry.p_value else _p_text(entry.p_value)
        rows.append(
            f"{SIGNS[entry.standing]:1s} {entry.method:{width}s}  {entry.mean:9.4g}  {interval:22s} {told}".rstrip()
        )
    return rows


def _p_text(p_value: float) -> str:
    return "p < 0.001" if p_value < LEAST_SHOWN else f"p = {p_value:.2g}"
