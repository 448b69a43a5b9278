"""Sampling that goes on, example by example, until what is found is as exact as wanted."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.game import Game
from pellucid.core.rows import everyone
from pellucid.errors import InvalidArgument, warn
from pellucid.methods.coalitions import Orders, added_by_draws, attributions, orders_per_draw, outputs_of
from pellucid.methods.result import Attributions

FIRST_DRAWS = 32
"""So many draws tell a standard error to about an eighth."""

DEVIATIONS = 1.96
"""How many standard errors half a 95 % interval has."""


async def narrowed_down(
    game: Game, orders: Orders, generator: torch.Generator | None, tolerance: float, relative: bool, most: int
) -> Attributions:
    """Shapley values by as many orders as each example needs, every time as many again as so far.

    Args:
        game: The game.
        orders: How orders are drawn.
        generator: Where from; None is torch's global generator.
        tolerance: Half the width of a 95 % interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        most: The most orders.

    Raises:
        InvalidArgument: The tolerance is not above zero.
    """
    if not tolerance > 0:
        raise InvalidArgument(f"tolerance must be above zero: got {tolerance}.")
    path, each = game.path, orders_per_draw(game, orders)
    places, draws, batch = everyone(len(path)), 0, FIRST_DRAWS
    evaluations = torch.zeros(len(path), dtype=torch.int64, device="cpu")
    means = squares = stderr = torch.zeros(0, device="cpu")  # [examples, K, playing]
    while True:
        part = game if len(places) == len(path) else game.among(places)
        added = await added_by_draws(part, orders, batch * each, generator)
        examples = outputs_of(part, added)[0]
        apart = examples == len(places) and not path.budget.whole
        found = added.view(examples, len(added) // examples, *added.shape[1:])
        index = places.to(added.device) if apart else slice(None)
        if draws == 0:
            game, means = part, found.new_zeros(examples, found.shape[1], found.shape[3])
            squares, stderr = torch.zeros_like(means), torch.zeros_like(means)
        # Chan's update: means and squared distances from them, of what is new and what was there.
        mean = found.mean(2)
        away = mean - means[index]
        squares[index] += (found - mean.unsqueeze(2)).square().sum(2) + away**2 * (draws * batch / (draws + batch))
        means[index] += away * (batch / (draws + batch))
        draws += batch
        stderr[index] = (squares[index] / (draws - 1) / draws).sqrt()
        evaluations[places] += batch * each
        goal = tolerance * _largest(means) if relative else tolerance
        reached = (DEVIATIONS * _largest(stderr) <= goal).cpu()
        open_ = (~reached).nonzero().flatten() if apart else everyone(len(path))[: 0 if reached.all() else None]
        if len(open_) and 2 * draws * each > most:
            warn(f"tolerance is not reached in {draws * each} orders for examples {path.rows[open_].tolist()}.")
        if not len(open_) or 2 * draws * each > most:
            result = attributions(game, means.flatten(0, 1), stderr.flatten(0, 1))
            return dataclasses.replace(result, evaluations=evaluations, reached=reached)
        places, batch = open_, draws


def _largest(numbers: Tensor) -> Tensor:
    """The largest sizes [examples] of numbers [examples, K, playing]; zero where nobody plays."""
    return functional.pad(numbers.flatten(1).abs(), (0, 1)).amax(1)
