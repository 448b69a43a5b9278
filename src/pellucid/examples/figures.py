"""Tables and charts that several examples have: means over rows, and a mean for each value of a feature."""

from typing import Any

import numpy as np
from pandas import DataFrame, Index

import pellucid
from pellucid.plot import Scatter


def strongest(explanation: pellucid.Explanation, count: int) -> tuple[str, ...]:
    """Name the features of the largest mean sizes.

    Args:
        explanation: Of some rows.
        count: How many features.

    Returns:
        Their names, the largest first.
    """
    return explanation.top(count).features.names


def of_means(explanation: pellucid.Explanation, what: str = "feature") -> DataFrame:
    """List what features add over some rows, those of the largest mean size first.

    Args:
        explanation: Of several rows.
        what: What features are.

    Returns:
        For each feature the mean of its attributions, the mean of their sizes, and half of a 95 % interval of the
        latter, `[features, 3]`.
    """
    ordered = explanation.top(len(explanation.features))
    values = ordered.features.values
    sizes = np.abs(values)
    return DataFrame(
        {
            "mean": values.mean(0),
            "mean size": sizes.mean(0),
            "± 95 %": 1.96 * sizes.std(0, ddof=1) / len(sizes) ** 0.5,
        },
        index=Index(ordered.features.names, name=what),
    )


def by_value(explanation: pellucid.Explanation, feature: str, rows: str) -> Scatter:
    """Draw the mean attribution at each value of a feature of few values, as a dot whose area says of how many rows.

    Args:
        explanation: Of several rows.
        feature: The feature.
        rows: What rows are called.

    Returns:
        The chart.
    """
    table: Any = explanation[feature].to_frame().astype({"input": float})
    means = table.groupby("input")["attribution"].agg(["count", "mean"])
    return Scatter(
        title=f"Mean attribution by {feature}",
        x=tuple(means.index),
        y=tuple(means["mean"]),
        sizes=tuple(means["count"]),
        x_label=feature,
        y_label=f"mean attribution ({explanation.unit})" if explanation.unit else "mean attribution",
        size_label=rows,
    )
