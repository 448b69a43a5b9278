"""Shapley values: the mean marginal contribution of each feature over all permutations of the features."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, final, get_args

import torch

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.attributions import game_attributions
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.coalitions import (
    PermutationSampling,
    all_coalition_values,
    permutations_per_draw,
    sample_permutations,
    semivalues,
    shapley_weights,
)
from pellucid.methods.shapley.estimation import permutation_estimate


@final
@dataclass(frozen=True, kw_only=True)
class ShapleyValueSampling(Summarized):
    """Shapley values, sampled: mean marginal contributions over random permutations of the features.

    a_i = mean over permutations of F(S and i) - F(S), where S are the features before i and F(S) is the output for x in
    the features of S and x' elsewhere

    The attributions of an example add up to F(x) - F(x'). Equal coalitions are evaluated once.

    Castro, Gomez, Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009,
    https://doi.org/10.1016/j.cor.2008.04.004;
    Strumbelj, Kononenko, "An efficient explanation of individual classifications using game theory", 2010.

    Args:
        n_samples: Permutations, the same for all examples; "auto" goes on with an example until its 95 % intervals are
            narrow.
        permutations: How they are drawn; see
            [PermutationSampling][pellucid.methods.shapley.coalitions.PermutationSampling].
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        max_samples: With "auto", where it gives up; the result tells which examples have `converged`, and
            how many permutations each took in `n_evaluations`.
        seed: Seeds the permutations; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, ShapleyValueSampling
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> ShapleyValueSampling(n_samples=100, seed=0)(problem).values[0].sum()
        tensor(6.)
        >>> ShapleyValueSampling(n_samples=100, permutations="antithetic", seed=0)(problem).stderr
        (tensor([[0., 0.]]),)
    """

    n_samples: int | Literal["auto"] = 25
    permutations: PermutationSampling = "random"
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
        """The sampled Shapley values.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...); an output (B, 1)
            counts as (B,).
        """
        if self.permutations not in get_args(PermutationSampling):
            known = ", ".join(get_args(PermutationSampling))
            raise InvalidArgument(f"permutations must be one of {known}: got {summary(self.permutations)}.")
        generator = shared_generator(self.seed, self.generator)
        game = Game(f, feature_mask, baselines, removal)
        per_draw = permutations_per_draw(game, self.permutations)
        adaptive_sampler = AdaptiveSampler(f, self.n_samples, self, per_draw=per_draw)
        draw = functools.partial(sample_permutations, game, self.permutations, generator=generator)
        return await permutation_estimate(game, adaptive_sampler, draw, per_draw)


@final
@dataclass(frozen=True, kw_only=True)
class ShapleyValues(Summarized):
    """Shapley values, exactly: from the values of all 2^n coalitions of the features.

    a_i = sum over coalitions S without i of |S|! (n - |S| - 1)! / n! * (F(S and i) - F(S)), where F(S) is the output
    for x in the features of S and x' elsewhere

    Shapley, "A value for n-person games", 1953.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, ShapleyValues
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> ShapleyValues()(problem).values
        (tensor([[3., 3.]]),)
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
        """The Shapley values.

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
        values = await all_coalition_values(game, "Shapley values", "ShapleyValueSampling")
        return game_attributions(game, semivalues(values, shapley_weights(len(game.active_features))))
