"""The charts that all laws of charts are run over: a name, and what makes one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.plot.charts import Chart
from pellucid.plot.charts.bands import LineOverBand
from pellucid.plot.charts.histogram import Histogram
from pellucid.plot.charts.panels import Panels
from pellucid.plot.charts.scatter import Scatter
from pellucid.plot.comparisons import cohorts, layers, methods
from pellucid.plot.dependence import scatter
from pellucid.plot.matrices import interactions, token_matrix
from pellucid.plot.of_many import beeswarm, decision, distributions, heatmap, violin
from pellucid.plot.of_one import bar, force, waterfall
from plot.stand_in import StandIn, table

LONG = (
    "a very long name of a feature that nobody would ever type but which get_dummies_made_of_it_all",
    "<script>alert('&')</script>",
    "年齢と性別",
    "x",
)


def one(features: int = 6, **fields: Any) -> StandIn:
    """An explanation of one example."""
    return table(1, features, **fields)


def named_at_length(examples: int) -> StandIn:
    """Features whose names are long, need escapes, or are wide."""
    return table(examples, len(LONG), feature_names=LONG)


def missing(examples: int) -> StandIn:
    """Attributions of which some are missing."""
    values = np.array(table(examples).features.values)
    values[:, 1] = np.nan
    values[0, 2] = np.nan
    return table(examples, feature_values=values)


def zeros(examples: int) -> StandIn:
    """An explanation that says nothing."""
    none = np.zeros((examples, 6))
    return table(examples, feature_values=none, prediction=np.full(examples, 0.5))


def pairs(examples: int, features: int = 6) -> StandIn:
    """An explanation with interactions."""
    values = np.random.default_rng(1).normal(size=(examples, features, features))
    return table(examples, features, interactions=(values + values.transpose(0, 2, 1)) / 2)


def cohorts_of(*explanations: StandIn) -> dict[str, StandIn]:
    """Explanations by names of different lengths."""
    names = ("women", "men", "people whose sex is not known to those who sold the tickets", "crew")
    return dict(zip(names, explanations, strict=False))


WORDS = ("Ġthe", "cat", "sat", "on", "<pad>", "a", "quite-long-token", "\n", "mat", ".")
TOKENS = np.random.default_rng(2).normal(size=(4, len(WORDS)))


def line(steps: int = 51, **ends: object) -> LineOverBand:
    """A line that falls, over a band that falls more slowly."""
    x = np.linspace(0, 100, steps)
    band = {"low": tuple(4 - 0.05 * x), "high": tuple(6 - 0.05 * x - 0.0001 * x**2)} | ends
    labels = {"x_label": "% of the features gone", "y_label": "output", "band_label": "random orders"}
    return LineOverBand(title="Largest first", x=tuple(x), y=tuple(5 * np.exp(-x / 20)), **labels, **band)


CHARTS: Mapping[str, Callable[[], Chart]] = {
    "line over a band": line,
    "line of two steps": lambda: line(2),
    "line without a band": lambda: line(low=(), high=()),
    "line with a band of missing ends": lambda: line(low=(math.nan,) * 51),
    "line beside a line": lambda: Panels(title="Both", charts=(line(), line(20))),
    "bar of one": lambda: bar(one(feature_stderr=np.full((1, 6), 0.1))),
    "bar of one of a hundred": lambda: bar(one(100)),
    "bar of long names": lambda: bar(named_at_length(1)),
    "bar of a feature": lambda: bar(one(1)),
    "bar of zeros": lambda: bar(zeros(1)),
    "bar of what is missing": lambda: bar(missing(1)),
    "bar of many": lambda: bar(table()),
    "bar of a hundred": lambda: bar(table(features=100)),
    "bar of many with what is missing": lambda: bar(missing(30)),
    "waterfall": lambda: waterfall(one()),
    "waterfall of a hundred": lambda: waterfall(one(100)),
    "waterfall of long names": lambda: waterfall(named_at_length(1)),
    "waterfall with a gap": lambda: waterfall(one(prediction=np.array([2.0]), remainder=np.array([0.3]))),
    "waterfall of zeros": lambda: waterfall(zeros(1)),
    "force": lambda: force(one()),
    "force of a hundred": lambda: force(one(100, seed=4)),
    "force of long names": lambda: force(named_at_length(1)),
    "force of zeros": lambda: force(zeros(1)),
    "force with what is missing": lambda: force(missing(1)),
    "beeswarm": lambda: beeswarm(table()),
    "beeswarm of a hundred": lambda: beeswarm(table(1000, 100), most=3),
    "beeswarm of one example": lambda: beeswarm(one()),
    "beeswarm of long names": lambda: beeswarm(named_at_length(30)),
    "beeswarm of what is missing": lambda: beeswarm(missing(30)),
    "beeswarm of large numbers": lambda: beeswarm(table(30, feature_values=12345.6 * table(30).features.values)),
    "beeswarm of zeros": lambda: beeswarm(zeros(30)),
    "violin": lambda: violin(table(300)),
    "violin of one example": lambda: violin(one()),
    "violin of what is missing": lambda: violin(missing(30)),
    "decision": lambda: decision(table()),
    "decision of a hundred": lambda: decision(table(300, 100)),
    "decision of zeros": lambda: decision(zeros(3)),
    "distributions": lambda: distributions(table()),
    "distributions of long names": lambda: distributions(named_at_length(40)),
    "distributions of what is missing": lambda: distributions(missing(40)),
    "heatmap": lambda: heatmap(table()),
    "heatmap of a hundred": lambda: heatmap(table(1000, 100), most=6),
    "heatmap of one example": lambda: heatmap(one()),
    "heatmap of long names": lambda: heatmap(named_at_length(40)),
    "heatmap of zeros": lambda: heatmap(zeros(4)),
    "heatmap of what is missing": lambda: heatmap(missing(40)),
    "scatter": lambda: scatter(pairs(80), "age"),
    "scatter of a heuristic": lambda: scatter(table(80, prediction=np.zeros(80)), "age", colour="fare"),
    "scatter of one example": lambda: scatter(one(), "age"),
    "scatter of texts": lambda: scatter(
        table(30, 2, feature_numbers=np.full((30, 2), np.nan), feature_texts=(("male", "x"), ("female", "y")) * 15),
        "age",
    ),
    "token matrix": lambda: token_matrix(TOKENS, ("A", "dog", "too", "."), WORDS),
    "token matrix of sixty": lambda: token_matrix(
        np.tile(TOKENS, (3, 6)), ("A", "dog", "too", ".") * 3, [f"token{number}" for number in range(60)]
    ),
    "interactions": lambda: interactions(pairs(1)),
    "interactions of many": lambda: interactions(pairs(20, 30)),
    "cohorts": lambda: cohorts(cohorts_of(table(20), table(30, seed=1), table(5, seed=2), table(1, seed=3))),
    "methods of one": lambda: methods({"integrated gradients": one(), "shapley": one(seed=2), "lime": one(seed=3)}),
    "methods of many": lambda: methods({"integrated gradients": table(), "shapley": table(seed=2)}),
    "methods of zeros": lambda: methods({"integrated gradients": zeros(1), "shapley": zeros(1)}),
    "layers": lambda: layers({"conv1": 0.3, "layer1.0.conv2": -0.2, "a" * 60: 0.1}),
    "layers of arrays": lambda: layers({"fc1": np.array([1.0, -2.0]), "fc2": np.array([0.5])}),
    "sized dots": lambda: Scatter(
        title="Dots", x=(0, 1, 2), y=(0.0, -0.2, 0.1), sizes=(264, 20, 3), size_label="people", x_label="siblings"
    ),
    "dots with a line": lambda: Scatter(
        title="Dots", x=(0, 1, 2), y=(0.0, -0.2, 0.1), line=((0, -0.1), (2, 0.3)), x_label="rooms", y_label="price"
    ),
    "logarithmic histogram": lambda: Histogram(
        title="Counts",
        edges=(-1.5, -0.5, 0.5, 1.5),
        counts=(3, 200, 1),
        logarithmic=True,
        x_label="m",
        y_label="people",
    ),
    "panels": lambda: Panels(
        title="Both",
        charts=(bar(one()), bar(one(seed=2))),
        x_label="a label that goes for all of the charts side by side, and is long",
    ),
}
