"""Charts of the features of many examples: how attributions spread, add up, and differ from example to example."""

from __future__ import annotations

import numpy as np

from pellucid.plot.arrays import Array
from pellucid.plot.charts.decision import Decision
from pellucid.plot.charts.histogram import Histogram, centred_bins
from pellucid.plot.charts.matrix import Matrix
from pellucid.plot.charts.panels import Panels
from pellucid.plot.charts.spread import MOST_DOTS, Beeswarm, Violins
from pellucid.plot.explained import Explained
from pellucid.plot.headlines import check_baseline, check_features, in_unit, missing_note, note_of, title_of
from pellucid.plot.ranking import MOST, Ranking, mean_sizes, ranked
from pellucid.plot.similarity import similar_order

BINS, COLUMNS_OF_PANELS = 21, 3


def beeswarm(explanation: Explained, *, most: int = MOST) -> Beeswarm:
    """A dot for each example and feature, in the colour of the feature's own number.

    Args:
        explanation: Of some examples.
        most: How many features are shown; of the others, the note says what their sizes add up to.

    Raises:
        InvalidArgument: There is no example or no feature.
    """
    check_features(explanation, "beeswarm")
    ranking = _ranking(explanation, most)
    levels = [levels_of(explanation.features.numbers[:, index]) for index in ranking.shown]
    count = len(explanation)
    return Beeswarm(
        title=title_of(explanation, "attributions"),
        names=ranking.alone.names(explanation.features.names),
        values=_rows(explanation, ranking),
        levels=tuple(tuple(row.tolist()) for row in levels),
        level_label="Colour: the number of the feature itself",
        unit=in_unit("attribution", explanation),
        note=_note(
            explanation,
            ranking,
            f"Pictures have {MOST_DOTS} dots in a row, of {count} examples from the least to the largest."
            if count > MOST_DOTS
            else "",
        ),
    )


def violin(explanation: Explained, *, most: int = MOST) -> Violins:
    """The density of each feature's attributions, with quartiles and median.

    Args:
        explanation: Of some examples.
        most: How many features are shown; of the others, the note says what their sizes add up to.

    Raises:
        InvalidArgument: There is no example or no feature.
    """
    check_features(explanation, "violin")
    ranking = _ranking(explanation, most)
    return Violins(
        title=title_of(explanation, "attributions"),
        names=ranking.alone.names(explanation.features.names),
        values=_rows(explanation, ranking),
        unit=in_unit("attribution", explanation),
        note=_note(explanation, ranking, "Thick lines go from quartile to quartile, marks are at medians."),
    )


def decision(explanation: Explained, *, most: int = MOST) -> Decision:
    """How the attributions of each example add up from its baseline to its prediction, the largest features last.

    Args:
        explanation: Of some examples.
        most: How many features are shown; the others are the first step, with what is not shown anyway.

    Raises:
        InvalidArgument: There is no example or no feature, or predictions are not known.
    """
    check_features(explanation, "decision")
    check_baseline(explanation, "decision")
    ranking = _ranking(explanation, most)
    steps = ranking.columns(np.nan_to_num(explanation.features.values, nan=0.0, posinf=0.0, neginf=0.0))[:, ::-1]
    names = ranking.names(explanation.features.names)[::-1]
    remainder = np.nan_to_num(explanation.remainder)
    if ranking.folded:
        steps[:, 0] += remainder
    elif remainder.any():
        names, steps = ("all that is not shown", *names), np.concatenate([remainder[:, None], steps], axis=1)
    ends = explanation.baseline_prediction + steps.sum(1)
    gap = float(np.abs(ends - explanation.prediction).max())
    return Decision(
        title=title_of(explanation, "how attributions add up"),
        names=names,
        steps=tuple(map(tuple, steps.tolist())),
        starts=tuple(explanation.baseline_prediction.tolist()),
        unit=explanation.unit,
        note=note_of(
            f"Lines end up to {gap:.2g} from the predictions, as attributions do not add up."
            if gap > 1e-3 * max(1e-300, float(np.ptp([*explanation.prediction, *explanation.baseline_prediction])))
            else "",
            missing_note([explanation.features.values]),
        ),
    )


def distributions(explanation: Explained, *, most: int = MOST) -> Panels:
    """A histogram of the attributions of each feature, all on the same axes.

    Args:
        explanation: Of some examples.
        most: How many features are shown; of the others, the note says what their sizes add up to.

    Raises:
        InvalidArgument: There is no example or no feature.
    """
    check_features(explanation, "distributions")
    ranking = _ranking(explanation, most)
    columns = ranking.alone.columns(explanation.features.values)
    finite = columns[np.isfinite(columns)]
    width = float(np.ptp([*finite, 0.0])) / BINS or 1.0
    charts = []
    for name, values in zip(ranking.alone.names(explanation.features.names), columns.T, strict=True):
        known = values[np.isfinite(values)]
        edges, counts = centred_bins(known.tolist(), width) if len(known) else ((-width / 2, width / 2), (0,))
        charts.append(Histogram(title=name, edges=edges, counts=counts))
    return Panels(
        title=title_of(explanation, "distributions of attributions"),
        charts=tuple(charts),
        columns=COLUMNS_OF_PANELS,
        x_label=in_unit("attribution", explanation),
        y_label="examples",
        note=_note(explanation, ranking),
    )


def heatmap(explanation: Explained, *, most: int = MOST) -> Matrix:
    """The attributions of all examples, side by side with those that are like them, below their predictions.

    Args:
        explanation: Of some examples.
        most: How many features are shown; of the others, the note says what their sizes add up to.

    Raises:
        InvalidArgument: There is no example or no feature.
    """
    check_features(explanation, "heatmap")
    ranking = _ranking(explanation, most)
    order = similar_order(np.nan_to_num(explanation.features.values, nan=0.0, posinf=0.0, neginf=0.0))
    columns = ranking.alone.columns(explanation.features.values)[order]
    predictions = explanation.prediction[order]
    return Matrix(
        title=title_of(explanation, "attributions"),
        values=tuple(map(tuple, columns.T.tolist())),
        row_labels=ranking.alone.names(explanation.features.names),
        line=tuple(predictions.tolist()) if np.isfinite(predictions).any() else (),
        line_label=in_unit("prediction", explanation),
        sizes=tuple(mean_sizes(columns).tolist()),
        unit=in_unit("attribution", explanation),
        note=_note(explanation, ranking, "Columns are examples, next to those that are like them. Bars: mean sizes."),
    )


def levels_of(numbers: Array) -> Array:
    """Numbers from 0, low, to 1, high; those beyond the twentieth at either end are as low or as high as can be.

    Args:
        numbers: NaN where they are not known, [B].
    """
    finite = np.isfinite(numbers)
    if not finite.any():
        return np.full(len(numbers), np.nan)
    low, high = np.quantile(numbers[finite], (0.05, 0.95))
    if not high > low:
        low, high = numbers[finite].min(), numbers[finite].max()
    if not high > low:
        return np.where(finite, 0.5, np.nan)
    return np.where(finite, np.clip((np.where(finite, numbers, low) - low) / (high - low), 0.0, 1.0), np.nan)


def _ranking(explanation: Explained, most: int) -> Ranking:
    return ranked(mean_sizes(explanation.features.values), most)


def _rows(explanation: Explained, ranking: Ranking) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, ranking.alone.columns(explanation.features.values).T.tolist()))


def _note(explanation: Explained, ranking: Ranking, *sentences: str) -> str:
    values = explanation.features.values
    return note_of(*sentences, ranking.left_out([values]), missing_note([values]))
