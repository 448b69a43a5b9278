"""The values of coalitions that a session has evaluated."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.batching import MIB

MOST_BYTES = 64 * MIB
"""How much a session keeps; further coalitions are not kept, and evaluated again where they are needed."""

Values: TypeAlias = dict[bytes, Tensor]
"""Coalitions, as keys made by `packed`, and their values [m]."""

ValuesOfExample: TypeAlias = dict[bytes, float]
"""Coalitions that one example was asked, as keys, and their values."""

BYTES_PER_VALUE = 128
"""What one value of one example takes, with its key."""


@final
class ByIdentity:
    """A key that is an object: equal for the same one alone, which it keeps, so that no other gets its address.

    Args:
        value: The object.
    """

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and other._value is self._value

    def __hash__(self) -> int:
        return id(self._value)


@final
class CoalitionMemory:
    """The values of coalitions, by game.

    Args:
        most_bytes: How much may be kept, keys and values together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._games: dict[Hashable, Values] = {}
        self._examples: dict[Hashable, list[ValuesOfExample]] = {}
        self.dtypes: dict[Hashable, torch.dtype] = {}  # of the outputs of games

    def known(self, game: Hashable) -> Values:
        """The values of the coalitions of a game that were evaluated before."""
        return self._games.get(game, {})

    def remember(self, game: Hashable, coalitions: list[bytes], values: Tensor) -> None:
        """Keep the values [m, k] of k coalitions, as far as there is room."""
        known = self._games.setdefault(game, {})
        size = values.element_size() * len(values)
        for coalition, value in zip(coalitions, values.detach().T.contiguous(), strict=True):
            if coalition not in known and self._bytes + size + len(coalition) <= self._most_bytes:
                known[coalition] = value.clone()
                self._bytes += size + len(coalition)

    def of_examples(self, game: Hashable, examples: int) -> list[ValuesOfExample]:
        """The values of coalitions that each of so many examples was asked before, for itself."""
        return self._examples.setdefault(game, [{} for _ in range(examples)])

    def remember_of_examples(self, game: Hashable, values: list[ValuesOfExample]) -> None:
        """Keep values of coalitions of each example, as far as there is room."""
        for known, more in zip(self.of_examples(game, len(values)), values, strict=True):
            new = len(more.keys() - known.keys()) * BYTES_PER_VALUE
            if self._bytes + new <= self._most_bytes:
                known.update(more)
                self._bytes += new

    def forget(self) -> None:
        """Forget everything: the model or its data have changed, or the attribution begins again."""
        self._games, self._examples, self.dtypes, self._bytes = {}, {}, {}, 0


def packed(coalitions: Tensor) -> list[bytes]:
    """Coalitions, bool [k, features], as keys: their bits."""
    return [row.tobytes() for row in np.packbits(coalitions.numpy(), axis=1)]


def digest(tensors: tuple[Tensor, ...]) -> Hashable:
    """A key for tensors on any device: equal for tensors of the same shapes, dtypes and bytes."""
    contents = (tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes() for tensor in tensors)
    return tuple((tensor.shape, tensor.dtype, content) for tensor, content in zip(tensors, contents, strict=True))
