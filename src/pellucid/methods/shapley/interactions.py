"""Shapley interactions: the joint effects of pairs of features beyond their single effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.attributions import output_shape
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.coalitions import (
    all_coalition_values,
    marginal_contributions,
    random_permutations,
    semivalues,
    shapley_weights,
    split_by_membership,
)
from pellucid.methods.shapley.estimation import mean_of_draws

InteractionIndex = Literal["k-SII", "SII"]
"""The interaction index, which decides the diagonal of the interactions, that of single features.

* `"k-SII"`: the Shapley value less half of the feature's interactions, so that features and pairs add up.
* `"SII"`: the Shapley value.
"""


@final
@dataclass(frozen=True, eq=False)
class Interactions(Summarized):
    """Main effects of features and interactions of pairs.

    Args:
        values: Symmetric matrices (B, *K, features, features) for outputs (B, *K): the interactions of pairs, and on
            the diagonal the main effect of each feature, as the index has it.
        features: The user's number of each feature, in the mask, int64 [features] in rising order.
        stderr: Standard errors of the values; None where they are exact, or sampled in a single draw.
        n_evaluations: How many samples each example took, int64 [B]; with `n_samples="auto"` only.
        converged: Whether the intervals of an example are narrow enough, bool [B]; likewise.
    """

    values: Tensor
    features: Tensor
    stderr: Tensor | None = None
    n_evaluations: Tensor | None = None
    converged: Tensor | None = None


@final
@dataclass(frozen=True, kw_only=True)
class ShapleyInteractions(Summarized):
    """Shapley interactions of pairs of features, exactly: from the values of all 2^n coalitions.

    a_ij = sum over coalitions S without i and j of |S|! (n - |S| - 2)! / (n - 1)! *
    (F(S and i and j) - F(S and i) - F(S and j) + F(S))

    a_ii = the Shapley value a_i of i; for "k-SII", less half of its interactions: a_i - 1/2 * sum over j of a_ij

    where F(S) is the output for x in the features of S and x' elsewhere. A positive a_ij means that i adds more to F
    where j is present than where it is absent. The k-SII of the features and of the pairs, each counted once, add up to
    F(x) - F(x').

    Grabisch, Roubens, "An axiomatic approach to the concept of interaction among players in cooperative games", 1999,
    https://doi.org/10.1007/s001820050125; Bord, von Luxburg, "From Shapley values to generalized additive models and
    back", 2023, https://arxiv.org/abs/2209.04012.

    Args:
        order: How many features interact at most: 2.
        index: The interaction index, which decides the diagonal; see
            [InteractionIndex][pellucid.methods.shapley.interactions.InteractionIndex].

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, ShapleyInteractions
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> ShapleyInteractions()(problem).values
        tensor([[[0., 6., 0.],
                 [6., 0., 0.],
                 [0., 0., 1.]]])
    """

    order: int = 2
    index: InteractionIndex = "k-SII"

    @attribution
    async def __call__(
        self,
        f: ModelFunction,
        /,
        baselines: Baselines = None,
        *,
        feature_mask: FeatureMask = None,
        removal: RemovalLike | None = None,
    ) -> Interactions:
        """The interactions of all pairs.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Interactions (B, *K, features, features) for outputs (B, *K); those of features that equal their baselines
            are zero.

        Raises:
            InvalidArgument: There are too many features, or the order or the index is none of those above.
        """
        if self.order != 2:
            raise InvalidArgument(f"order must be 2, for pairs: got {summary(self.order)}.")
        check_index(self.index)
        game = Game(f, feature_mask, baselines, removal)
        values = await all_coalition_values(game, "Shapley interactions", "KernelShapIQ or ShapleyInteractionSampling")
        n_players = len(game.active_features)
        main_effects = semivalues(values, shapley_weights(n_players))
        pair_effects = values.new_zeros(len(values), n_players, n_players)
        for player in range(n_players):  # its interactions are the Shapley values of the game F(S and player) - F(S)
            without_player, with_player = split_by_membership(values, player)
            opponents = [opponent for opponent in range(n_players) if opponent != player]
            weights = shapley_weights(n_players - 1)
            pair_effects[:, player, opponents] = semivalues(with_player - without_player, weights)
        pair_effects = (pair_effects + pair_effects.mT) / 2  # which differ by rounding
        return game_interactions(game, apply_index(self.index, main_effects, pair_effects))


@final
@dataclass(frozen=True, kw_only=True)
class ShapleyInteractionSampling(Summarized):
    """Shapley interactions of pairs of features, sampled: over permutations that have all pairs as neighbours.

    a_ij = mean over permutations in which i and j are neighbours of F(S and i and j) - F(S and i) - F(S and j) + F(S)

    a_ii = the Shapley value of i; for "k-SII", less half of its interactions

    where S are the features before both and F(S) is the output for x in the features of S and x' elsewhere.
    Permutations are drawn in sets: the Walecki paths, which make every pair neighbours equally often, through a random
    numbering of the features that differ from their baselines in some example. Equal coalitions are evaluated once.

    It takes any number of samples. Its errors are smaller than those of
    [KernelShapIQ][pellucid.methods.KernelShapIQ] where many features act together, and larger where few do.

    Tsai, Yeh, Ravikumar, "Faith-Shap: the faithful Shapley interaction index", 2023, https://arxiv.org/abs/2203.00870;
    Alspach, "The wonderful Walecki construction", 2008.

    Args:
        n_samples: Permutations, the same for all examples, of 2 n coalitions each for n features; as many whole sets
            are drawn as fit into them, but at least one. "auto" goes on with an example until its 95 % intervals are
            narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest value.
        max_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        index: The interaction index, which decides the diagonal; see
            [InteractionIndex][pellucid.methods.shapley.interactions.InteractionIndex].
        seed: Seeds the permutations; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, ShapleyInteractionSampling
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> ShapleyInteractionSampling(n_samples=3, seed=0)(problem).values[0, 0, 1:]
        tensor([6., 0.])
    """

    n_samples: int | Literal["auto"] = 200
    tolerance: float = 0.01
    relative: bool = False
    max_samples: int = MOST_SAMPLES
    index: InteractionIndex = "k-SII"
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self,
        f: ModelFunction,
        /,
        baselines: Baselines = None,
        *,
        feature_mask: FeatureMask = None,
        removal: RemovalLike | None = None,
    ) -> Interactions:
        """The sampled interactions of all pairs, with standard errors.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Interactions (B, *K, features, features) for outputs (B, *K); those of features that equal their baselines
            are zero.

        Raises:
            InvalidArgument: The index is none of those above.
        """
        check_index(self.index)
        game = Game(f, feature_mask, baselines, removal)
        generator, paths = shared_generator(self.seed, self.generator), walecki_paths(len(game.active_features))
        adaptive_sampler = AdaptiveSampler(f, self.n_samples, self, per_draw=len(paths))

        async def interactions(subgame: Game, samples: int) -> Tensor:
            numberings = random_permutations(
                game.features, game.active_features, max(1, samples // len(paths)), generator
            )
            permutations = numberings[:, paths].flatten(0, 1)
            return apply_index(self.index, *await _pair_contributions(subgame, permutations, len(paths)))

        estimate, stderr = await mean_of_draws(game, adaptive_sampler, interactions)
        return game_interactions(game, estimate, stderr, adaptive_sampler)


def walecki_paths(n_players: int) -> Tensor:
    """Walecki's decomposition: permutations, int64 [k, n], in which every two players are neighbours equally often.

    They are n / 2 Hamiltonian paths of the complete graph for even n, with each edge once, or n for odd n, with each
    edge twice.
    """
    steps = torch.arange(n_players, device="cpu")
    path = torch.where(steps % 2 == 1, (steps + 1) // 2, -steps // 2)  # 0, 1, -1, 2, -2, ...
    starts = torch.arange(max(1, n_players if n_players % 2 else n_players // 2), device="cpu")
    return (path + starts[:, None]) % max(n_players, 1)


async def _pair_contributions(game: Game, permutations: Tensor, per_draw: int) -> tuple[Tensor, Tensor]:
    """Estimates of each draw: Shapley values [m, draws, n] and pair interactions [m, draws, n, n].

    With S the players before the neighbours i and j, the marginal contributions along a permutation give the former,
    and F(S and i and j) - F(S and i) - F(S and j) + F(S) the latter, for which S and j is evaluated too.

    Args:
        game: The game.
        permutations: Permutations of the players, int64 [samples, n], those of a draw next to each other.
        per_draw: How many permutations a draw has.
    """
    samples, n_players = permutations.shape
    if n_players < 2:  # no two are neighbours
        contributions = await marginal_contributions(game, permutations)
        main_effects = contributions.view(len(contributions), samples // per_draw, per_draw, n_players).mean(2)
        return main_effects, main_effects.new_zeros(*main_effects.shape, n_players)
    ranks = permutations.argsort(1)[:, None]
    sizes = torch.arange(n_players + 1, device="cpu")[:, None]
    prefixes = ranks < sizes  # [samples, n + 1, n]
    swapped = (ranks < sizes[: n_players - 1]) | (ranks == sizes[1:n_players])  # S and j, without i
    values = await game.values_deduplicated(torch.cat([prefixes, swapped], dim=1).flatten(0, 1).unsqueeze(1))
    by_permutation = values.view(len(values), samples, 2 * n_players)
    prefix_values, swapped_values = torch.split(by_permutation, [n_players + 1, n_players - 1], dim=2)
    player_indices = permutations.to(values.device).expand(len(values), -1, -1)
    main_effects = values.new_zeros(len(values), samples, n_players)
    main_effects.scatter_(2, player_indices, prefix_values.diff(dim=2))
    neighbour_effects = prefix_values[..., 2:] - prefix_values[..., 1:-1] - swapped_values + prefix_values[..., :-2]
    pair_effects = values.new_zeros(len(values), samples, n_players * n_players)
    pair_effects.scatter_(2, player_indices[..., :-1] * n_players + player_indices[..., 1:], neighbour_effects)
    pair_effects = pair_effects.view(len(values), samples // per_draw, per_draw, n_players, n_players).sum(2)
    main_effects = main_effects.view(len(values), samples // per_draw, per_draw, n_players).mean(2)
    neighbours_per_draw = 2 if n_players % 2 else 1  # how often each pair has been neighbours
    return main_effects, (pair_effects + pair_effects.mT) / neighbours_per_draw


def check_index(index: str) -> None:
    """Refuse what is no [InteractionIndex][pellucid.methods.shapley.interactions.InteractionIndex].

    Raises:
        InvalidArgument: It is none.
    """
    if index not in ("k-SII", "SII"):
        raise InvalidArgument(f'index must be "k-SII" or "SII": got {summary(index)}.')


def apply_index(index: InteractionIndex, shapley_values: Tensor, pair_effects: Tensor) -> Tensor:
    """Matrices (..., n, n) of an interaction index, of Shapley values (..., n) and pair interactions (..., n, n)."""
    diagonal = shapley_values if index == "SII" else shapley_values - pair_effects.sum(-1) / 2
    return pair_effects + diagonal.diag_embed()


def game_interactions(
    game: Game, matrices: Tensor, stderr: Tensor | None = None, adaptive_sampler: AdaptiveSampler | None = None
) -> Interactions:
    """The interactions of all features from matrices of players, [m, n, n]; those of inactive features are zero.

    Args:
        game: The game.
        matrices: Interactions of the players, with the main effects on the diagonal.
        stderr: Their standard errors, likewise.
        adaptive_sampler: Says how many samples each example took, and whether these were enough.
    """
    return Interactions(
        _to_all_features(game, matrices),
        game.features.ids.sort().values,
        None if stderr is None else _to_all_features(game, stderr),
        None if adaptive_sampler is None else adaptive_sampler.n_evaluations,
        None if adaptive_sampler is None else adaptive_sampler.converged,
    )


def _to_all_features(game: Game, matrices: Tensor) -> Tensor:
    """Matrices of players, [m, n, n], as those of all features, (B, *K, features, features), by the user's numbers."""
    count = game.features.count
    feature_matrices = matrices.new_zeros(*output_shape(game, matrices), count, count)
    ranks = game.features.ids.argsort().argsort()[game.active_features].to(matrices.device)
    feature_matrices[..., ranks[:, None], ranks] = matrices.view(*feature_matrices.shape[:-2], *matrices.shape[1:])
    return game.as_output_dtype(feature_matrices)
