"""Explanations side by side: of cohorts of examples, by several methods, of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, WrongType
from pellucid.plot.arrays import Array, as_array
from pellucid.plot.charts.bars import Bars
from pellucid.plot.charts.grouped import GroupedBars
from pellucid.plot.explained import Explained
from pellucid.plot.headlines import (
    check_features,
    in_unit,
    method_and,
    method_text,
    missing_note,
    note_of,
    title_of,
    title_of_several,
)
from pellucid.plot.ranking import MOST, errors_of_mean_sizes, mean_sizes, ranked
from pellucid.plot.theme import LIGHT

IMPORTANCE = "importance"


def cohorts(
    explanations: Explained | Mapping[str, Explained], groups: str | Iterable[object] | None = None, *, most: int = MOST
) -> GroupedBars:
    """The mean sizes of attributions in each of some cohorts of examples.

    Args:
        explanations: By the names of the cohorts, of the same features; or one of all examples.
        groups: Of one explanation, which cohort each example is of, such as a column of a frame, or the name of a
            feature that has few values.
        most: How many features are shown; of the others, the note says what their sizes add up to.

    Raises:
        InvalidArgument: There are none, or too many to tell apart, or they are not of the same features.
    """
    explanations = _divided(explanations, groups)
    _check_alike(explanations, "cohorts")
    values = [explanation.features.values for explanation in explanations.values()]
    first = next(iter(explanations.values()))
    ranking = ranked(_largest_of([mean_sizes(each) for each in values]), most)
    rows = [ranking.alone.columns(np.abs(each)) for each in values]
    return GroupedBars(
        title=method_and(first, "mean sizes of attributions, by cohort"),
        names=ranking.alone.names(first.features.names),
        groups=tuple(f"{name} ({len(explanation)})" for name, explanation in explanations.items()),
        values=tuple(tuple(mean_sizes(each).tolist()) for each in rows),
        stderr=tuple(tuple(errors_of_mean_sizes(each).tolist()) for each in rows),
        unit=in_unit("mean size of attributions", first),
        are_sizes=True,
        note=note_of(
            "In brackets: how many examples. Whiskers: 95 % intervals, from the standard error of the mean.",
            ranking.left_out(values, explanations),
            missing_note(values),
        ),
    )


def _divided(
    explanations: Explained | Mapping[str, Explained], groups: str | Iterable[object] | None
) -> Mapping[str, Explained]:
    """The explanations of cohorts, out of one of all examples.

    Raises:
        InvalidArgument: There is no group for each example, or there are groups of what is divided already.
    """
    if isinstance(explanations, Mapping):
        if groups is not None:
            raise InvalidArgument("groups divide one explanation: got several. Hint: cohorts(explanation, groups).")
        return explanations
    if groups is None and not hasattr(explanations, "features"):
        return cast("Mapping[str, Explained]", explanations)  # which it is not: the check that follows says so
    if isinstance(groups, str) and groups in explanations.features.names:
        groups = [texts[explanations.features.names.index(groups)] for texts in explanations.features.texts]
    names = [] if groups is None or isinstance(groups, str) else list(map(str, groups))
    if len(names) != len(explanations):
        raise InvalidArgument(
            f"groups must be one for each of {len(explanations)} examples: got {len(names)}. "
            "Hint: explanation.plot.cohorts(inputs['sex'])."
        )
    cohort = np.array(names, dtype=object)
    return {name: explanations[np.flatnonzero(cohort == name)] for name in dict.fromkeys(names)}


def methods(explanations: Mapping[str, Explained], *, most: int = MOST) -> GroupedBars:
    """The attributions of the same examples by several methods, whose sizes add up to 1 for each.

    Args:
        explanations: By the names of the methods, of the same examples and features.
        most: How many features are shown; of the others, the note says what their sizes add up to.

    Raises:
        InvalidArgument: There are none, or too many to tell apart, or they are not of the same examples and features.
    """
    _check_alike(explanations, "methods")
    counts = {len(explanation) for explanation in explanations.values()}
    if len(counts) > 1:
        raise InvalidArgument(
            f"explanations must be of the same examples for 'methods': got {sorted(counts)} examples. "
            "Hint: methods({name: explanation[0] for name, explanation in explanations.items()})."
        )
    first = next(iter(explanations.values()))
    is_one = counts == {1}
    means = [
        explanation.features.values[0] if is_one else mean_sizes(explanation.features.values)
        for explanation in explanations.values()
    ]
    scaled = [values / (np.nansum(np.abs(values)) or 1.0) for values in means]
    ranking = ranked(_largest_of([np.abs(values) for values in scaled]), most)
    return GroupedBars(
        title=title_of_several(explanations.values(), "attributions" if is_one else "mean sizes of attributions"),
        names=ranking.alone.names(first.features.names),
        groups=tuple(map(method_text, explanations)),
        values=tuple(tuple(ranking.alone.columns(values[None])[0].tolist()) for values in scaled),
        unit="share of the sum of sizes",
        are_sizes=not is_one,
        note=note_of(
            "Values of each are divided by the sum of their sizes.",
            ranking.left_out([values[None] for values in scaled], map(method_text, explanations)),
            missing_note(explanation.features.values for explanation in explanations.values()),
        ),
    )


def layers(importances: Explained | Mapping[str, object], *, most: int = 3 * MOST) -> Bars:
    """How much layers, or neurons, matter, in their own order.

    Args:
        importances: An explanation of layers, of each of which the mean sum of the sizes of its attributions is drawn;
            or numbers by the names of layers, or arrays, of which the mean size is.
        most: How many are shown; the others, the smallest, are one bar, their sum.

    Raises:
        InvalidArgument: There are none.
    """
    names, values, unit, title = (
        _of_mapping(importances) if isinstance(importances, Mapping) else _of_parts(importances)
    )
    if not names:
        raise InvalidArgument("importances must have at least one layer: got none. Hint: layers({'fc1': 0.3}).")
    ranking = ranked(np.abs(values), most)
    shown = sorted(ranking.shown)
    folded = [float(np.nansum(values[list(ranking.folded)]))] if ranking.folded else []
    return Bars(
        title=title,
        names=(*(names[index] for index in shown), *([ranking.more] if folded else [])),
        values=(*values[shown].tolist(), *folded),
        unit=unit,
        are_sizes=unit != IMPORTANCE,
        note=missing_note([values]),
    )


def _of_mapping(importances: Mapping[str, object]) -> tuple[tuple[str, ...], Array, str, str]:
    """Names and numbers, what these are, and a title: numbers as they are, or, with arrays, sizes."""
    arrays = [as_array(f"importances[{name!r}]", value) for name, value in importances.items()]
    are_numbers = all(array.ndim == 0 for array in arrays)
    values = [float(array) if are_numbers else _mean_size(array) for array in arrays]
    return (
        tuple(map(str, importances)),
        np.array(values),
        IMPORTANCE if are_numbers else "mean size",
        "Importances of layers",
    )


def _of_parts(explanation: Explained) -> tuple[tuple[str, ...], Array, str, str]:
    """The same of the layers of an explanation: the mean over examples of what all sizes of a layer add up to."""
    if not len(explanation):
        raise InvalidArgument("explanation must have at least one example for 'layers': got none.")
    names = tuple(each.name or f"input {number}" for number, each in enumerate(explanation.parts, 1))
    values = [_mean_size(_sums_of_sizes(each.values)) for each in explanation.parts]
    title = title_of(explanation, "mean sums of the sizes of what layers add")
    return names, np.array(values), in_unit("mean sum of sizes", explanation), title


def _mean_size(array: Array) -> float:
    """The mean size of what is finite; NaN where nothing is."""
    finite = array[np.isfinite(array)]
    return float(np.abs(finite).mean()) if finite.size else float("nan")


def _sums_of_sizes(values: Array) -> Array:
    """Of each example, [B]."""
    sums: Array = np.abs(values).reshape(len(values), -1).sum(1)
    return sums


def _largest_of(sizes: list[Array]) -> Array:
    """The largest of several sizes of each feature; NaN where none is known."""
    filled = np.nan_to_num(np.stack(sizes), nan=-1.0).max(0)
    return np.where(filled < 0, np.nan, filled)


def _check_alike(explanations: object, chart: str) -> None:
    """Check that there are some explanations, not too many, by name and of the same features."""
    if not isinstance(explanations, Mapping):
        raise WrongType(
            f"explanations must be a dict of explanations by name: got {summary(explanations)}. "
            f"Hint: {chart}({{'name': explanation}})."
        )
    if not 1 <= len(explanations) <= len(LIGHT.groups):
        raise InvalidArgument(
            f"explanations must be 1 to {len(LIGHT.groups)} for {chart!r}: got {len(explanations)}. "
            f"Hint: {chart}(dict(list(explanations.items())[:{len(LIGHT.groups)}]))."
        )
    names = [explanation.features.names for explanation in explanations.values()]
    for explanation in explanations.values():
        check_features(explanation, chart)
    for name, features in zip(explanations, names, strict=True):
        if features != names[0]:
            raise InvalidArgument(
                f"explanations must be of the same features for {chart!r}: got {summary(list(features))} of {name!r}, "
                f"and {summary(list(names[0]))} of the first. Hint: explanations[{name!r}].features.names."
            )
