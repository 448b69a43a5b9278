"""Estimates from sampled permutations and coalitions, refined until they are exact enough."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import AdaptiveSampler
from pellucid.core.evaluation.moments import Moments
from pellucid.core.games.attributions import game_attributions, output_shape
from pellucid.core.games.game import Game
from pellucid.core.games.outputs import count_games, split_by_game
from pellucid.core.problem.attributions import Attributions
from pellucid.methods.shapley.coalitions import marginal_contributions


async def permutation_estimate(
    game: Game, narrowing: AdaptiveSampler, draw: Callable[[int], Tensor], per_draw: int
) -> Attributions:
    """What those who play add when they join those before them, on average over sampled orders.

    Args:
        game: The game.
        narrowing: Who is next.
        draw: So many more orders of those who play, int64 [samples, playing], those of one independent draw together.
        per_draw: How many orders these are.
    """

    async def of_draws(subgame: Game, samples: int) -> Tensor:
        added = await marginal_contributions(subgame, draw(samples))
        return added.view(len(added), added.shape[1] // per_draw, per_draw, added.shape[2]).mean(2)

    return narrowing.annotate(game_attributions(game, *await mean_of_draws(game, narrowing, of_draws)))


async def mean_of_draws(
    game: Game, narrowing: AdaptiveSampler, sample: Callable[[Game, int], Awaitable[Tensor]]
) -> tuple[Tensor, Tensor | None]:
    """The mean over independent draws.

    Args:
        game: The game.
        narrowing: Who is next.
        sample: (game of those who are next, so many more samples) -> what each draw says, [m, draws, ...].

    Returns:
        Means [m, ...] and standard errors, where several draws can tell.
    """
    moments = Moments(len(game.f), orders=2)
    while narrowing.count:
        part = narrowing.among(game)
        found = await sample(part, narrowing.count)
        examples, *columns = output_shape(part, found)
        draws = found.view(examples, math.prod(columns), *found.shape[1:]).movedim(2, 0)
        moments.add(narrowing.numbers, narrowing.at(slice(None)), (draws,))
        narrowing.update(moments.mean, moments.stderr)
    (worth,), errors = moments.mean, moments.stderr
    return worth.flatten(0, 1), None if errors is None else errors[0].flatten(0, 1)


async def fit_to_coalitions(
    game: Game,
    narrowing: AdaptiveSampler,
    draw: Callable[[int], Tensor],
    learn: Callable[[Game, Tensor, Tensor], tuple[Tensor, Tensor | None]],
    columns: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """What is learnt from the values of sampled coalitions: of all samples so far, for those who are not done.

    Args:
        game: The game.
        narrowing: Who is next.
        draw: So many more coalitions, bool [k, 1 or g, columns].
        learn: (game of those who are next, coalitions [s, 1 or g, columns], outputs [g, s, K]) -> what is learnt of
            the columns, [g, columns, K], and standard errors, if they can be told.
        columns: Which columns say who plays, int64 [playing].

    Returns:
        What was learnt, [g, columns, K], and standard errors.
    """
    present = outputs = worth = stderr = torch.zeros(0, device="cpu")
    while narrowing.count:
        part, first = narrowing.among(game), not narrowing.done
        new = draw(narrowing.count)
        values = await part.values_deduplicated(new[:, :, columns])
        told = split_by_game(values, count_games(part.f, values))
        present = new if first else torch.cat([present, new])
        known = outputs[narrowing.still] if len(outputs) > 1 else outputs
        outputs = told if first else torch.cat([known, told], dim=1)
        found, error = learn(part, present, outputs)
        error = torch.full_like(found, torch.inf) if error is None else error
        error = torch.where(found.isnan(), found, error)
        if first:
            worth, stderr = torch.empty_like(found), torch.empty_like(error)
        at = narrowing.at(slice(None))
        worth[at], stderr[at] = found, error
        narrowing.update((worth,), (stderr,))
    return worth, stderr if stderr.isfinite().any() else None
