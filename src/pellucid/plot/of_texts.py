"""Charts of explained texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.core.counts import check_count
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.arrays import Array
from pellucid.plot.axis import number_text
from pellucid.plot.charts.token_texts import TextRow, TokenTexts
from pellucid.plot.explained import Explained, ExplainedInput, input_of_kind
from pellucid.plot.headlines import (
    check_examples,
    check_several,
    headline,
    left_over,
    method_and,
    method_text,
    missing_note,
    note_of,
    said_of_unit,
    title_of_several,
    zero_note,
)
from pellucid.plot.scale import Scale
from pellucid.plot.tokenizers import pieces_of

MOST_TEXTS, MOST_TOKENS = 12, 200


def tokens(explanation: Explained, *, most: int = MOST_TOKENS) -> TokenTexts:
    """Texts as words on the colours of what is attributed to them, each with its number.

    Args:
        explanation: Its first input that is a text is drawn: attributions (B, T), or (B, T, E), which are added up.
        most: How many tokens of each text are shown.

    Raises:
        WrongType: The number is none.
        InvalidArgument: It is below one, no input is a text, or there are no examples.
    """
    check_count("most", most)
    check_examples(explanation, "tokens")
    part = input_of_kind(explanation, "tokens", "tokens")
    shown = range(min(len(explanation), MOST_TEXTS))
    values = [values_of(part, index)[:most] for index in shown]
    scale = Scale.over(values, outlier_percent=0.0)
    rows = tuple(
        TextRow(
            headline=headline(explanation, index),
            tokens=pieces_of(part.tokens[index][:most], values[index]),
            scale=scale,
        )
        for index in shown
    )
    return TokenTexts(
        title=method_and(explanation, "what each token adds"),
        rows=rows,
        scale=scale,
        legend=said_of_unit(explanation),
        note=note_of(
            *(_further(part.tokens[index], most, rows[index].headline) for index in shown),
            missing_note(values),
            zero_note(scale),
            left_over(len(explanation), len(rows), "texts"),
        ),
    )


def tokens_side_by_side(
    explanations: Mapping[str, Explained], *, most: int = MOST_TOKENS, shared_scale: bool = False
) -> TokenTexts:
    """The same texts as several methods explain them, one below another.

    Args:
        explanations: By the names of methods; of the same texts.
        most: How many tokens of each text are shown.
        shared_scale: Whether the same colour is the same number for all methods, or else each has its own scale.

    Raises:
        WrongType: The number is none.
        InvalidArgument: It is below one; there are no explanations, they are of different texts, or of no texts.
    """
    check_count("most", most)
    check_several(explanations, "tokens_side_by_side")
    first = next(iter(explanations.values()))
    check_examples(first, "tokens_side_by_side")
    parts = {name: input_of_kind(each, "tokens", "tokens_side_by_side") for name, each in explanations.items()}
    _check_same_texts(parts)
    shown = range(min(len(first), MOST_TEXTS))
    shown_values = [values_of(part, index)[:most] for part in parts.values() for index in shown]
    whole = Scale.over(shown_values, outlier_percent=0.0)
    rows = []
    for index in shown:
        above = headline(first, index)
        for name, part in parts.items():
            values = values_of(part, index)[:most]
            scale = whole if shared_scale else Scale.over([values], outlier_percent=0.0)
            full = "" if shared_scale else f" (full colours from {number_text(scale.largest)} on)"
            pieces = pieces_of(part.tokens[index][:most], values)
            rows.append(TextRow(headline=above, label=f"{method_text(name)}{full}", tokens=pieces, scale=scale))
            above = ""
    stated = "All share one scale." if shared_scale else "Each has its own scale."
    return TokenTexts(
        title=title_of_several(explanations.values(), "what each token adds", is_headed=True),
        rows=tuple(rows),
        scale=whole if shared_scale else None,
        legend=note_of(said_of_unit(first), stated),
        note=note_of(
            *(_further(next(iter(parts.values())).tokens[index], most, headline(first, index)) for index in shown),
            missing_note(shown_values),
            zero_note(whole),
            left_over(len(first), len(shown), "texts"),
        ),
    )


def values_of(part: ExplainedInput, example: int) -> Array:
    """The attributions of the tokens of a text, without those of what fills it up.

    Args:
        part: Attributions (B, T), or (B, T, E).
        example: Which text.

    Raises:
        InvalidArgument: They are of fewer tokens than there are.
    """
    count = len(part.tokens[example]) if example < len(part.tokens) else -1
    values = np.asarray(part.values[example], dtype=float)
    summed: Array = values.reshape(len(values), -1).sum(axis=1) if values.size else np.zeros(0)
    if not 0 <= count <= len(summed):
        raise InvalidArgument(
            f"explanation must have an attribution for each token: got {summary(part.values)} for "
            f"{max(count, 0)} tokens. Hint: plot.bar()."
        )
    return summed[:count]


def _further(texts: Sequence[str], most: int, above: str) -> str:
    """How many tokens of a text are not shown."""
    more = len(texts) - most
    return f"{above}: {more} more token{'s are' if more > 1 else ' is'} not shown." if more > 0 else ""


def _check_same_texts(parts: Mapping[str, ExplainedInput]) -> None:
    name, first = next(iter(parts.items()))
    for other, part in parts.items():
        if part.tokens != first.tokens:
            raise InvalidArgument(
                f"explanations must be of the same texts: got others for {other!r} than for {name!r}. "
                "Hint: plot.tokens() of each."
            )
