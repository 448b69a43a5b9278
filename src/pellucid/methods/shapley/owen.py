"""Owen values: what each feature is worth, where features come in groups that stay together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.attributions import game_attributions
from pellucid.core.games.features import FeatureMask, Features
from pellucid.core.games.game import Game
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
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
class OwenValues:
    """Owen values, exactly: Shapley values over the orders in which no group is interrupted by another.

    a_i = sum over sets Q of other groups, and over sets T of mates of i in its group of k, of
    |Q|! (m - |Q| - 1)! / m! * |T|! (k - |T| - 1)! / k! * (F(Q and T and i) - F(Q and T))

    where m is the number of groups and F(S) the output for x in the features of S and x' elsewhere. The attributions
    of an example add up to F(x) - F(x'), those of a group to the Shapley value of the group as one feature. With one
    group, or each feature its own, they are the Shapley values. Only coalitions that break up at most one group are
    evaluated: 2^m, and 2^(m - 1) (2^k - 2) for each group of k.

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
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The Owen values.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...); an output (B, 1)
            counts as (B,).

        Raises:
            InvalidArgument: The groups do not fit, divide a feature, or need too many coalitions.
        """
        game = Game(f, feature_mask, baselines)
        groups, group_of = _groups_of(game, Features.of(f.x, self.groups, "groups"))
        _check_exact_is_feasible(group_of.bincount(minlength=len(groups)).tolist())
        mates = [(group_of == group).nonzero().flatten() for group in range(len(groups))]
        parts = _owen_coalitions(mates, group_of)
        coalitions = torch.cat(parts).unsqueeze(1)
        values = await game.values(len(coalitions), lambda some, _: coalitions[some])
        whole, *broken = torch.split(values, [len(part) for part in parts], dim=1)
        counts = weights_of_subsets(shapley_weights(len(mates)), values).unsqueeze(1)
        worth = values.new_zeros(len(values), len(game.playing))
        for group, (each, between) in enumerate(zip(mates, broken, strict=True)):
            without, beside = (end.unsqueeze(2) for end in split_by_membership(whole, group))
            inside = torch.cat([without, between.reshape(*without.shape[:2], 2 ** len(each) - 2), beside], dim=2)
            played = (inside * counts).sum(1)  # the game within the group, on average over the others
            worth[:, each.to(worth.device)] = semivalues(played, shapley_weights(len(each)))
        return game_attributions(game, worth)


def _check_exact_is_feasible(sizes: list[int]) -> None:
    """Refuse groups of these sizes where their coalitions are too many.

    Raises:
        InvalidArgument: They are.
    """
    groups, largest = len(sizes), max(sizes, default=0)
    few = max(groups, largest) <= MAX_EXACT_FEATURES
    if not few or 2**groups + sum(2 ** (groups - 1) * (2**size - 2) for size in sizes) > 2**MAX_EXACT_FEATURES:
        raise InvalidArgument(
            f"groups must leave at most 2^{MAX_EXACT_FEATURES} coalitions for exact Owen values: got {groups} groups "
            f"of up to {largest} features. Hint: sample them with OwenValueSampling, or join features by a mask."
        )


def _owen_coalitions(mates: list[Tensor], group_of: Tensor) -> list[Tensor]:
    """Coalitions of whole groups, bool [2^m, playing]; then for each group of k those with a part of it.

    These are bool [2^(m - 1) (2^k - 2), playing]: the parts for one union of the others after another.

    Args:
        mates: Who is in each group, int64 [k] each.
        group_of: Which group each is in, int64 [playing].
    """
    unions = coalition_masks(torch.arange(2 ** len(mates), device="cpu"), len(mates))
    found = [unions[:, group_of]]
    for group, each in enumerate(mates):
        parts = coalition_masks(torch.arange(1, 2 ** len(each) - 1, device="cpu"), len(each))
        others = unions[~unions[:, group]][:, None, group_of].repeat(1, len(parts), 1)
        others[:, :, each] = parts
        found.append(others.flatten(0, 1))
    return found


@final
@dataclass(frozen=True, kw_only=True)
class OwenValueSampling:
    """Owen values, by sampled orders in which no group is interrupted by another.

    a_i = mean over orders of F(x with the features up to i, x' elsewhere) - F(the same without i)

    The groups come in random order, and so do the features within each. The attributions of an example add up to
    F(x) - F(x'). A coalition that comes up several times is evaluated once.

    Owen, "Values of games with a priori unions", 1977, https://doi.org/10.1007/978-3-642-45494-3_7.

    Args:
        groups: Which group each element is in: integers like a feature mask, the same for all elements of a feature;
            see [FeatureMask][pellucid.methods.FeatureMask].
        samples: Orders, the same for all examples; "auto" goes on with an example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        most_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        seed: Seeds the orders; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import OwenValueSampling, Problem
        >>> problem = Problem(lambda x: x.prod(1), torch.tensor([[2.0, 3.0, 2.0]]))
        >>> OwenValueSampling(groups=torch.tensor([[0, 0, 1]]), seed=0)(problem).values[0].sum()
        tensor(12.)
    """

    groups: FeatureMask
    samples: int | Literal["auto"] = 25
    tolerance: float = 0.01
    relative: bool = False
    most_samples: int = MOST_SAMPLES
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The sampled Owen values.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...); an output (B, 1)
            counts as (B,).

        Raises:
            InvalidArgument: The groups do not fit, or divide a feature; there is no sample.
        """
        game = Game(f, feature_mask, baselines)
        groups = Features.of(f.x, self.groups, "groups")
        some, group_of = _groups_of(game, groups)
        generator = shared_generator(self.seed, self.generator)

        def orders(samples: int) -> Tensor:
            drawn = random_permutations(game.features, game.playing, samples, generator)
            places = random_permutations(groups, some, samples, generator).argsort(1)
            return drawn.gather(1, places.gather(1, group_of[drawn]).argsort(dim=1, stable=True))

        return await permutation_estimate(game, AdaptiveSampler(f, self.samples, self, name="samples"), orders, 1)


def _groups_of(game: Game, groups: Features) -> tuple[Tensor, Tensor]:
    """The groups of those who play, int64 [m], and which of them each is in, int64 [playing].

    Raises:
        InvalidArgument: A feature lies in several groups.
    """
    pairs = zip(game.features.masks, groups.masks, strict=True)
    both = [(feature + 0 * group, group + 0 * feature) for feature, group in pairs]  # broadcast
    feature, group = (torch.cat([each.flatten().cpu() for each in side]) for side in zip(*both, strict=True))
    group_of = torch.zeros(game.features.count, dtype=torch.int64, device="cpu").scatter(0, feature, group)
    torn = feature[group_of[feature] != group]
    if len(torn):
        raise InvalidArgument(
            "groups must put all elements of a feature into one group: "
            f"got several for feature {int(game.features.names[torn[0]])}."
        )
    some, group_of_playing = torch.unique(group_of[game.playing], return_inverse=True)
    return some, group_of_playing
