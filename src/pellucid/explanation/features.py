"""The features of an explanation in a row: names, and one attribution for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np

from pellucid.core.summaries import Summarized
from pellucid.explanation.part import Array, Part


@final
@dataclass(frozen=True, eq=False)
class Features(Summarized):
    """The F features of B examples, in order: the elements of the inputs, or what masks join these to.

    Args:
        parts: The inputs.
        labels: The names of the features of masks, in the order of their numbers; () for their own.
    """

    parts: tuple[Part, ...] = field(repr=False)
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.values.shape[1])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What features are called, [F]; where the explanation is of one text, its tokens."""
        is_one_text = any(part.layouts for part in self.parts) and len(self.parts[0].values) == 1
        return self.names_in(0) if is_one_text else self._own_names

    @cached_property
    def values(self) -> Array:
        """Attributions, one for each feature, float64 [B, F]; read-only."""
        values = np.concatenate([part.element_values for part in self.parts], axis=1)
        return _fixed(values if self._joining is None else self._joining.values(values))

    @cached_property
    def stderr(self) -> Array | None:
        """Their standard errors, [B, F], NaN of sums; None where there are none."""
        errors = [error for part in self.parts if (error := part.element_stderr) is not None]
        if len(errors) < len(self.parts):
            return None
        stderr = np.concatenate(errors, axis=1)
        return _fixed(stderr if self._joining is None else self._joining.alone(stderr, or_repeated=True))

    @cached_property
    def numbers(self) -> Array:
        """The features themselves, float64 [B, F], NaN where they are no numbers."""
        numbers = np.concatenate([part.element_numbers for part in self.parts], axis=1)
        return _fixed(numbers if self._joining is None else self._joining.alone(numbers))

    @cached_property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """How features read, [B][F]: `39`, `male`; "" where that is not known."""
        columns = self._columns_of_words
        texts = []
        for example, numbers in enumerate(self.numbers.tolist()):
            read = ["" if number != number else f"{number:.4g}" for number in numbers]
            for position, (part, element) in columns.items():
                read[position] = part.element_text(example, element)
            texts.append(tuple(read))
        return tuple(texts)

    def names_in(self, example: int) -> tuple[str, ...]:
        """What features are called in an example, whose tokens are its own; "" of padding."""
        if self._joining is not None or not any(part.layouts for part in self.parts):
            return self._own_names
        names: list[str] = []
        for part in self.parts:
            if not part.layouts:
                names += part.element_names
                continue
            tokens = part.layouts[example].tokens
            names += [*tokens, *[""] * (part.values.shape[1] - len(tokens))]
        return tuple(names)

    @cached_property
    def _own_names(self) -> tuple[str, ...]:
        if len(self.parts) == 1:
            names = self.parts[0].element_names
        else:  # with the name of the input in front
            names = tuple(f"{part.name} {name}".strip() for part in self.parts for name in part.element_names)
        return names if self._joining is None else self._joining.names(names, self.labels)

    @property
    def _columns_of_words(self) -> dict[int, tuple[Part, int]]:
        """The features that are words, by their positions: the part and the element that each is."""
        if self._joining is not None:
            return {}
        columns: dict[int, tuple[Part, int]] = {}
        before = 0
        for part in self.parts:
            columns |= {before + column: (part, column) for column, _ in part.words}
            before += part.element_values.shape[1] if len(self.parts) > 1 else 0
        return columns

    @cached_property
    def _joining(self) -> Joining | None:
        return None if all(part.mask is None for part in self.parts) else Joining.of(self.parts)


def _fixed(array: Array) -> Array:
    array.flags.writeable = False
    return array


@final
@dataclass(frozen=True, eq=False)
class Joining(Summarized):
    """Which elements masks join to features.

    Args:
        ids: The number of each feature in the user's masks, [F].
        places: The feature of each element, [B, E].
        counts: How many elements each feature has, [B, F].
        repeated: Which features have their value in each of their elements, bool [F]; others are sums of these.
    """

    ids: Array
    places: Array
    counts: Array
    repeated: Array

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Joining:
        """The features of masks; elements of inputs without one stay on their own."""
        mask, examples = _whole_mask(parts), len(parts[0].values)
        ids, places = np.unique(mask, return_inverse=True)
        places = np.broadcast_to(places.reshape(mask.shape), (examples, mask.shape[1]))
        repeated_elements = np.concatenate(
            [np.full(part.element_values.shape[1], part.repeated and part.mask is not None) for part in parts]
        )
        repeated = np.zeros(len(ids), dtype=bool)
        repeated[np.unique(places[:, repeated_elements])] = True
        return cls(ids, places, _sums(np.ones(places.shape), places, len(ids)), repeated)

    def values(self, elements: Array) -> Array:
        """The values [B, F] of features whose elements have these, [B, E]."""
        sums = _sums(elements, self.places, len(self.ids))
        joined: Array = np.where(self.repeated, sums / np.maximum(self.counts, 1), sums)
        return joined

    def alone(self, elements: Array, *, or_repeated: bool = False) -> Array:
        """What features of a single element have, [B, F]; NaN of others, but where all elements have the same."""
        sums = _sums(elements, self.places, len(self.ids)) / np.maximum(self.counts, 1)
        known: Array = np.where((self.counts == 1) | (self.repeated & or_repeated), sums, np.nan)
        return known

    def names(self, names: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
        """The names of features: those that are given, that of an only element, or `feature 3`."""
        if len(labels) == len(self.ids):
            return tuple(labels)
        first = self.places[0] if len(self.places) else np.zeros(0, dtype=int)
        members = [np.flatnonzero(first == number) for number in range(len(self.ids))]
        return tuple(
            names[elements[0]] if len(elements) == 1 else f"feature {number}"
            for number, elements in zip(self.ids.tolist(), members, strict=True)
        )


def _sums(elements: Array, places: Array, features: int) -> Array:
    """The sums [B, F] over the elements [B, E] of features."""
    sums = np.zeros((len(elements), features))
    np.add.at(sums, (np.arange(len(elements))[:, None], places), elements)
    return sums


def _whole_mask(parts: Sequence[Part]) -> Array:
    """The feature of every element of all inputs, [1 or B, E]; those without a mask get numbers beyond all others."""
    masks = [part.element_mask for part in parts]
    given = [mask for mask in masks if mask is not None]
    following, rows = 1 + max(int(mask.max(initial=-1)) for mask in given), max(map(len, given))
    whole = []
    for part, mask in zip(parts, masks, strict=True):
        count = part.element_values.shape[1]
        own = np.arange(following, following + count)[None] if mask is None else mask
        following += count if mask is None else 0
        whole.append(np.broadcast_to(own, (rows, count)))
    return np.concatenate(whole, axis=1)
