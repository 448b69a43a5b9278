"""The values of a batch by game: a `Game` object holds the games of all examples, which have the same players."""

from __future__ import annotations

import math

from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.examples import is_batch_first
from pellucid.core.tensors import Tensors


def count_games(f: ModelFunction, values: Tensor) -> int:
    """The number of games that values [m, ...] belong to: one per example, or one where the examples share values."""
    count = len(values) // math.prod(f.session.observed.output_shape)
    batch_first = not f.evaluator.source.modules or is_batch_first(f.examples, f.x)
    return count if count == len(f) and batch_first else 1


def apart(f: ModelFunction, values: Tensors) -> Tensors:
    """Values (n * K, ...) of the elements for K outputs, as (n, K, ...) where these are several targets.

    Args:
        f: The function, whose values have been evaluated.
        values: For each tensor of its points, the values of an example one after another, as Captum has them.
    """
    if not f.evaluator.target.several:
        return values
    targets = math.prod(f.session.observed.output_shape)
    return tuple(tensor.view(-1, targets, *tensor.shape[1:]) if len(tensor) else tensor for tensor in values)


def split_by_game(values: Tensor, games: int) -> Tensor:
    """Values [m, samples] by game, [games, samples, K], in float64 on the CPU."""
    return values.cpu().double().view(games, len(values) // games, values.shape[1]).transpose(1, 2)
