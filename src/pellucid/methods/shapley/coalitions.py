"""Coalitions and permutations of players: drawing them, evaluating them, and weighting marginal contributions."""

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
"""How random permutations are drawn: in independent draws, of which as many are taken as fit the samples, at least one.

* `"random"`: a draw is one permutation.
* `"antithetic"`: a draw is a permutation and its reverse, so that a player that comes early also comes late.
* `"stratified"`: a draw is the rows of a random Latin square, in which every player has every position once. The
  square is of all features that differ from their baselines in some example of the batch.
"""

MAX_BITMASK_FEATURES = 62
"""Coalitions of at most so many players are int64 bit masks, by which equal ones are recognised."""

MAX_EXACT_FEATURES = 25
"""Exact values of more features are refused: every feature doubles the evaluations."""


def coalition_masks(coalitions: Tensor, n_players: int) -> Tensor:
    """Coalitions as masks, bool [k, n], from their bit masks, int64 [k]."""
    return (coalitions.unsqueeze(1) >> torch.arange(n_players, device="cpu")) & 1 == 1


async def all_coalition_values(game: Game, quantity: str, sampling_method: str) -> Tensor:
    """The values of all coalitions, [m, 2^n], in the order of their bit masks.

    Args:
        game: The game.
        quantity: What the values are for, in the error.
        sampling_method: What takes more features, in the error.

    Raises:
        InvalidArgument: There are more players than `MAX_EXACT_FEATURES`.
    """
    n_players = len(game.active_features)
    if n_players > MAX_EXACT_FEATURES:
        raise InvalidArgument(
            f"feature_mask must leave at most {MAX_EXACT_FEATURES} features for exact {quantity}: "
            f"got {n_players}. Hint: sample them with {sampling_method}, or join features by a mask."
        )

    def coalitions(sample_range: slice, _: slice) -> Tensor:
        return coalition_masks(torch.arange(sample_range.start, sample_range.stop, device="cpu"), n_players).unsqueeze(
            1
        )

    return await game.values(2**n_players, coalitions)


def shapley_weights(n_players: int) -> list[float]:
    """Shapley weights |S|! (n - |S| - 1)! / n! of the coalitions S that a player joins, by their sizes 0 to n - 1."""
    return [1 / (n_players * math.comb(n_players - 1, size)) for size in range(n_players)]


def weights_of_subsets(weights: Sequence[float], like: Tensor) -> Tensor:
    """Weights by size [n] as weights of all subsets of n - 1 players, [2^(n - 1)], by bit mask; n = 0 gives none."""
    sizes = torch.zeros(len(weights[:1]), dtype=torch.int64, device="cpu")
    for _ in weights[1:]:  # one more player, at the next bit: all subsets without it, and then with it
        sizes = torch.cat([sizes, sizes + 1])
    return torch.tensor(weights, dtype=torch.float64, device="cpu")[sizes].to(like)


def split_by_membership(values: Tensor, player: int) -> tuple[Tensor, Tensor]:
    """The values [m, 2^n] of all coalitions as F(S) and F(S and player), both [m, 2^(n - 1)], by the bit mask of S."""
    without_player, with_player = values.reshape(len(values), values.shape[1] >> player + 1, 2, 2**player).unbind(2)
    return without_player.flatten(1), with_player.flatten(1)


def semivalues(values: Tensor, weights: Sequence[float]) -> Tensor:
    """Weighted sums of the marginal contributions of each player: sum over S of w_|S| (F(S and i) - F(S)).

    Args:
        values: The values of all coalitions by bit mask, [m, 2^n].
        weights: The weights w by the size of S, [n].

    Returns:
        The semivalues of the players, [m, n].
    """
    if not weights:
        return values[:, :0]
    subset_weights = weights_of_subsets(weights, values)
    sides = (split_by_membership(values, player) for player in range(len(weights)))
    return torch.stack(
        [((with_player - without_player) * subset_weights).sum(1) for without_player, with_player in sides], dim=1
    )


def random_permutations(
    features: Features, chosen_features: Tensor, samples: int, generator: torch.Generator | None
) -> Tensor:
    """Random permutations of some features, int64 [k], as indices into these: int64 [samples, k].

    Permutations of all the user's feature numbers are drawn and restricted to the chosen features, so that the relative
    order of two features does not depend on which others are chosen.
    """
    highest = features.id_range.stop
    index_of_number = torch.full((highest,), -1, device="cpu")
    index_of_number[features.ids[chosen_features]] = torch.arange(len(chosen_features), device="cpu")
    drawn = [index_of_number[torch.randperm(highest, generator=generator, device="cpu")] for _ in range(samples)]
    return torch.stack([permutation[permutation >= 0] for permutation in drawn])


async def marginal_contributions(game: Game, permutations: Tensor) -> Tensor:
    """The marginal contribution of each player to the coalition of its predecessors, in each permutation.

    A coalition that several permutations begin with is evaluated once.

    Args:
        game: The game.
        permutations: Permutations of the players, int64 [samples, n].

    Returns:
        Marginal contributions, [m, samples, n].
    """
    samples, n_players = permutations.shape
    ranks = permutations.argsort(1)
    coalition_of_prefix, prefix_of_coalition = _distinct_prefixes(permutations)

    def coalitions(sample_range: slice, _: slice) -> Tensor:
        prefix = prefix_of_coalition[sample_range]
        permutation, size = prefix // (n_players + 1), prefix % (n_players + 1)
        return (ranks[permutation] < size[:, None]).unsqueeze(1)

    values = await game.values(len(prefix_of_coalition), coalitions)
    prefix_values = values[:, coalition_of_prefix.to(values.device)].view(len(values), samples, n_players + 1)
    player_indices = permutations.to(values.device).expand(len(values), -1, -1)
    zeros = values.new_zeros(len(values), samples, n_players)
    return zeros.scatter_(2, player_indices, prefix_values.diff(dim=2))


def _distinct_prefixes(permutations: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct coalitions that permutations begin with.

    Each permutation of n players has n + 1 prefixes, from the empty to the grand coalition; prefixes are numbered
    permutation by permutation.

    Args:
        permutations: Permutations of the players, int64 [samples, n].

    Returns:
        The number of each prefix's coalition, int64 [samples * (n + 1)], and the number of a prefix that is this
        coalition, int64 [coalitions].
    """
    samples, n_players = permutations.shape
    if n_players <= MAX_BITMASK_FEATURES:
        bits = (1 << permutations).cumsum(1)
        codes = torch.cat([bits.new_zeros(samples, 1), bits], dim=1)
    else:
        # So long prefixes are seldom equal: each has a code of its own, from 2 on, but for the empty and the grand
        # coalition, which all permutations have, as 0 and 1.
        codes = 2 + torch.arange(samples * (n_players + 1), device="cpu").view(samples, n_players + 1)
        codes[:, 0], codes[:, -1] = 0, 1
    _, coalition_of_prefix = torch.unique(codes.flatten(), return_inverse=True)
    prefix_of_coalition = torch.zeros(int(coalition_of_prefix.max()) + 1, dtype=torch.int64, device="cpu")
    prefix_of_coalition[coalition_of_prefix] = torch.arange(len(coalition_of_prefix), device="cpu")
    return coalition_of_prefix, prefix_of_coalition


def permutations_per_draw(game: Game, sampling: PermutationSampling) -> int:
    """How many permutations an independent draw has."""
    return {"random": 1, "antithetic": 2, "stratified": max(1, len(game.active_features))}[sampling]


def sample_permutations(
    game: Game, sampling: PermutationSampling, samples: int, generator: torch.Generator | None
) -> Tensor:
    """Permutations of the players, int64 [samples, n], those of one independent draw next to each other."""
    per_draw = permutations_per_draw(game, sampling)
    permutations = random_permutations(game.features, game.active_features, max(1, samples // per_draw), generator)
    draws, n_players = permutations.shape
    if sampling == "antithetic":
        return torch.stack([permutations, permutations.flip(1)], dim=1).flatten(0, 1)
    if sampling == "stratified":
        shifts = torch.arange(per_draw, device="cpu")
        rows = torch.rand(draws, per_draw, generator=generator, device="cpu").argsort(1)
        latin_squares = (rows[:, None] + shifts[:, None]) % per_draw  # [draws, rows, positions]
        return permutations.gather(1, latin_squares.flatten(1)).view(-1, per_draw) if n_players else permutations
    return permutations
