"""Games: functions of which features are there, whose values are in a table."""

from collections.abc import Callable

import torch
from torch import Tensor

Game = Callable[[Tensor], Tensor]


def numbers(x: Tensor) -> Tensor:
    """The coalition of features that are not zero, as a number."""
    return ((x != 0).long() << torch.arange(x.shape[1])).sum(1)


def model_of_game(table: Tensor) -> Game:
    """A model that returns the value of the coalition of the features that are there."""
    return lambda x: table[numbers(x)]


def random_table(players: int, seed: int) -> Tensor:
    return torch.randn(2**players, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
