"""Matrices of what is no table of examples: tokens that owe to tokens, pairs of features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, WrongShape
from pellucid.plot.arrays import as_array
from pellucid.plot.charts.matrix import Matrix
from pellucid.plot.explained import Explained
from pellucid.plot.headlines import check_features, in_unit, left_over, missing_note, note_of, title_of
from pellucid.plot.ranking import MOST, ranked
from pellucid.plot.tokenizers import shown_tokens


def token_matrix(
    values: object,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    title: str = "What each output token owes to each input token",
    column_title: str = "Columns: input tokens. Rows: output tokens.",
    unit: str = "attribution",
) -> Matrix:
    """What each token of an output owes to each token of an input.

    Args:
        values: Attributions, (rows, columns).
        row_labels: The output's tokens.
        column_labels: The input's tokens.
        title: What the chart shows.
        column_title: What columns and rows are.
        unit: What the values are.

    Raises:
        InvalidArgument: The values are not one for each row and column.
    """
    array = as_array("values", values).astype(float)
    if array.shape != (len(row_labels), len(column_labels)):
        raise WrongShape(
            f"values must be (rows, columns) = ({len(row_labels)}, {len(column_labels)}), as the labels are: "
            f"got {summary(array)}. Hint: values.T where rows and columns are swapped."
        )
    return Matrix(
        title=title,
        values=tuple(map(tuple, array.tolist())),
        row_labels=shown_tokens(row_labels),
        column_labels=shown_tokens(column_labels),
        column_title=column_title,
        unit=unit,
        note=missing_note([array]),
    )


def interactions(explanation: Explained, *, most: int = MOST) -> Matrix:
    """What pairs of features add together, and on the diagonal what each adds alone.

    [interaction_network][pellucid.plot.interaction_network] draws them as lines between features.

    Args:
        explanation: Of one example, whose values are drawn; or of several, whose mean sizes are.
        most: How many features are shown; the others are left out.

    Raises:
        InvalidArgument: The explanation has no interactions.
    """
    check_features(explanation, "interactions")
    if explanation.interactions is None:
        raise InvalidArgument(
            f"explanation must have interactions for 'interactions': got none by {explanation.method!r}. "
            "Hint: method='shapley_interactions'."
        )
    pairs = explanation.interactions
    is_one = len(explanation) == 1
    values = pairs[0] if is_one else np.abs(pairs).mean(0)
    ranking = ranked(np.abs(values).sum(1), most)
    shown = list(ranking.shown)
    names = tuple(explanation.features.names[index] for index in shown)
    return Matrix(
        title=title_of(
            explanation, "what pairs of features add" if is_one else "mean sizes of what pairs of features add"
        ),
        values=tuple(map(tuple, values[np.ix_(shown, shown)].tolist())),
        row_labels=names,
        column_labels=names,
        are_sizes=not is_one,
        unit=in_unit("interaction", explanation),
        note=note_of(
            "Diagonal: what each feature adds alone.",
            left_over(len(explanation.features.names), len(shown), "features, of smaller values,"),
            missing_note([values]),
        ),
    )
