"""Values of players as attributions."""

from __future__ import annotations

import math

from torch import Tensor

from pellucid.core.games.game import Game
from pellucid.core.problem.attributions import Attributions
from pellucid.core.tensors import Tensors


def output_shape(game: Game, values: Tensor) -> tuple[int, ...]:
    """The shape (n, *K) of the outputs whose values [m, ...] these are; (n,) of one value in (n, 1)."""
    output = game.f.session.observed.output
    return len(values) // math.prod(output), *(output if output != (1,) else ())


def game_attributions(game: Game, worth: Tensor, stderr: Tensor | None = None) -> Attributions:
    """What those who play are worth, [m, playing], as attributions (n, *K, ...) for outputs (n, *K)."""
    outputs = output_shape(game, worth)

    def spread(worth: Tensor) -> Tensors:
        every = game.spread(worth)
        return tuple(found.view(*outputs, *found.shape[1:]) if len(found) else found for found in every)

    errors = None if stderr is None else spread(stderr)
    return game.f.attributions(spread(worth), at="source", stderr=errors)
