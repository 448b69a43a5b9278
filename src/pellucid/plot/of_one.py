"""Charts of the features of one example: bars, waterfalls and forces; bars also of many."""

from __future__ import annotations

import numpy as np

from pellucid.plot.axis import number_text
from pellucid.plot.charts.bars import Bars
from pellucid.plot.charts.force import Force
from pellucid.plot.charts.waterfall import Waterfall
from pellucid.plot.explained import Explained, check_one_example
from pellucid.plot.headlines import check_baseline, check_features, in_unit, missing_note, note_of, title_of
from pellucid.plot.ranking import MOST, Ranking, errors_of_mean_sizes, mean_sizes, ranked

ADDS = "what features add"
"""What charts of one example show."""


def bar(explanation: Explained, *, most: int = MOST) -> Bars:
    """Bars of the attributions of an example, or of their mean sizes over several.

    Args:
        explanation: Of one example or more.
        most: How many features are shown; of an example, the others are one bar, their sum; of several, the note says
            what their sizes add up to.

    Raises:
        InvalidArgument: There is no example or no feature.
    """
    check_features(explanation, "bar")
    return _of_example(explanation, most) if len(explanation) == 1 else _of_examples(explanation, most)


def _of_example(explanation: Explained, most: int) -> Bars:
    values = explanation.features.values
    ranking = ranked(np.abs(values[0]), most)
    stderr = explanation.features.stderr
    errors = [] if stderr is None else [float(stderr[0, index]) for index in ranking.shown]
    if errors and ranking.folded:
        errors.append(np.nan)  # errors of sums are not known
    return Bars(
        title=title_of(explanation, ADDS),
        names=ranking.names(explanation.features.names),
        values=tuple(ranking.columns(values)[0].tolist()),
        details=_details(explanation, ranking),
        stderr=tuple(errors),
        unit=in_unit("attribution", explanation),
        note=note_of("Whiskers: 95 % intervals." if errors else "", missing_note([values])),
    )


def _of_examples(explanation: Explained, most: int) -> Bars:
    values = explanation.features.values
    ranking = ranked(mean_sizes(values), most)
    rows = ranking.alone.columns(np.abs(values))
    return Bars(
        title=title_of(explanation, "mean sizes of attributions"),
        names=ranking.alone.names(explanation.features.names),
        values=tuple(mean_sizes(rows).tolist()),
        stderr=tuple(errors_of_mean_sizes(rows).tolist()),
        unit=in_unit("mean size of attributions", explanation),
        are_sizes=True,
        note=note_of(
            "Whiskers: 95 % intervals, from the standard error of the mean over examples.",
            ranking.left_out([values]),
            missing_note([values]),
        ),
    )


def waterfall(explanation: Explained, *, most: int = MOST) -> Waterfall:
    """Steps from the prediction of the baseline to that of an example.

    Args:
        explanation: Of one example.
        most: How many features are shown; the others are one step, with what is not shown anyway.

    Raises:
        InvalidArgument: It is not of one example, or has no features, or the predictions are not known.
    """
    names, steps, details = _steps(explanation, most, "waterfall")
    return Waterfall(
        title=title_of(explanation, ADDS),
        names=names,
        steps=steps,
        details=details,
        start=float(explanation.baseline_prediction[0]),
        end=float(explanation.prediction[0]),
        unit=explanation.unit,
        note=missing_note([explanation.features.values]),
    )


def force(explanation: Explained, *, most: int = MOST) -> Force:
    """What pushes the prediction of an example up, and what pushes it down.

    Args:
        explanation: Of one example.
        most: How many features are shown; the others are one push.

    Raises:
        InvalidArgument: It is not of one example, or has no features, or the predictions are not known.
    """
    names, steps, details = _steps(explanation, most, "force")
    start, end = float(explanation.baseline_prediction[0]), float(explanation.prediction[0])
    gap = end - start - sum(steps)
    has_gap = abs(gap) > 1e-3 * max(abs(end - start), *map(abs, steps))
    return Force(
        title=title_of(explanation, ADDS),
        names=names,
        values=steps,
        details=details,
        start=start,
        end=end,
        unit=explanation.unit,
        note=note_of(
            f"The pushes miss the change of the output by {number_text(gap)}." if has_gap else "",
            missing_note([explanation.features.values]),
        ),
    )


def _steps(explanation: Explained, most: int, chart: str) -> tuple[tuple[str, ...], tuple[float, ...], tuple[str, ...]]:
    """Names, steps and details of an example; those that are not shown, with the remainder, are one step."""
    check_one_example(explanation, chart)
    check_features(explanation, chart)
    check_baseline(explanation, chart)
    values = np.nan_to_num(explanation.features.values, nan=0.0, posinf=0.0, neginf=0.0)
    ranking = ranked(np.abs(values[0]), most)
    names, details = ranking.names(explanation.features.names), _details(explanation, ranking)
    steps = ranking.columns(values)[0].tolist()
    remainder = float(explanation.remainder[0])
    if np.isfinite(remainder) and remainder:
        if not ranking.folded:
            names, steps, details = (*names, "all that is not shown"), [*steps, 0.0], (*details, "")
        steps[-1] += remainder
    return names, tuple(steps), details


def _details(explanation: Explained, ranking: Ranking) -> tuple[str, ...]:
    """What stands beside the names of the rows of an example: the values of the features, where they are known."""
    texts = explanation.features.texts[0] if explanation.features.texts else ()
    said = [f"= {texts[index]}" if index < len(texts) and texts[index] else "" for index in ranking.shown]
    return (*said, *([""] if ranking.folded else [])) if any(said) else ()
