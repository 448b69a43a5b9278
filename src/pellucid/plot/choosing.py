"""Which picture suits an explanation, and all that are made of one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pellucid.errors import InvalidArgument
from pellucid.plot.charts.base import Chart
from pellucid.plot.comparisons import methods
from pellucid.plot.explained import Explained
from pellucid.plot.of_images import image, images_side_by_side
from pellucid.plot.of_one import bar, waterfall
from pellucid.plot.of_series import timeseries
from pellucid.plot.of_texts import tokens, tokens_side_by_side

OF_EXPLANATIONS: tuple[str, ...] = (
    "bar",
    "waterfall",
    "force",
    "beeswarm",
    "violin",
    "heatmap",
    "scatter",
    "decision",
    "distributions",
    "cohorts",
    "layers",
    "image",
    "tokens",
    "timeseries",
    "interactions",
    "interaction_network",
    "convergence",
)
"""The functions that take an explanation first, and so are `explanation.plot.bar()` and the like."""


def chart_of(explanation: Explained) -> Chart:
    """The picture that suits what was explained.

    Images lie under their maps, words on their colours, and series under what is attributed to their steps. Of a table,
    one example is a waterfall where the output at the baseline is known; others are bars.

    Args:
        explanation: Of at least one example.

    Raises:
        InvalidArgument: It is of none.
    """
    if not len(explanation):
        raise InvalidArgument("explanation must be of at least one example: got none.")
    kinds = [explained.kind for explained in explanation.parts]
    if "image" in kinds:
        return image(explanation)
    if "tokens" in kinds:
        return tokens(explanation)
    if "series" in kinds and len(explanation) == 1:
        return timeseries(explanation)
    ends = [*explanation.prediction, *explanation.baseline_prediction]
    is_complete = len(explanation) == 1 and bool(np.isfinite(ends).all())
    return waterfall(explanation) if is_complete else bar(explanation)


def side_by_side(explanations: Mapping[str, Explained]) -> Chart:
    """Explanations of the same examples, by several methods or for several targets, side by side.

    Args:
        explanations: By what tells them apart.

    Raises:
        InvalidArgument: There are none, or they are not of the same examples.
    """
    kinds = [explained.kind for explanation in explanations.values() for explained in explanation.parts]
    if "image" in kinds:
        return images_side_by_side(explanations)
    return tokens_side_by_side(explanations) if "tokens" in kinds else methods(explanations)
