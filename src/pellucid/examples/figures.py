"""Tables and charts that several examples have: means over rows, shares side by side, fitted lines."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame, Index, Series

import pellucid
from pellucid.plot import GroupedBars, Limits, Panels, Scatter, signed


def strongest(explanation: pellucid.Explanation, count: int) -> tuple[str, ...]:
    """Name the features of the largest mean sizes.

    Args:
        explanation: Of some rows.
        count: How many features.

    Returns:
        Their names, the largest first.
    """
    return explanation.top(count).features.names


def of_what(explanation: pellucid.Explanation, target: str) -> pellucid.Explanation:
    """Say what the output of a network of one output is.

    Args:
        explanation: Whose charts say "output".
        target: What they shall say.

    Returns:
        The same explanation, of that.
    """
    return replace(explanation, target_names=(target,) * len(explanation))


def half(numbers: ArrayLike) -> float:
    """Give half of the 95 % interval of a mean.

    Args:
        numbers: What the mean is of, `[rows]`.

    Returns:
        1.96 standard errors.
    """
    known = np.asarray(numbers, dtype=float)
    return float(1.96 * known.std(ddof=1) / len(known) ** 0.5)


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
            "± 95 %": [half(column) for column in sizes.T],
        },
        index=Index(ordered.features.names, name=what),
    )


def unmeasured(explanation: pellucid.Explanation, missing: DataFrame) -> DataFrame:
    """Compare what features add where they are known to what they add where they are not.

    Args:
        explanation: Of the rows.
        missing: Where some of its features are not known, bool `[rows, some features]`.

    Returns:
        For each of these features how many rows lack it, and its mean attribution in these and in the others,
        `[some features, 3]`.
    """
    adds = DataFrame(explanation[list(missing)].to_numpy(), missing.index, missing.columns)
    means = {"in these": adds.where(missing).mean(), "in others": adds.mask(missing).mean()}
    return DataFrame({"lack it": missing.sum()} | means).rename_axis("feature")


def grouped(
    title: str, names: Iterable[str], groups: Mapping[str, NDArray[Any]], unit: str, most: int = 13
) -> GroupedBars:
    """Draw numbers of several kinds beside each other.

    Args:
        title: Of the chart.
        names: What the numbers are of, `[N]`.
        groups: Numbers by their kind, `[N]` each; the largest of the first are on top.
        unit: What the numbers are.
        most: Of how many names they are shown.

    Returns:
        The chart, whose note says how many names it leaves out.
    """
    order = np.abs(next(iter(groups.values()))).argsort(kind="stable")[::-1]
    shown, left = order[:most], len(order[most:])
    return GroupedBars(
        title=title,
        names=tuple(np.array(list(names))[shown].tolist()),
        groups=tuple(groups),
        values=tuple(tuple(values[shown].tolist()) for values in groups.values()),
        unit=unit,
        note=f"Not shown: {left} more, whose {next(iter(groups))} are smaller." if left else "",
    )


def moved(explanation: pellucid.Explanation, another: pellucid.Explanation) -> float:
    """Say how far apart the mean sizes of two explanations are.

    Args:
        explanation: Of several rows.
        another: Of the same rows and features, from other baselines.

    Returns:
        The largest difference of any feature.
    """
    sizes, others = (np.abs(each.to_numpy()).mean(0) for each in (explanation, another))
    return float(np.abs(sizes - others).max())


def side_by_side(title: str, names: Iterable[str], groups: Mapping[str, NDArray[Any]]) -> GroupedBars:
    """Draw numbers of several kinds, of which each is divided by the sum of its sizes.

    Args:
        title: Of the chart.
        names: What the numbers are of, `[N]`.
        groups: Numbers by their kind, `[N]` each; the largest of the first are on top.

    Returns:
        The chart.
    """
    shares = {kind: values / np.abs(values).sum() for kind, values in groups.items()}
    return grouped(title, names, shares, "share of the sum of sizes")


def fits(features: DataFrame, target: Series, meanings: Mapping[str, str]) -> Panels:
    """Draw a target against each feature, with the line of the least squares.

    Args:
        features: The features of the rows, `[rows, features]`.
        target: What goes up, `[rows]`; its name says what it is.
        meanings: What features mean, by name.

    Returns:
        A chart for each feature, with its correlation.
    """
    charts = []
    for name, meaning in meanings.items():
        x, correlation = features[name], features[name].corr(target)
        slope = correlation * target.std() / x.std()
        line = tuple((end, target.mean() + slope * (end - x.mean())) for end in (x.min(), x.max()))
        title = f"{name}, r = {signed(correlation)}: {meaning}"
        charts.append(Scatter(title=title, x=tuple(x.tolist()), y=tuple(target.tolist()), line=line))
    return Panels(charts=tuple(charts), shared=False, y_label=str(target.name))


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


def kilometres(places: DataFrame) -> float:
    """Say how far the mean of places is from the nearest of them.

    Args:
        places: Degrees north and east, `[rows, 2]`.

    Returns:
        Kilometres, as on a plane.
    """
    north, east = places.iloc[:, 0], places.iloc[:, 1]
    across = (east - east.mean()) * np.cos(np.radians(north.mean()))
    return float(40_000 / 360 * np.hypot(north - north.mean(), across).min())


def by_place(explanation: pellucid.Explanation, feature: str, places: DataFrame) -> Scatter:
    """Draw what a feature adds at each place on a map.

    Args:
        explanation: Of several rows.
        feature: The feature.
        places: Degrees north and east of the rows, `[rows, 2]`.

    Returns:
        The chart; its colours go as far to either side of zero as nineteen of twenty attributions.
    """
    adds = explanation[feature].to_numpy()[:, 0]
    end = float(np.quantile(np.abs(adds), 0.95))
    north, east = (places.iloc[:, column] for column in (0, 1))
    return Scatter(
        title=f"What {feature} adds to {explanation.target_names[0]}",
        x=tuple(east.tolist()),
        y=tuple(north.tolist()),
        levels=tuple(np.clip((adds / end + 1) / 2, 0, 1).tolist()),
        level_label="Colour: attribution",
        level_ends=(signed(-end), signed(end)),
        limits=Limits(x=(east.min(), east.max()), y=(north.min(), north.max())),
        x_label="degrees east",
        y_label="degrees north",
    )


def signed_means(explanations: Mapping[str, pellucid.Explanation], unit: str) -> GroupedBars:
    """Draw the means of attributions of several explanations beside each other, in which signs cancel.

    Args:
        explanations: By their names, of the same rows and features.
        unit: What the output is.

    Returns:
        The chart.
    """
    means = {name: each.to_numpy().mean(0) for name, each in explanations.items()}
    names = next(iter(explanations.values())).features.names
    return grouped("Means of attributions", names, means, unit)
