"""Attributions of tokens as attributions of words, sentences or spans."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import describe
from pellucid.errors import InvalidArgument

Unit: TypeAlias = "Literal['word', 'sentence'] | Sequence[Sequence[tuple[int, int]]]"
"""What tokens are joined to: words, sentences, or, for each text, spans (start, end) of its characters."""

How: TypeAlias = Literal["sum", "mean", "max"]
"""How tokens become one: their sum, mean, or the value of the largest size."""

JOINED: dict[How, Callable[[Tensor], Tensor]] = {
    "sum": lambda values: values.sum(0),
    "mean": lambda values: values.mean(0),
    "max": lambda values: values.gather(0, values.abs().argmax(0, keepdim=True))[0],
}
ENDS_OF_SENTENCES = frozenset(".!?\u2026\u3002\uff01\uff1f")
CONTINUATION = "##"
SPACES = "▁Ġ "


@final
@dataclass(frozen=True, eq=False)
class TextUnits(Summarized):
    """Attributions of the words, sentences or spans of several texts.

    Args:
        labels: What each reads, by text.
        values: Their attributions, [units] or [units, ...] for each text.
    """

    labels: tuple[tuple[str, ...], ...]
    values: tuple[Tensor, ...]


@final
@dataclass(frozen=True)
class TokenLayout(Summarized):
    """How a text is made of tokens, as a fast tokenizer tells it.

    Args:
        tokens: The tokens, special ones and padding before the text among them.
        special_tokens_mask: 1 for each that is special, else 0.
        offsets: Where each begins and ends in the text; () where that is not known.
        word_ids: Which word each belongs to, None for none; () where that is not known.
        sequence_ids: Which of several texts each belongs to, None for none; () where that is not known.
    """

    tokens: tuple[str, ...]
    special_tokens_mask: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...] = ()
    word_ids: tuple[int | None, ...] = ()
    sequence_ids: tuple[int | None, ...] = ()

    @classmethod
    def of(cls, encoding: Any, text: str = "", unknown: str | None = None) -> TokenLayout:
        """The layout of one of the `encodings` of a fast tokenizer, without the padding at its end.

        Args:
            encoding: What it knows of a text.
            text: The text, where it is known.
            unknown: How the tokenizer writes words that it does not know, which are then shown as the text has them.
        """
        count = _length_without_padding(encoding.attention_mask)
        tokens = [
            text[slice(*span)] if token == unknown and text[slice(*span)] else token
            for token, span in zip(encoding.tokens, encoding.offsets, strict=True)
        ]
        return cls(
            tuple(tokens[:count]),
            tuple(encoding.special_tokens_mask[:count]),
            tuple(encoding.offsets[:count]),
            tuple(encoding.word_ids[:count]),
            tuple(encoding.sequence_ids[:count]),
        )


def _length_without_padding(attention_mask: Sequence[int]) -> int:
    """How many tokens there are up to the last that is no padding."""
    return max((position + 1 for position, attended in enumerate(attention_mask) if attended), default=0)


def layouts_of_ids(ids: Tensor, tokenizer: Any = None, attention: Tensor | None = None) -> tuple[TokenLayout, ...]:
    """The layouts of texts of which only the ids of tokens are known, (B, T); a tokenizer says how these read.

    Args:
        ids: The ids.
        tokenizer: What made them, if it is known; else tokens read as their numbers.
        attention: Which are no padding, (B, T); None where all are.
    """
    special = set(getattr(tokenizer, "all_special_ids", ())) - {getattr(tokenizer, "unk_token_id", None)}
    layouts = []
    for row, attended in zip(
        ids.tolist(), (torch.ones_like(ids) if attention is None else attention).tolist(), strict=True
    ):
        row = row[: _length_without_padding(attended)]
        names = tokenizer.convert_ids_to_tokens(row) if hasattr(tokenizer, "convert_ids_to_tokens") else map(str, row)
        layouts.append(TokenLayout(tuple(map(str, names)), tuple(int(token in special) for token in row)))
    return tuple(layouts)


def join_tokens(
    values: Sequence[float], layout: TokenLayout, by: Literal["word", "sentence"] | Sequence[tuple[int, int]], how: How
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The attributions of the tokens of a text, joined to words, sentences or spans.

    Args:
        values: One for each token.
        layout: Where they come from.
        by: What they are joined to; spans (start, end) are of characters.
        how: How; see [How][pellucid.data.words.How].

    Returns:
        What each unit reads, and its attribution.

    Raises:
        InvalidArgument: The layout does not know where its tokens come from, or something is no unit.
    """
    if how not in JOINED:
        raise InvalidArgument(f"how must be one of {', '.join(JOINED)}: got {summary(how)}.")
    if not layout.offsets:
        raise InvalidArgument(
            "by needs to know where tokens come from: got ids alone. Hint: inputs as a fast tokenizer returns them, "
            "or texts with tokenizer=..."
        )
    units = _units_of(layout, by if isinstance(by, str) else [list(by)], 0)
    row = torch.tensor(values, dtype=torch.float64, device="cpu")
    labels = tuple(_text_of(layout, unit) for unit in units)
    return labels, tuple(float(JOINED[how](row[unit])) for unit in units)


def aggregate(attributions: Any, encoding: Any, by: Unit = "word", how: How = "sum") -> TextUnits:
    """Attributions of tokens, joined to words, sentences or spans.

    Sums of attributions that add up to the change of the output still do. Special tokens belong to nothing.

    Args:
        attributions: What `attribute` returned for the encoding, or its tensor (B, T), (B, T, ...).
        encoding: What a fast tokenizer returned, which knows where its tokens come from.
        by: What tokens are joined to; see [Unit][pellucid.data.words.Unit].
        how: How; see [How][pellucid.data.words.How].

    Raises:
        InvalidArgument: The encoding does not know its tokens, or something does not fit it.

    Examples:
        >>> from pellucid.data import aggregate
        >>> units = aggregate(attributions, encoding)  # doctest: +SKIP
        >>> list(zip(units.labels[0], units.values[0].tolist()))  # doctest: +SKIP
        [('a', 0.1), ('good', 0.7), ('movie', 0.2)]
    """
    encodings = getattr(encoding, "encodings", None)
    if not encodings:
        raise InvalidArgument(
            f"encoding must know its tokens: got {summary(encoding)}. Hint: what a fast tokenizer returns, unchanged."
        )
    if how not in JOINED:
        raise InvalidArgument(f"how must be one of {', '.join(JOINED)}: got {summary(how)}.")
    values = attributions["input_ids"] if hasattr(attributions, "keys") else attributions
    lengths = [len(entry.ids) for entry in encodings]
    if not isinstance(values, Tensor) or values.shape[:2] != (len(lengths), max(lengths)):
        raise InvalidArgument(
            f"attributions must be of all tokens: expected ({len(lengths)}, {max(lengths)}), got {describe(values)}."
        )
    units = [_units_of(entry, by, index) for index, entry in enumerate(encodings)]
    labels, joined = [], []
    for row, entry, of_text in zip(values, encodings, units, strict=True):
        labels.append(tuple(_text_of(entry, unit) for unit in of_text))
        joined.append(torch.stack([JOINED[how](row[unit]) for unit in of_text]) if of_text else row[:0])
    return TextUnits(tuple(labels), tuple(joined))


def word_mask(encoding: Any) -> dict[str, Tensor]:
    """A feature mask that joins the tokens of a word, for methods that take features away.

    Args:
        encoding: What a fast tokenizer returned.

    Returns:
        `{"input_ids": mask}`, int64 (B, T): special tokens are feature 0, words count from 1.

    Raises:
        InvalidArgument: The encoding does not know its words.
    """
    encodings = getattr(encoding, "encodings", None)
    if not encodings:
        raise InvalidArgument(
            f"encoding must know its words: got {summary(encoding)}. Hint: what a fast tokenizer returns, unchanged."
        )
    masks = []
    for entry in encodings:
        mask = [0] * len(entry.ids)
        for number, unit in enumerate(_units_of(entry, "word", 0), start=1):
            for token in unit:
                mask[token] = number
        masks.append(mask)
    return {"input_ids": torch.tensor(masks)}


def _units_of(encoding: Any, by: Unit, index: int) -> list[list[int]]:
    """The tokens of each unit of a text."""
    real = [token for token, special in enumerate(encoding.special_tokens_mask) if not special]
    if not isinstance(by, str) and index < len(by):
        return [[token for token in real if _overlaps(encoding.offsets[token], span)] for span in by[index]]
    if by not in ("word", "sentence"):
        raise InvalidArgument(f'by must be "word", "sentence" or spans for each text: got {summary(by)}.')
    ends = itertools.accumulate(bool(ENDS_OF_SENTENCES & set(encoding.tokens[token])) for token in real)
    sentences = dict(zip(real, [0, *ends], strict=False))
    units: dict[Any, list[int]] = {}
    for token in real:
        number = encoding.word_ids[token] if by == "word" else sentences[token]
        units.setdefault((encoding.sequence_ids[token], number), []).append(token)
    return list(units.values())


def _overlaps(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _text_of(encoding: Any, unit: list[int]) -> str:
    """What tokens read, without the signs that tokenizers put at beginnings and continuations."""
    text, end = "", None
    for token in unit:
        word = encoding.tokens[token]
        start, stop = encoding.offsets[token]
        apart = text and (word[:1] in SPACES or (end is not None and start > end))
        text += (" " if apart else "") + word.removeprefix(CONTINUATION).lstrip(SPACES)
        end = stop
    return text
