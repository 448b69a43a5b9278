"""Charts of explained texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.core.counts import check_count
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.arrays import Array
from pellucid.plot.axis import number_text
from pellucid.plot.charts.token_texts import TextRow, Token, TokenTexts
from pellucid.plot.explained import Explained, ExplainedInput, input_of_kind
from pellucid.plot.headlines import (
    check_examples,
    check_several,
    headline,
    in_unit,
    left_over,
    method_and,
    method_text,
    missing_note,
    note_of,
    title_of_several,
    zero_note,
)
from pellucid.plot.scale import Scale
from pellucid.plot.text import VISIBLE

MOST_TEXTS, MOST_TOKENS = 12, 200

SPACES = ("\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}", "\N{LOWER ONE EIGHTH BLOCK}", " ")
"""What tokenizers write at the beginning of a word, for the space before it."""

CONTINUES = "##"
"""What others write before what continues a word."""

NEWLINES = ("\n", "\N{LATIN CAPITAL LETTER C WITH DOT ABOVE}", "<0x0A>", "\r")
"""How a new line is written as a token, or in one."""

# Tokenizers of bytes write each as a character: those of Latin 1 that can be seen as themselves, others from 256 on.
_SEEN = [*range(33, 127), *range(161, 173), *range(174, 256)]
_OTHERS = [byte for byte in range(256) if byte not in _SEEN]
BYTES = {chr(byte): byte for byte in _SEEN} | {chr(256 + index): byte for index, byte in enumerate(_OTHERS)}

BLANK = "\N{OPEN BOX}"
"""What is shown of a token that is a space alone."""


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
        legend=f"{in_unit('Attributions', explanation)}.",
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
        title=title_of_several(explanations.values(), "what each token adds"),
        rows=tuple(rows),
        scale=whole if shared_scale else None,
        legend=note_of(f"{in_unit('Attributions', first)}.", stated),
        note=note_of(
            *(_further(next(iter(parts.values())).tokens[index], most, headline(first, index)) for index in shown),
            missing_note(shown_values),
            zero_note(whole),
            left_over(len(first), len(shown), "texts"),
        ),
    )


def pieces_of(texts: Sequence[str], values: Array) -> tuple[Token, ...]:
    """Tokens as they stand in their text.

    Args:
        texts: As the tokenizer writes them, with `##`, `Ġ` or `▁` where it does.
        values: As many numbers.
    """
    if any(text.startswith(SPACES[0]) for text in texts):
        texts = [_of_bytes(text) for text in texts]
    joined = _joined(texts)
    return tuple(
        Token(
            text=_shown(text),
            value=float(value),
            is_joined=is_joined,
            ends_line=any(newline in text for newline in NEWLINES),
        )
        for text, value, is_joined in zip(texts, values, joined, strict=True)
    )


def _joined(texts: Sequence[str]) -> list[bool]:
    """Which tokens follow the one before without a space."""
    # Where some tokens bring the space before them, those that bring none continue a word.
    brings_spaces = any(_brings_space(text) for text in texts)
    joined: list[bool] = []
    was_special = True
    for text in texts:
        # Special tokens, such as `</s>` and `[SEP]`, belong to no word.
        is_apart = was_special or _is_special(text) or _brings_space(text)
        joined.append(bool(joined) and (_continues(text) or (brings_spaces and not is_apart)))
        was_special = _is_special(text)
    return joined


def _brings_space(text: str) -> bool:
    return text[:1] in SPACES and len(text) > 1


def _continues(text: str) -> bool:
    return text.startswith(CONTINUES) and len(text) > len(CONTINUES)


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


def _of_bytes(text: str) -> str:
    """The characters whose bytes a token is written in; a part of one reads as a question mark."""
    if not set(text) <= BYTES.keys():
        return text
    return bytes(BYTES[character] for character in text).decode("utf-8", "replace")


def _shown(text: str) -> str:
    """What is shown of a token: without marks of its tokenizer, and with marks for what cannot be seen."""
    if _continues(text):
        text = text.removeprefix(CONTINUES)
    for newline in NEWLINES[1:3]:
        text = text.replace(newline, "\n")
    for space in SPACES[:2]:
        text = text.replace(space, " ")
    text = "".join(VISIBLE.get(character, character) for character in text)
    return text.strip() or BLANK


def _is_special(text: str) -> bool:
    return len(text) > 2 and (text[0], text[-1]) in (("<", ">"), ("[", "]"))


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
