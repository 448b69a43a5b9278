"""Coalitions and permutations, and what players add to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from pellucid.core.games.features import Features
from pellucid.core.games.game import Game
from pellucid.errors import InvalidArgument

PermutationSampling: TypeAlias = Literal["random", "antithetic", "stratified"]
"""How random orders are drawn; as many whole draws are taken as make up the samples, but at least one.

* `"random"`: each by itself.
* `"antithetic"`: with its reverse, so that who comes early comes late as well.
* `"stratified"`: as one row of a random Latin square, with the others, so that everyone comes at every place once. The
  square is of all who play in some example of the batch.
"""

MAX_BITMASK_FEATURES = 62
"""Coalitions of so many features are numbers by which equal ones are found."""

MAX_EXACT_FEATURES = 25
"""More features than this are refused exact values: every one doubles the evaluations."""


def coalition_masks(coalitions: Tensor, players: int) -> Tensor:
    """Who is in each of these coalitions, [k] numbers: bool [k, players]."""
    return (coalitions.unsqueeze(1) >> torch.arange(players, device="cpu")) & 1 == 1


async def all_coalition_values(game: Game, what: str, hint: str) -> Tensor:
    """The values [m, 2^n] of all coalitions of those who play, by their numbers.

    Args:
        game: The game.
        what: They are for, and refused to too many features.
        hint: What to do then.

    Raises:
        InvalidArgument: There are too many features.
    """
    players = len(game.playing)
    if players > MAX_EXACT_FEATURES:
        raise InvalidArgument(
            f"feature_mask must leave at most {MAX_EXACT_FEATURES} features for exact {what}: "
            f"got {players}. Hint: {hint}."
        )

    def coalitions(sample_range: slice, _: slice) -> Tensor:
        return coalition_masks(torch.arange(sample_range.start, sample_range.stop, device="cpu"), players).unsqueeze(1)

    return await game.values(2**players, coalitions)


def shapley_weights(players: int) -> list[float]:
    """What the coalitions that a player joins count in Shapley values, by their sizes: |S|! (n - |S| - 1)! / n!."""
    return [1 / (players * math.comb(players - 1, size)) for size in range(players)]


def weights_of_subsets(weights: Sequence[float], like: Tensor) -> Tensor:
    """Weights by size [n] as weights of all coalitions of the n - 1 others, [2^(n - 1)]; of nobody none."""
    sizes = torch.zeros(len(weights[:1]), dtype=torch.int64, device="cpu")
    for _ in weights[1:]:
        sizes = torch.cat([sizes, sizes + 1])
    return torch.tensor(weights, dtype=torch.float64, device="cpu")[sizes].to(like)


def split_by_membership(values: Tensor, player: int) -> tuple[Tensor, Tensor]:
    """Of the values [m, 2^n] of all coalitions, those without a player and with it: [m, 2^(n - 1)] of the others."""
    without, beside = values.reshape(len(values), values.shape[1] >> player + 1, 2, 2**player).unbind(2)
    return without.flatten(1), beside.flatten(1)


def semivalues(values: Tensor, weights: Sequence[float]) -> Tensor:
    """What players add to the coalitions without them, weighted by the size of these.

    Args:
        values: Of all coalitions, [m, 2^n].
        weights: Of the sizes of coalitions without the player, [n].

    Returns:
        What the players are worth, [m, n].
    """
    if not weights:
        return values[:, :0]
    counts = weights_of_subsets(weights, values)
    parts = (split_by_membership(values, player) for player in range(len(weights)))
    return torch.stack([((beside - without) * counts).sum(1) for without, beside in parts], dim=1)


def random_permutations(
    features: Features, chosen_features: Tensor, samples: int, generator: torch.Generator | None
) -> Tensor:
    """Random orders of some features [k], int64 [samples, k], drawn for all numbers up to the highest."""
    highest = features.numbers.stop
    place = torch.full((highest,), -1, device="cpu")
    place[features.names[chosen_features]] = torch.arange(len(chosen_features), device="cpu")
    drawn = [place[torch.randperm(highest, generator=generator, device="cpu")] for _ in range(samples)]
    return torch.stack([order[order >= 0] for order in drawn])


async def marginal_contributions(game: Game, orders: Tensor) -> Tensor:
    """What those who play add when they join those before them, in each order.

    Args:
        game: The game.
        orders: Of those who play, int64 [samples, playing].

    Returns:
        What they add, [m, samples, playing].
    """
    steps = torch.arange(len(game.playing) + 1, device="cpu")
    ranks = orders.argsort(1)
    if len(game.playing) <= MAX_BITMASK_FEATURES:
        bits = (1 << orders).cumsum(1)
        codes = torch.cat([bits.new_zeros(len(bits), 1), bits], dim=1)
    else:  # seldom equal, but for those without anyone and with everyone
        codes = 2 + torch.arange(len(orders) * len(steps), device="cpu").view(len(orders), -1)
        codes[:, 0], codes[:, -1] = 0, 1
    _, which = torch.unique(codes.flatten(), return_inverse=True)
    chosen = torch.zeros(int(which.max()) + 1, dtype=torch.int64, device="cpu")
    chosen[which] = torch.arange(len(which), device="cpu")

    def coalitions(sample_range: slice, _: slice) -> Tensor:
        order, step = chosen[sample_range] // len(steps), chosen[sample_range] % len(steps)
        return (ranks[order] < step[:, None]).unsqueeze(1)

    values = await game.values(len(chosen), coalitions)
    added = values[:, which.to(values.device)].view(len(values), *codes.shape).diff(dim=2)
    index = orders.to(values.device).expand(len(values), -1, -1)
    return values.new_zeros(len(values), len(orders), len(game.playing)).scatter_(2, index, added)


def permutations_per_draw(game: Game, orders: PermutationSampling) -> int:
    """How many orders come of one draw."""
    return {"random": 1, "antithetic": 2, "stratified": max(1, len(game.playing))}[orders]


def sample_permutations(
    game: Game, orders: PermutationSampling, samples: int, generator: torch.Generator | None
) -> Tensor:
    """Orders of those who play, int64 [samples, playing], those of one independent draw together."""
    each = permutations_per_draw(game, orders)
    drawn = random_permutations(game.features, game.playing, max(1, samples // each), generator)
    if orders == "antithetic":
        drawn = torch.stack([drawn, drawn.flip(1)], dim=1).flatten(0, 1)
    elif orders == "stratified":
        players = torch.arange(each, device="cpu")
        shuffled = torch.rand(len(drawn), each, generator=generator, device="cpu").argsort(1)
        places = (shuffled[:, None] + players[:, None]) % each  # a Latin square for each draw
        drawn = drawn.gather(1, places.flatten(1)).view(-1, each) if drawn.shape[1] else drawn
    return drawn
