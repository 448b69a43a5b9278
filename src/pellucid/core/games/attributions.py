"""Values of a game's features as attributions."""

from __future__ import annotations

import math

from torch import Tensor

from pellucid.core.games.game import Game
from pellucid.core.problem.attributions import Attributions
from pellucid.core.tensors import Tensors


def output_shape(game: Game, values: Tensor) -> tuple[int, ...]:
    """The shape (n, *K) of the target's values, given game values [m, ...] with m = n * K; (n,) for (n, 1)."""
    shape_per_example = game.f.session.observed.output_shape
    is_single = shape_per_example == (1,) and not game.f.evaluator.target.several
    return len(values) // math.prod(shape_per_example), *(() if is_single else shape_per_example)


def game_attributions(game: Game, values: Tensor, stderr: Tensor | None = None) -> Attributions:
    """Values of the active features, [m, active], as attributions (n, *K, ...) for a target of values (n, *K).

    Args:
        game: The game.
        values: The attributions of the features.
        stderr: Their standard errors, [m, active].
    """
    shape = output_shape(game, values)

    def as_attributions(feature_values: Tensor) -> Tensors:
        elements = game.spread(feature_values)
        return tuple(tensor.view(*shape, *tensor.shape[1:]) if len(tensor) else tensor for tensor in elements)

    errors = None if stderr is None else as_attributions(stderr)
    return game.f.attributions(as_attributions(values), site="source", of_features=True, stderr=errors)
