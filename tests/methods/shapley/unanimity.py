"""A game whose Shapley values are known."""

import torch
from torch import Tensor

PLAYERS, REPETITIONS = 8, 2000


def unanimity(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random sets of players, bool [sets, players], and what each is worth if all of it is there."""
    torch.manual_seed(seed)
    return torch.rand(12, PLAYERS) < 0.4, torch.randn(12).double()


def game(x: Tensor) -> Tensor:
    sets, worths = unanimity()
    there = (x[:, None, :] > 0) | ~sets
    return there.all(2).double() @ worths


def shapley_values() -> Tensor:
    """Every set's worth is shared by its members."""
    sets, worths = unanimity()
    shares = sets.double() / sets.sum(1, keepdim=True).clamp(min=1)
    return (worths[:, None] * shares).sum(0)
