"""Explanations made of others: differences, means over examples, and elements joined to larger units."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from pellucid.core.summaries import summary
from pellucid.data.words import How, TokenLayout, join_tokens
from pellucid.errors import InvalidArgument
from pellucid.explanation.part import Array, Part
from pellucid.explanation.selection import of_features

if TYPE_CHECKING:
    from pellucid.explanation.explanation import Explanation

By: TypeAlias = "Literal['word', 'sentence', 'channel', 'step'] | Sequence[Sequence[tuple[int, int]]]"
"""What elements are joined to: units of texts, of series and images, or spans of the characters of each text."""


def difference(explanation: Explanation, other: Explanation) -> Explanation:
    """What one explanation has more than another, element by element.

    Raises:
        InvalidArgument: They are not of the same elements and number of examples.
    """
    _check_alike(explanation, other)
    shares_draws = explanation.provenance.seed is not None and explanation.provenance.seed == other.provenance.seed
    interactions = None
    if explanation.interactions is not None and other.interactions is not None:
        interactions = explanation.interactions - other.interactions
    notes = ["The difference of two explanations."]
    if shares_draws and any(part.stderr is not None for part in (*explanation.parts, *other.parts)):
        notes.append("Its standard errors are not known, as both share random numbers. Hint: seed=1 for one of them.")
    minuend, subtrahend = (_of_features(each) for each in (explanation, other))
    methods = dict.fromkeys((explanation.method, other.method))
    return dataclasses.replace(
        minuend,
        parts=tuple(
            _less(one, another, shares_draws) for one, another in zip(minuend.parts, subtrahend.parts, strict=True)
        ),
        prediction=explanation.prediction - other.prediction,
        baseline_prediction=explanation.baseline_prediction - other.baseline_prediction,
        target_names=tuple(map(_less_name, explanation.target_names, other.target_names)),
        adds_up=explanation.adds_up and other.adds_up,
        remainder=explanation.remainder - other.remainder,
        evaluations=explanation.evaluations + other.evaluations,
        seconds=explanation.seconds + other.seconds,
        interactions=interactions,
        rounds=(),
        notes=(*notes, *dict.fromkeys((*explanation.notes, *other.notes))),
        provenance=dataclasses.replace(explanation.provenance, method=" less ".join(methods)),
    )


def _of_features(explanation: Explanation) -> Explanation:
    """An explanation whose elements are its features: a table, where masks join elements."""
    if all(part.mask is None for part in explanation.parts):
        return explanation
    return of_features(explanation, range(len(explanation.features)))


def _check_alike(explanation: Explanation, other: object) -> None:
    if not isinstance(other, type(explanation)):
        raise InvalidArgument(f"an explanation must be taken from another: got {summary(other)}.")
    shapes = [[part.values.shape for part in _of_features(each).parts] for each in (explanation, other)]
    if shapes[0] != shapes[1] or explanation.features.names != other.features.names:
        raise InvalidArgument(f"explanations must be of the same features and as many examples: got {shapes}.")


def _less(one: Part, another: Part, shares_draws: bool) -> Part:
    stderr = None if shares_draws else _joined_errors(one, another)
    return dataclasses.replace(one, values=one.values - another.values, stderr=stderr)


def _less_name(one: str, another: str) -> str:
    return one if one == another else f"{one} less {another}"


def _joined_errors(one: Part, another: Part) -> Array | None:
    """The standard errors of differences, of estimates that do not depend on each other."""
    if one.stderr is None and another.stderr is None:
        return None
    squares = sum(part.stderr**2 for part in (one, another) if part.stderr is not None)
    errors: Array = np.sqrt(squares)
    return errors


def sizes(explanation: Explanation) -> Explanation:
    """The sizes of the attributions of features, which add up to nothing."""
    joined_features = _of_features(explanation)
    interactions = explanation.interactions
    return dataclasses.replace(
        joined_features,
        parts=tuple(map(_sizes_of, joined_features.parts)),
        adds_up=False,
        remainder=np.abs(explanation.remainder),
        interactions=None if interactions is None else np.abs(interactions),
        notes=("Signs are left out.", *explanation.notes),
    )


def _sizes_of(part: Part) -> Part:
    """The sizes of elements; pixels are one element in all channels."""
    is_of_channels = part.kind == "image" and part.values.ndim == 4
    values = part.values.sum(1) if is_of_channels else part.values
    return dataclasses.replace(part, values=np.abs(values), stderr=None if is_of_channels else part.stderr)


def mean(explanation: Explanation) -> Explanation:
    """The mean over the examples; see [Explanation.mean][pellucid.Explanation.mean].

    Raises:
        InvalidArgument: There is no example, or elements are not the same in all.
    """
    count = len(explanation)
    if not count:
        raise InvalidArgument("the mean is over examples: got none.")
    if any(part.kind == "tokens" for part in explanation.parts):
        raise InvalidArgument(
            "the mean is over examples that have the same features: got texts, whose tokens differ. "
            "Hint: explanation[0], or explanation.to_frame().groupby('feature')."
        )
    values = explanation.features.values
    part = Part(
        name="",
        kind="table",
        values=_mean(values),
        stderr=values.std(0, ddof=1)[None] / math.sqrt(count) if count > 1 else None,
        names=explanation.features.names,
        given_as="array",
        dtype="float64",
    )
    names = list(dict.fromkeys(explanation.target_names))
    return dataclasses.replace(
        explanation,
        parts=(part,),
        structure=0,
        feature_labels=(),
        prediction=_mean(explanation.prediction),
        baseline_prediction=_mean(explanation.baseline_prediction),
        target_names=(names[0] if len(names) == 1 else f"{len(names)} targets",),
        remainder=_mean(explanation.remainder),
        evaluations=_mean(explanation.evaluations),
        interactions=None if explanation.interactions is None else _mean(explanation.interactions),
        notes=(f"The mean of {count} examples.", *explanation.notes),
    )


def _mean(array: Array) -> Array:
    means: Array = np.mean(array, axis=0, keepdims=True)
    return means


def joined(explanation: Explanation, by: By, how: How) -> Explanation:
    """Elements joined to larger units; see [Explanation.aggregate][pellucid.Explanation.aggregate].

    Raises:
        InvalidArgument: There is nothing that can be joined so.
    """
    kinds = {"channel": ("series", "image"), "step": ("series",)}
    wanted = kinds.get(by, ("tokens",)) if isinstance(by, str) else ("tokens",)
    if not any(part.kind in wanted for part in explanation.parts):
        found = ", ".join(dict.fromkeys(part.kind for part in explanation.parts))
        raise InvalidArgument(
            f"by must be a unit of what was explained, 'word' of texts, 'channel' or 'step' of series: "
            f"got {summary(by)} for {found}. Hint: explanation.group(...)."
        )
    if any(part.mask is not None for part in explanation.parts):
        raise InvalidArgument(
            "by joins elements, which feature_mask has joined already. "
            "Hint: explanation.group(...), or explain without it."
        )
    parts = tuple(_joined_part(part, by, how) if part.kind in wanted else part for part in explanation.parts)
    of_units = dataclasses.replace(explanation, parts=parts, feature_labels=(), interactions=None)
    if how != "sum":
        return dataclasses.replace(of_units, adds_up=False)
    left_out = explanation.features.values.sum(1) - of_units.features.values.sum(1)  # special tokens belong to no word
    return dataclasses.replace(of_units, remainder=explanation.remainder + left_out)


def _joined_part(part: Part, by: By, how: How) -> Part:
    if part.kind == "tokens":
        return _joined_tokens(part, by, how)
    axis: Any = {("series", "channel"): 1, ("series", "step"): 2, ("image", "channel"): (2, 3)}[part.kind, str(by)]
    values = _reduced(part.values, axis, how)
    unit = "channel" if by == "channel" else "step"
    return Part(
        name=part.name,
        kind="table",
        values=values,
        names=tuple(f"{unit} {number}" for number in range(values.shape[1])),
        given_as="array",
        dtype="float64",
    )


def _reduced(values: Array, axis: Any, how: How) -> Array:
    """Sums, means, or the values of the largest size along some dimensions."""
    if how == "max":
        axes = (axis,) if isinstance(axis, int) else axis
        kept = [dimension for dimension in range(values.ndim) if dimension not in axes]
        flat = values.transpose(*kept, *axes).reshape(*(values.shape[dimension] for dimension in kept), -1)
        largest: Array = np.take_along_axis(flat, np.abs(flat).argmax(-1)[..., None], -1)[..., 0]
        return largest
    reduce: Any = {"sum": np.sum, "mean": np.mean}.get(how)
    if reduce is None:
        raise InvalidArgument(f"how must be one of sum, mean, max: got {summary(how)}.")
    reduced: Array = reduce(values, axis=axis, dtype=np.float64)
    return reduced


def _joined_tokens(part: Part, by: By, how: How) -> Part:
    """A text of units in the place of tokens; shorter texts are padded with zeros."""
    units = [
        join_tokens(values[: len(layout.tokens)].tolist(), layout, _of_text(by, example), how)
        for example, (values, layout) in enumerate(zip(part.values, part.layouts, strict=True))
    ]
    longest = max((len(labels) for labels, _ in units), default=0)
    rows = [[*values, *[0.0] * (longest - len(values))] for _, values in units]
    layouts = tuple(TokenLayout(labels, (0,) * len(labels)) for labels, _ in units)
    return dataclasses.replace(
        part,
        values=np.array(rows, dtype=np.float64).reshape(len(units), longest),
        inputs=None,
        stderr=None,
        mask=None,
        layouts=layouts,
        dtype="float64",
    )


def _of_text(by: By, example: int) -> Any:
    """The unit of all texts, or the spans of one.

    Raises:
        InvalidArgument: There are none for it.
    """
    if isinstance(by, str):
        return by
    if example >= len(by):
        raise InvalidArgument(f"by must hold spans for each text: got {len(by)}, none for text {example}.")
    return by[example]
