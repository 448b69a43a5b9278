"""Owen values: mean marginal contributions of features over permutations that keep groups of features together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.attributions import game_attributions
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.games.game import Game
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.coalitions import (
    MAX_EXACT_FEATURES,
    coalition_masks,
    random_permutations,
    semivalues,
    shapley_weights,
    split_by_membership,
    weights_of_subsets,
)
from pellucid.methods.shapley.estimation import permutation_estimate


@final
@dataclass(frozen=True, kw_only=True)
class OwenValues(Summarized):
    """Owen values, exactly: mean marginal contributions over the permutations in which every group stays together.

    a_i = sum over sets Q of other groups, and over sets T of other features of the group of i, of
    |Q|! (q - |Q| - 1)! / q! * |T|! (k - |T| - 1)! / k! * (F(Q and T and i) - F(Q and T))

    where q is the number of groups, k the number of features in the group of i, and F(S) the output for x in the
    features of S and x' elsewhere. The attributions of an example add up to F(x) - F(x'), those of a group to the
    Shapley value of the group as one feature. With one group, or each feature its own, they are the Shapley values.
    Only coalitions that break up at most one group are evaluated: 2^q, and 2^(q - 1) (2^k - 2) for each group of k.

    Owen, "Values of games with a priori unions", 1977, https://doi.org/10.1007/978-3-642-45494-3_7.

    Args:
        groups: Which group each element is in: integers like a feature mask, the same for all elements of a feature;
            see [FeatureMask][pellucid.methods.FeatureMask].

    Examples:
        >>> import torch
        >>> from pellucid.methods import OwenValues, Problem
        >>> problem = Problem(lambda x: x.prod(1), torch.tensor([[2.0, 3.0, 2.0]]))
        >>> OwenValues(groups=torch.tensor([[0, 0, 1]]))(problem).values
        (tensor([[3., 3., 6.]]),)
    """

    groups: FeatureMask

    @attribution
    async def __call__(
        self,
        f: ModelFunction,
        /,
        baselines: Baselines = None,
        *,
        feature_mask: FeatureMask = None,
        removal: RemovalLike | None = None,
    ) -> Attributions:
        """The Owen values.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...); an output (B, 1)
            counts as (B,).

        Raises:
            InvalidArgument: The groups do not fit, divide a feature, or need too many coalitions.
        """
        game = Game(f, feature_mask, baselines, removal)
        group_ids, group_of_player = _groups_of_players(
            game, Features.of(f.x, mask_of_points(f, self.groups), "groups")
        )
        _check_exact_is_feasible(group_of_player.bincount(minlength=len(group_ids)).tolist())
        groups = [(group_of_player == group).nonzero().flatten() for group in range(len(group_ids))]
        coalition_sets = _owen_coalitions(groups, group_of_player)
        coalitions = torch.cat(coalition_sets).unsqueeze(1)
        values = await game.values(len(coalitions), lambda sample_range, _: coalitions[sample_range])
        union_values, *split_group_values = torch.split(values, [len(masks) for masks in coalition_sets], dim=1)
        union_weights = weights_of_subsets(shapley_weights(len(groups)), values)
        owen_values = values.new_zeros(len(values), len(game.active_features))
        for group, (player_indices, split_values) in enumerate(zip(groups, split_group_values, strict=True)):
            sides = split_by_membership(union_values, group)
            owen_values[:, player_indices.to(values.device)] = _values_within_group(
                *sides, split_values, union_weights, len(player_indices)
            )
        return game_attributions(game, owen_values)


def _values_within_group(
    without_group: Tensor, with_group: Tensor, split_values: Tensor, union_weights: Tensor, n_players: int
) -> Tensor:
    """The Owen values of the k players of a group, [m, k]: Shapley values of the game within the group.

    The value of a subset of the group there is the weighted mean over the unions of other groups.

    Args:
        without_group: The values of the unions of other groups, [m, 2^(q - 1)] by bit mask.
        with_group: The values of these unions and the whole group, likewise.
        split_values: Those of these unions and a part of the group, [m, 2^(q - 1) (2^k - 2)]: see `_owen_coalitions`.
        union_weights: The Shapley weights of these unions, [2^(q - 1)].
        n_players: The number k of players in the group.
    """
    split_values = split_values.reshape(*without_group.shape, 2**n_players - 2)
    subset_values = torch.cat([without_group[..., None], split_values, with_group[..., None]], dim=2)
    inner_values = (subset_values * union_weights[:, None]).sum(1)  # [m, 2^k]
    return semivalues(inner_values, shapley_weights(n_players))


def _check_exact_is_feasible(sizes: list[int]) -> None:
    """Refuse groups of these sizes if they have more than 2^`MAX_EXACT_FEATURES` coalitions.

    Raises:
        InvalidArgument: They have.
    """
    n_groups, largest = len(sizes), max(sizes, default=0)
    few = max(n_groups, largest) <= MAX_EXACT_FEATURES
    if not few or 2**n_groups + sum(2 ** (n_groups - 1) * (2**size - 2) for size in sizes) > 2**MAX_EXACT_FEATURES:
        raise InvalidArgument(
            f"groups must leave at most 2^{MAX_EXACT_FEATURES} coalitions for exact Owen values: got {n_groups} groups "
            f"of up to {largest} features. Hint: sample them with OwenValueSampling, or join features by a mask."
        )


def _owen_coalitions(groups: list[Tensor], group_of_player: Tensor) -> list[Tensor]:
    """The coalitions that split at most one group: first those that split none, then those that split each.

    Unions of whole groups are bool [2^q, n], by bit mask. Those that split a group of k players are bool
    [2^(q - 1) (2^k - 2), n]: for each union of other groups, by bit mask, all proper and nonempty subsets of the group.

    Args:
        groups: The players of each group, int64 [k] each.
        group_of_player: The group of each player, int64 [n].
    """
    unions = coalition_masks(torch.arange(2 ** len(groups), device="cpu"), len(groups))
    coalition_sets = [unions[:, group_of_player]]
    for group, player_indices in enumerate(groups):
        n_players = len(player_indices)
        subsets = coalition_masks(torch.arange(1, 2**n_players - 1, device="cpu"), n_players)
        coalitions = unions[~unions[:, group]][:, None, group_of_player].repeat(1, len(subsets), 1)
        coalitions[:, :, player_indices] = subsets
        coalition_sets.append(coalitions.flatten(0, 1))
    return coalition_sets


@final
@dataclass(frozen=True, kw_only=True)
class OwenValueSampling(Summarized):
    """Owen values, sampled: mean marginal contributions over random permutations in which every group stays together.

    a_i = mean over permutations of F(S and i) - F(S), where S are the features before i and F(S) is the output for x in
    the features of S and x' elsewhere

    The groups come in random order, and so do the features within each. The attributions of an example add up to
    F(x) - F(x'). Equal coalitions are evaluated once.

    Owen, "Values of games with a priori unions", 1977, https://doi.org/10.1007/978-3-642-45494-3_7.

    Args:
        groups: Which group each element is in: integers like a feature mask, the same for all elements of a feature;
            see [FeatureMask][pellucid.methods.FeatureMask].
        n_samples: Permutations, the same for all examples; "auto" goes on with an example until its 95 % intervals are
            narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        max_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        seed: Seeds the permutations; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import OwenValueSampling, Problem
        >>> problem = Problem(lambda x: x.prod(1), torch.tensor([[2.0, 3.0, 2.0]]))
        >>> OwenValueSampling(groups=torch.tensor([[0, 0, 1]]), seed=0)(problem).values[0].sum()
        tensor(12.)
    """

    groups: FeatureMask
    n_samples: int | Literal["auto"] = 25
    tolerance: float = 0.01
    relative: bool = False
    max_samples: int = MOST_SAMPLES
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
    ) -> Attributions:
        """The sampled Owen values.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...); an output (B, 1)
            counts as (B,).

        Raises:
            InvalidArgument: The groups do not fit, or divide a feature; there is no sample.
        """
        game = Game(f, feature_mask, baselines, removal)
        groups = Features.of(f.x, mask_of_points(f, self.groups), "groups")
        group_ids, group_of_player = _groups_of_players(game, groups)
        generator = shared_generator(self.seed, self.generator)

        def draw(samples: int) -> Tensor:
            permutations = random_permutations(game.features, game.active_features, samples, generator)
            group_ranks = random_permutations(groups, group_ids, samples, generator).argsort(1)
            ranks = group_ranks.gather(1, group_of_player[permutations])
            return permutations.gather(1, ranks.argsort(dim=1, stable=True))

        return await permutation_estimate(game, AdaptiveSampler(f, self.n_samples, self), draw, 1)


def _groups_of_players(game: Game, groups: Features) -> tuple[Tensor, Tensor]:
    """The groups that have players, int64 [q], and the index among them of each player's group, int64 [n].

    Raises:
        InvalidArgument: A feature lies in several groups.
    """
    mask_pairs = zip(game.features.masks, groups.masks, strict=True)
    broadcast = [torch.broadcast_tensors(*pair) for pair in mask_pairs]  # type: ignore[no-untyped-call]
    feature, group = (torch.cat([mask.flatten().cpu() for mask in masks]) for masks in zip(*broadcast, strict=True))
    group_of_feature = torch.zeros(game.features.count, dtype=torch.int64, device="cpu").scatter(0, feature, group)
    split_features = feature[group_of_feature[feature] != group]
    if len(split_features):
        raise InvalidArgument(
            "groups must put all elements of a feature into one group: "
            f"got several for feature {int(game.features.ids[split_features[0]])}."
        )
    group_ids, group_of_player = torch.unique(group_of_feature[game.active_features], return_inverse=True)
    return group_ids, group_of_player
