"""The features of an explanation in a row: names, and one attribution for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
        labels: The names of all features of masks, which are numbered from zero; () where there are no masks.
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
        """How features read, [B][F]: `39`, `male`; "" where that is not known.

        Columns of zeros, but for a one that says which category it is, read as the name of that column.
        """
        columns = self._columns_of_words
        categories = self._categories
        texts = []
        for example, numbers in enumerate(self.numbers.tolist()):
            read = ["" if number != number else f"{number:.4g}" for number in numbers]
            for position, (part, element) in columns.items():
                read[position] = part.element_text(example, element)
            for position, name in categories[example] if categories else ():
                read[position] = name
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
        return names if self._joining is None else self.labels

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

    @property
    def _categories(self) -> list[list[tuple[int, str]]]:
        """Of each example the features of masks that are categories, and which; [] where there are none."""
        if self._joining is None or any(part.kind != "table" for part in self.parts):
            return []
        names = [name for part in self.parts for name in part.element_names]
        numbers = np.concatenate([part.element_numbers for part in self.parts], axis=1)
        return [
            [(position, names[element]) for position, element in enumerate(row) if element >= 0]
            for row in self._joining.ones(numbers).tolist()
        ]

    @cached_property
    def _joining(self) -> Joining | None:
        return None if all(part.mask is None for part in self.parts) else Joining.of(self.parts, len(self.labels))


def _fixed(array: Array) -> Array:
    array.flags.writeable = False
    return array


@final
@dataclass(frozen=True, eq=False)
class Joining(Summarized):
    """Which elements masks join to features.

    Args:
        places: The feature of each element, [B, E].
        counts: How many elements each feature has, [B, F].
        repeated: Which features have their value in each of their elements, bool [F]; others are sums of these.
    """

    places: Array
    counts: Array
    repeated: Array

    @classmethod
    def of(cls, parts: Sequence[Part], features: int) -> Joining:
        """The features of masks, which all inputs have.

        Args:
            parts: The inputs.
            features: How many features there are; an example may lack some.
        """
        examples = len(parts[0].values)
        masks = [part.element_mask for part in parts]
        places = np.concatenate(
            [np.broadcast_to(mask, (examples, mask.shape[1])) for mask in masks if mask is not None], axis=1
        )
        repeated_elements = np.concatenate([np.full(part.element_values.shape[1], part.repeated) for part in parts])
        repeated = np.zeros(features, dtype=bool)
        repeated[np.unique(places[:, repeated_elements])] = True
        return cls(places, _sums(np.ones(places.shape), places, features), repeated)

    def values(self, elements: Array) -> Array:
        """The values [B, F] of features whose elements have these, [B, E]."""
        sums = _sums(elements, self.places, len(self.repeated))
        joined: Array = np.where(self.repeated, sums / np.maximum(self.counts, 1), sums)
        return joined

    def alone(self, elements: Array, *, or_repeated: bool = False) -> Array:
        """What features of a single element have, [B, F]; NaN of others, but where all elements have the same."""
        sums = _sums(elements, self.places, len(self.repeated)) / np.maximum(self.counts, 1)
        known: Array = np.where((self.counts == 1) | (self.repeated & or_repeated), sums, np.nan)
        return known

    def ones(self, elements: Array) -> Array:
        """Which element of a feature is 1 where its others, of which there are some, are 0, [B, F]; else -1."""
        are_ones, count = elements == 1, len(self.repeated)
        are_flags = _sums(are_ones | (elements == 0), self.places, count) == self.counts
        is_one = (self.counts > 1) & are_flags & (_sums(are_ones, self.places, count) == 1)
        found: Array = np.where(is_one, _sums(are_ones * np.arange(elements.shape[1]), self.places, count), -1)
        return found.astype(int)


def _sums(elements: Array, places: Array, features: int) -> Array:
    """The sums [B, F] over the elements [B, E] of features."""
    sums = np.zeros((len(elements), features))
    np.add.at(sums, (np.arange(len(elements))[:, None], places), elements)
    return sums


def with_dense_masks(parts: Sequence[Part], labels: Sequence[str] = ()) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Inputs whose features are numbered from zero, in the order of the users' numbers, and the names of all.

    Elements of inputs without a mask are features of their own, after the others.

    Args:
        parts: The inputs; where none has a mask, they are returned as they are.
        labels: The names of the features of masks, in the order of their numbers; () for `feature 3`, and that of the
            element for features that have one.
    """
    if all(part.mask is None for part in parts):
        return tuple(parts), ()
    ids = np.unique(np.concatenate([part.mask.ravel() for part in parts if part.mask is not None]))
    names = list(labels) if len(labels) == len(ids) else _names_of(ids, parts)
    dense = []
    for part in parts:
        if part.mask is not None:
            dense.append(replace(part, mask=np.searchsorted(ids, part.mask)))
            continue
        shape = part.values.shape[1:]
        own = len(names) + np.arange(math.prod(shape)).reshape(1, *shape)
        part = replace(part, mask=own)
        names += [f"{part.name} {name}".strip() for name in part.element_names]
        dense.append(part)
    return tuple(dense), tuple(names)


def _names_of(ids: Array, parts: Sequence[Part]) -> list[str]:
    """The names of the features of masks: that of the only element that one has in all examples, or `feature 3`."""
    elements: dict[int, set[str]] = {int(number): set() for number in ids}
    for part in parts:
        mask = part.element_mask
        for row in () if mask is None else mask[:MOST_LOOKED_AT]:
            for number, name in zip(row.tolist(), part.element_names, strict=True):
                elements[number].add(f"{part.name} {name}".strip())
    return [next(iter(names)) if len(names) == 1 else f"feature {number}" for number, names in elements.items()]


MOST_LOOKED_AT = 100
"""How many masks of examples are looked at for the names of their features."""
