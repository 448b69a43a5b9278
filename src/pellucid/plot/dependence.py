"""How the attributions of a feature depend on its own number, and on that of another one."""

from __future__ import annotations

import difflib
from collections import defaultdict

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, UnknownName
from pellucid.plot.arrays import Array
from pellucid.plot.axis import number_text
from pellucid.plot.charts.scatter import Scatter
from pellucid.plot.charts.spread import Violins
from pellucid.plot.explained import Explained
from pellucid.plot.headlines import check_features, in_unit, missing_note, note_of, title_of
from pellucid.plot.of_many import levels_of

LEAST_IN_BIN, MOST_BINS = 8, 10
"""How many examples a bin of the heuristic has at least, and how many bins there are at most."""


def scatter(explanation: Explained, feature: str | int, *, colour: str | None = "auto") -> Scatter | Violins:
    """A feature's attributions against its numbers; of a feature that has none, for each of what it may be.

    Args:
        explanation: Of some examples.
        feature: The name of the feature, or its index.
        colour: The feature whose numbers colours show; `"auto"` for the one that it interacts with most: by
            `interactions` where these are known, or else the one whose ranks go best with what is left of the
            attributions among examples with alike numbers; None for the colours of signs.

    Raises:
        InvalidArgument: There is no example or no feature of this name.
    """
    check_features(explanation, "scatter")
    index = _index_of(explanation, "feature", feature)
    name = explanation.features.names[index]
    values, numbers = explanation.features.values[:, index], explanation.features.numbers[:, index]
    title = title_of(explanation, f"what {name} adds")
    if not np.isfinite(numbers).any():
        return _by_text(explanation, index, title)
    chosen = _coloured_by(explanation, index, colour)
    left_out = int((~np.isfinite(numbers)).sum())
    note = note_of(
        f"{left_out} examples without a number are left out." if left_out else "",
        missing_note([values]),
    )
    levels, label, ends = np.array([]), "", ("low", "high")
    if chosen is not None:
        others = explanation.features.numbers[:, chosen]
        known = others[np.isfinite(others)]
        levels, label = levels_of(others), f"Colour: {explanation.features.names[chosen]}"
        ends = (number_text(float(known.min())), number_text(float(known.max()))) if len(known) else ends
    return Scatter(
        title=title,
        x=tuple(numbers.tolist()),
        y=tuple(values.tolist()),
        x_label=name,
        y_label=in_unit("attribution", explanation),
        levels=tuple(levels.tolist()),
        level_label=label,
        level_ends=ends,
        counted=len(values) > 1,
        note=note,
    )


def _by_text(explanation: Explained, index: int, title: str) -> Violins:
    """A row for each text, from that with the largest mean."""
    groups: dict[str, list[float]] = defaultdict(list)
    for texts, value in zip(explanation.features.texts, explanation.features.values[:, index].tolist(), strict=True):
        groups[texts[index] or "not known"].append(value)
    order = sorted(groups, key=lambda text: -float(np.nan_to_num(np.mean(groups[text]))))
    return Violins(
        title=title,
        names=tuple(f"{text} ({len(groups[text])})" for text in order),
        values=tuple(tuple(groups[text]) for text in order),
        unit=in_unit("attribution", explanation),
        note=note_of(
            "In brackets: how many examples.",
            missing_note([explanation.features.values[:, index]]),
        ),
    )


def _index_of(explanation: Explained, argument: str, feature: str | int) -> int:
    """The index of a feature."""
    names = explanation.features.names
    if isinstance(feature, str) and feature in names:
        return names.index(feature)
    if isinstance(feature, int | np.integer) and not isinstance(feature, bool):
        if -len(names) <= feature < len(names):
            return int(feature) % len(names)
        raise InvalidArgument(
            f"{argument} must be an index below {len(names)}, or a name: got {feature}. Hint: {argument}={names[0]!r}."
        )
    near = difflib.get_close_matches(str(feature), names, n=1) or [names[0]]
    raise UnknownName(
        f"{argument} must be the name of one of {len(names)} features: got {summary(feature)}. "
        f"Hint: {argument}={near[0]!r}."
    )


def _coloured_by(explanation: Explained, index: int, colour: str | None) -> int | None:
    """The feature whose numbers colours show."""
    if colour is None:
        return None
    if colour != "auto":
        return _index_of(explanation, "colour", colour)
    if explanation.interactions is not None:
        sizes = np.nan_to_num(np.abs(explanation.interactions[:, index]).mean(0))
        sizes[index] = -1.0
        return int(sizes.argmax()) if sizes.max() > 0 else None
    return interacting_most(explanation.features.numbers, explanation.features.values[:, index], index)


def interacting_most(numbers: Array, values: Array, index: int) -> int | None:
    """The feature whose ranks correlate best with what a line leaves of the attributions, in bins of alike numbers.

    Args:
        numbers: Of all features, [B, F].
        values: The attributions of one of them, [B].
        index: Which one.

    Returns:
        Its index; None where nothing is left, or there are too few examples.
    """
    known = np.isfinite(numbers[:, index]) & np.isfinite(values)
    numbers, values = numbers[known], values[known]
    bins = min(MOST_BINS, len(values) // LEAST_IN_BIN)
    if bins < 1 or np.ptp(values) == 0:
        return None
    scores = np.zeros(numbers.shape[1])
    for members in np.array_split(np.argsort(numbers[:, index], kind="stable"), bins):
        residual = _residual(numbers[members, index], values[members])
        if np.abs(residual).max() <= 1e-6 * np.ptp(values):
            continue
        for column in range(numbers.shape[1]):
            others = numbers[members, column]
            if column != index and np.isfinite(others).all() and np.ptp(others) > 0:
                scores[column] += len(members) * abs(np.corrcoef(_ranks(residual), _ranks(others))[0, 1])
    return int(scores.argmax()) if scores.max() > 0 else None


def _residual(x: Array, y: Array) -> Array:
    """What a straight line leaves."""
    x, y = x - x.mean(), y - y.mean()
    slope = (x @ y) / (x @ x) if x @ x > 0 else 0.0
    residual: Array = y - slope * x
    return residual


def _ranks(numbers: Array) -> Array:
    """Ranks, of which those of ties are the same."""
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    means = np.cumsum(counts) - (counts - 1) / 2
    ranks: Array = means[inverse.ravel()]
    return ranks
