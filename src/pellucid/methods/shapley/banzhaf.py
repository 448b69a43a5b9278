"""Banzhaf values: the mean marginal contribution of each feature over all coalitions of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.attributions import game_attributions
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import Summarized
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.coalitions import all_coalition_values, semivalues
from pellucid.methods.shapley.estimation import fit_to_coalitions


@final
@dataclass(frozen=True, kw_only=True)
class BanzhafValues(Summarized):
    """Banzhaf values, exactly: from the values of all 2^n coalitions of the features.

    a_i = mean over coalitions S without i of F(S and i) - F(S), where F(S) is the output for x in the features of S
    and x' elsewhere

    All coalitions have the same weight, so noise in F disturbs the ranking of the features less than with any other
    weights; in exchange the values do not add up to F(x) - F(x').

    Banzhaf, "Weighted voting doesn't work", 1965; Wang, Jia, "Data Banzhaf", 2023, https://arxiv.org/abs/2205.15466.

    Examples:
        >>> import torch
        >>> from pellucid.methods import BanzhafValues, Problem
        >>> problem = Problem(lambda x: x.prod(1), torch.tensor([[2.0, 3.0, 2.0]]))
        >>> BanzhafValues()(problem).values
        (tensor([[3., 3., 3.]]),)
    """

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
        """The Banzhaf values.

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
            InvalidArgument: There are too many features.
        """
        game = Game(f, feature_mask, baselines, removal)
        values = await all_coalition_values(game, "Banzhaf values", "BanzhafValueSampling")
        n_players = len(game.active_features)
        return game_attributions(game, semivalues(values, [0.5 ** (n_players - 1)] * n_players))


@final
@dataclass(frozen=True, kw_only=True)
class BanzhafValueSampling(Summarized):
    """Banzhaf values, sampled: from random coalitions, each of which is used for all features.

    a_i = mean of F(S) over the coalitions with i - mean of F(S) over those without i

    where F(S) is the output for x in the features of S and x' elsewhere. Every feature is in a random half of the
    coalitions, independently of the other features, so that neither mean is over no coalition and the estimate has no
    bias. Equal coalitions are evaluated once.

    Wang, Jia, "Data Banzhaf: a robust data valuation framework for machine learning", 2023,
    https://arxiv.org/abs/2205.15466.

    Args:
        n_samples: Coalitions, the same for all examples, at least 2; "auto" goes on with an example until its 95 %
            intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        max_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        seed: Seeds the coalitions; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import BanzhafValueSampling, Problem
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> (BanzhafValueSampling(n_samples=1000, seed=0)(problem).values[0] - 3).abs().max() < 0.5
        tensor(True)
    """

    n_samples: int | Literal["auto"] = 200
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
        """The sampled Banzhaf values.

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
            InvalidArgument: The samples are fewer than two.
        """
        if self.n_samples != "auto":
            check_count("n_samples", self.n_samples, 2)
        game = Game(f, feature_mask, baselines, removal)
        generator = shared_generator(self.seed, self.generator)
        columns = torch.arange(len(game.active_features), device="cpu")  # the coalitions are of the players alone
        adaptive_sampler = AdaptiveSampler(f, self.n_samples, self, per_draw=2)
        estimate, stderr = await fit_to_coalitions(
            game,
            adaptive_sampler,
            lambda count: _balanced_coalitions(game, count, generator),
            _banzhaf_estimate,
            columns,
        )
        errors = None if stderr is None else stderr.mT.flatten(0, 1)
        return adaptive_sampler.annotate(game_attributions(game, estimate.mT.flatten(0, 1), errors))


def _banzhaf_estimate(game: Game, coalitions: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of mean outputs with and without each player, [g, n, K], and their standard errors.

    A player that equals its baseline in one of several examples is worth zero there, with a standard error of zero.

    Args:
        game: The game.
        coalitions: Which players are in each sample, bool [samples, 1, n].
        outputs: K outputs of each of g games, [g, samples, K].
    """
    means, variances = [], []
    for is_in_half in (coalitions[:, 0].double(), (~coalitions[:, 0]).double()):
        count = is_in_half.sum(0).unsqueeze(1)
        means.append(is_in_half.mT @ outputs / count)
        variance = (is_in_half.mT @ outputs.square() / count - means[-1].square()).clamp(min=0)
        variances.append(torch.where(count > 1, variance / (count - 1), torch.inf))
    differences, errors = means[0] - means[1], (variances[0] + variances[1]).sqrt()
    if len(outputs) != len(game.f):  # one game of the whole batch, in which every player is active
        return differences, errors
    changed = game.features.sum_per_feature(tuple(mask.double() for mask in game.imputer.changed_elements(game.f.x)))
    is_active = changed[:, game.active_features, None] > 0
    return is_active * differences, is_active * errors


def _balanced_coalitions(game: Game, samples: int, generator: torch.Generator | None) -> Tensor:
    """Random coalitions, bool [samples, 1, n], of which each player is in half; in one more or less if they are odd.

    Random numbers are drawn for all the user's feature numbers, so that a player's do not depend on the other players.
    """
    features = game.features
    player_ids = features.ids[game.active_features]
    parity_numbers, *rank_numbers = (
        torch.rand(features.id_range.stop, generator=generator, device="cpu")[player_ids] for _ in range(samples + 1)
    )
    ranks = torch.stack(rank_numbers).argsort(0).argsort(0)
    return ((ranks + (parity_numbers < 0.5)) % 2 == 0).unsqueeze(1)
