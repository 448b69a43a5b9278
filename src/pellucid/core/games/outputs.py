"""Values of games as outputs of examples."""

from __future__ import annotations

import math

from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.examples import is_batch_first


def count_games(f: ModelFunction, values: Tensor) -> int:
    """How many games these values [m, ...] are of: one for each example that has values of its own."""
    count = len(values) // math.prod(f.session.observed.output)
    batch_first = not f.evaluator.source.modules or is_batch_first(f.examples, f.x)
    return count if count == len(f) and batch_first else 1


def split_by_game(values: Tensor, games: int) -> Tensor:
    """Values [m, samples] as outputs [g, samples, K], in float64 on the CPU."""
    return values.cpu().double().view(games, len(values) // games, values.shape[1]).transpose(1, 2)
