"""What tokenizers write, as it is shown: words without their marks, and white space that is seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.plot.arrays import Array
from pellucid.plot.charts.token_texts import Token
from pellucid.plot.text import visible

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


def shown_tokens(texts: Sequence[str]) -> tuple[str, ...]:
    """How each token reads where it stands alone.

    Args:
        texts: As the tokenizer writes them.
    """
    return tuple(piece.text for piece in pieces_of(list(map(str, texts)), np.zeros(len(texts))))


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
    return visible(text).strip() or BLANK


def _is_special(text: str) -> bool:
    return len(text) > 2 and (text[0], text[-1]) in (("<", ">"), ("[", "]"))
