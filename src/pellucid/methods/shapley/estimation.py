"""Estimators with standard errors: means over independent draws, and fits to the values of sampled coalitions.

Both sample in rounds, as an `AdaptiveSampler` says: `count` samples come next, zero at the end, after the `done` ones
that there are already, for the examples `active_points`; `select_active(game)` is the game of these alone. `update`
takes the estimates and standard errors of all examples so far, and decides about the next round. A fixed number of
samples is one round of all examples; with "auto", each round takes as many samples again as all rounds before it, of
the examples whose confidence intervals are still too wide. A method passes itself (`self`) to the sampler, as its
fields `tolerance`, `relative` and `max_samples` say how far to go.
"""

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
    game: Game, adaptive_sampler: AdaptiveSampler, draw: Callable[[int], Tensor], per_draw: int
) -> Attributions:
    """The mean marginal contribution of each player over sampled permutations, with standard errors.

    Args:
        game: The game.
        adaptive_sampler: The samples and examples of the next round.
        draw: (number of samples) -> permutations of the players, int64 [samples, n], those of one independent draw next
            to each other.
        per_draw: How many permutations an independent draw has.
    """

    async def mean_contributions(subgame: Game, samples: int) -> Tensor:
        contributions = await marginal_contributions(subgame, draw(samples))
        outputs, permutations, n_players = contributions.shape
        return contributions.view(outputs, permutations // per_draw, per_draw, n_players).mean(2)

    estimate, stderr = await mean_of_draws(game, adaptive_sampler, mean_contributions)
    return adaptive_sampler.annotate(game_attributions(game, estimate, stderr))


async def mean_of_draws(
    game: Game, adaptive_sampler: AdaptiveSampler, sample: Callable[[Game, int], Awaitable[Tensor]]
) -> tuple[Tensor, Tensor | None]:
    """The mean over independent draws, and its standard error.

    Args:
        game: The game.
        adaptive_sampler: The samples and examples of the next round.
        sample: (game of the examples of this round, number of samples) -> one estimate per draw, [m, draws, ...].

    Returns:
        Means [m, ...] and standard errors likewise; None for these where there is a single draw.
    """
    moments = Moments(len(game.f), orders=2)
    while adaptive_sampler.count:
        subgame = adaptive_sampler.select_active(game)
        estimates = await sample(subgame, adaptive_sampler.count)
        examples, *columns = output_shape(subgame, estimates)  # (B, *K)
        draws = estimates.view(examples, math.prod(columns), *estimates.shape[1:]).movedim(2, 0)
        moments.add(adaptive_sampler.sample_range, adaptive_sampler.point_indices(slice(None)), (draws,))
        adaptive_sampler.update(moments.mean, moments.stderr)
    (mean,), stderr = moments.mean, moments.stderr
    return mean.flatten(0, 1), None if stderr is None else stderr[0].flatten(0, 1)


async def fit_to_coalitions(
    game: Game,
    adaptive_sampler: AdaptiveSampler,
    draw: Callable[[int], Tensor],
    fit: Callable[[Game, Tensor, Tensor], tuple[Tensor, Tensor | None]],
    player_columns: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """Coefficients fitted to the values of sampled coalitions: in each round anew, to all samples so far.

    The `Game` holds g games: one per example, or a single one where the batch has one value.

    Args:
        game: The game.
        adaptive_sampler: The samples and examples of the next round.
        draw: (number of samples) -> further coalitions, bool [samples, 1 or g, columns].
        fit: (game of the examples of this round, all their coalitions [s, 1 or g, columns], their outputs [g, s, K]) ->
            coefficients [g, columns, K] and their standard errors, or None where there are too few samples for these.
        player_columns: The column of each player, int64 [n]; other columns do not change the output.

    Returns:
        Coefficients [g, columns, K] and standard errors likewise, or None where no game has them.
    """
    while True:  # there is one round at least, the first, which is of all examples
        subgame, is_first_round = adaptive_sampler.select_active(game), not adaptive_sampler.done
        new_coalitions = draw(adaptive_sampler.count)
        values = await subgame.values_deduplicated(new_coalitions[:, :, player_columns])
        new_outputs = split_by_game(values, count_games(subgame.f, values))  # [g, samples, K]
        if is_first_round:
            coalitions, outputs = new_coalitions, new_outputs
        else:
            known_outputs = outputs[adaptive_sampler.positions_in_last_round] if len(outputs) > 1 else outputs
            coalitions = torch.cat([coalitions, new_coalitions])
            outputs = torch.cat([known_outputs, new_outputs], dim=1)
        coefficients, errors = fit(subgame, coalitions, outputs)
        errors = torch.full_like(coefficients, torch.inf) if errors is None else errors
        errors = torch.where(coefficients.isnan(), coefficients, errors)  # what is NaN has no standard error either
        if is_first_round:
            estimate, stderr = coefficients.clone(), errors
        else:
            examples = adaptive_sampler.point_indices(slice(None))
            estimate[examples], stderr[examples] = coefficients, errors
        adaptive_sampler.update((estimate,), (stderr,))
        if not adaptive_sampler.count:
            return estimate, stderr if stderr.isfinite().any() else None
