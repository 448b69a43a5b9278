"""What pairs of features add together, as a network."""

from __future__ import annotations

import itertools

import numpy as np

from pellucid.core.counts import check_count
from pellucid.errors import InvalidArgument, OutOfRange
from pellucid.plot.arrays import Array
from pellucid.plot.charts.interaction_circle import InteractionCircle, Pair
from pellucid.plot.explained import Explained
from pellucid.plot.headlines import check_features, left_over, missing_note, note_of, title_of

MOST_FEATURES, MOST_PAIRS = 12, 24

FAINT = 0.02
"""Lines of less than this share of the largest are not drawn."""


def interaction_network(
    explanation: Explained, *, example: int | None = None, most: int = MOST_FEATURES
) -> InteractionCircle:
    """Features on a circle: dots are what each adds alone, lines what two add together.

    Args:
        explanation: Of a method that explains by pairs.
        example: Which of the examples; None for the mean of all.
        most: How many features are drawn, at most 12: those that most is attributed to.

    Raises:
        WrongType: A number is none.
        OutOfRange: There is no such example.
        InvalidArgument: The explanation is of no pairs, or of no examples, or `most` is not from 1 to 12.
    """
    check_features(explanation, "interaction_network")
    if check_count("most", most) > MOST_FEATURES:
        raise InvalidArgument(f"most must be from 1 to {MOST_FEATURES}: got {most}. Hint: plot.interactions().")
    values = _of_example(explanation, example)
    sizes = np.nan_to_num(np.abs(values)).sum(axis=1)
    chosen = sorted(int(index) for index in np.argsort(-sizes, kind="stable")[:most])
    pairs = _pairs(values[np.ix_(chosen, chosen)])
    mean = "means of " if example is None and len(explanation) > 1 else ""
    return InteractionCircle(
        title=title_of(explanation, f"{mean}what pairs of features add", example),
        names=tuple(explanation.features.names[index] for index in chosen),
        effects=tuple(float(values[index, index]) for index in chosen),
        pairs=pairs[:MOST_PAIRS],
        unit=explanation.unit,
        note=note_of(
            left_over(len(values), len(chosen), "features"),
            left_over(len(pairs), MOST_PAIRS, "pairs, of smaller interactions,"),
            missing_note([values[np.ix_(chosen, chosen)][np.tril_indices(len(chosen))]]),
            "" if pairs else "No two features add anything together.",
        ),
    )


def _pairs(values: Array) -> tuple[Pair, ...]:
    """The pairs that can be seen, the largest first."""
    pairs = [
        Pair(first=first, second=second, value=float(values[first, second]))
        for first, second in itertools.combinations(range(len(values)), 2)
        if np.isfinite(values[first, second])
    ]
    largest = max((abs(pair.value) for pair in pairs), default=0.0)
    seen = [pair for pair in pairs if abs(pair.value) > FAINT * largest]
    return tuple(sorted(seen, key=lambda pair: -abs(pair.value)))


def _of_example(explanation: Explained, example: int | None) -> Array:
    """Interactions of an example, or their means, (F, F)."""
    if explanation.interactions is None or not explanation.interactions.shape[-1]:
        raise InvalidArgument(
            "explanation must be of pairs of features for 'interaction_network': got one of single features. "
            "Hint: plot.bar()."
        )
    values: Array = np.asarray(explanation.interactions, dtype=float)
    if example is None:
        means: Array = values.mean(axis=0)
        return means
    if check_count("example", example, least=0) >= len(values):
        raise OutOfRange(f"example must be from 0 to {len(values) - 1}: got {example}. Hint: example=0.")
    one: Array = values[example]
    return one
