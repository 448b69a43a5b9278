"""The coalitions that a session has evaluated."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.batching import MIB

MOST_BYTES = 64 * MIB
"""So much is remembered in a session; coalitions beyond that are evaluated anew."""

Values: TypeAlias = dict[bytes, Tensor]
"""By the features that are present, packed in bits: values [m]."""


@final
class CoalitionMemory:
    """Values of coalitions, by the game that they are played in.

    Args:
        most_bytes: How much may be kept.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._games: dict[Hashable, Values] = {}

    def known(self, game: Hashable) -> Values:
        """What is known of a game, as it was evaluated."""
        return self._games.get(game, {})

    def remember(self, game: Hashable, coalitions: list[bytes], values: Tensor) -> None:
        """Remember the values [m, k] of k coalitions, as far as there is room."""
        known = self._games.setdefault(game, {})
        size = values.element_size() * len(values)
        for coalition, value in zip(coalitions, values.detach().T.contiguous(), strict=True):
            if coalition not in known and self._bytes + size + len(coalition) <= self._most_bytes:
                known[coalition] = value.clone()
                self._bytes += size + len(coalition)

    def forget(self) -> None:
        """Forget everything: what was learnt since casts doubt on it."""
        self._games, self._bytes = {}, 0


def packed(coalitions: Tensor) -> list[bytes]:
    """Coalitions, bool [k, features], as keys."""
    return [row.tobytes() for row in np.packbits(coalitions.numpy(), axis=1)]


def digest(tensors: tuple[Tensor, ...]) -> Hashable:
    """The same for the same numbers in the same places, of tensors on any device."""
    numbers = (tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes() for tensor in tensors)
    return tuple((tensor.shape, tensor.dtype, number) for tensor, number in zip(tensors, numbers, strict=True))
