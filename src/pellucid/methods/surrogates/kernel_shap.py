"""Kernel SHAP: Shapley values as the coefficients of a linear model of sampled coalitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument, warn
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.estimation import fit_to_coalitions
from pellucid.methods.surrogates.coalition_samplers import CaptumSampler, CoalitionSampler, PairedSampler, first_samples
from pellucid.methods.surrogates.design import DesignColumns
from pellucid.methods.surrogates.least_squares import constrained_least_squares

Sampling = Literal["auto", "captum"]
"""How coalitions are sampled.

* `"auto"`: all, where `n_samples` allows for them; otherwise all of a single feature and the same number of every other
  size, as far as there are so many: random ones without replacement, each with its complement. All examples share them;
  a feature that equals its baseline only in some examples takes part in all.
* `"captum"`: sizes drawn by the Shapley kernel, and random coalitions of these; for each example in turn, as Captum
  does, or with a seed the same for all.
"""

ADDITIONAL_SAMPLES = 2048
"""The default number of coalitions beyond twice the number of features."""


@final
@dataclass(frozen=True, kw_only=True)
class KernelShap(Summarized):
    """Shapley values, as the solution of a weighted least-squares problem over coalitions.

    minimise over a: sum over coalitions S of (n - 1) / (C(n, |S|) |S| (n - |S|)) * (F(S) - F(0) - sum of a_i in S)^2
    with the sum of all a_i = F(N) - F(0)

    for the empty coalition 0 and the grand coalition N of n features. The condition holds exactly. With all coalitions
    the solution is the Shapley values; for an additive model, it is with any that determine it. There are no standard
    errors where only coalitions of a single feature, and their complements, are sampled. Those from few pairs of
    coalitions are right on average but uncertain: intervals of 1.96 of them on each side then hold not 95 % of the
    values but, in games that are far from additive, about 90 %.

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874;
    Covert, Lee, "Improving KernelSHAP", 2021, https://arxiv.org/abs/2012.01536.

    Args:
        n_samples: How many coalitions, the empty and the grand one among them; None is 2 n + 2048 for n features that
            differ from their baselines in some example. Never more are evaluated than there are. "auto" goes on with an
            example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        max_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        sampling: How coalitions are sampled; see [Sampling][pellucid.methods.surrogates.kernel_shap.Sampling].
        per_feature: Whether the attributions are one per number of a feature, (B, numbers), in place of the shapes of
            the source.
        seed: Seeds the coalitions, which all examples then share; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import KernelShap, Problem
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> KernelShap()(problem).values
        (tensor([[3., 3., 1.]]),)
    """

    n_samples: int | Literal["auto"] | None = None
    tolerance: float = 0.01
    relative: bool = False
    max_samples: int = MOST_SAMPLES
    sampling: Sampling = "auto"
    per_feature: bool = False
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
        """The Shapley values, or estimates of them.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
            removal: How a feature is taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).

        Raises:
            InvalidArgument: Something does not fit; with `"auto"`, the samples are too few to determine the answer.
        """
        if self.sampling not in ("auto", "captum"):
            raise InvalidArgument(f'sampling must be "auto" or "captum": got {summary(self.sampling)}.')
        game = Game(f, feature_mask, baselines, removal)
        design = DesignColumns(game)
        generator = shared_generator(self.seed, self.generator)
        columns = torch.arange(design.columns, device="cpu")
        if self.sampling == "auto":
            columns = design.column_of_feature[game.active_features]
            coalition_sampler: CoalitionSampler = PairedSampler(len(columns), generator)
        else:
            shared = generator is not None or self.n_samples == "auto" or f.session.whole_batch
            coalition_sampler = CaptumSampler(design.columns, 1 if shared else await design.games(), generator)
        samples = 2 * len(columns) + ADDITIONAL_SAMPLES if self.n_samples is None else self.n_samples
        first_round = first_samples(len(columns))
        if samples == "auto" and self.sampling == "auto":
            check_count("max_samples", self.max_samples, min(first_round, 2 * len(columns) + 2))
        adaptive_sampler = AdaptiveSampler(f, samples, self, first=first_round)
        rank = 0

        def draw(samples: int) -> Tensor:
            present = coalition_sampler.sample(samples)
            return present.new_zeros(*present.shape[:2], design.columns).index_copy_(2, columns, present)

        def fit(_: Game, present: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
            nonlocal rank
            present = present[:, :, columns].transpose(0, 1)
            solution = constrained_least_squares(present, outputs, coalition_sampler.sample_weights)
            rank = solution.rank
            stderr = None if solution.stderr is None else to_all_columns(solution.stderr)
            return to_all_columns(solution.coefficients), stderr

        def to_all_columns(values: Tensor) -> Tensor:
            return values.new_zeros(len(values), design.columns, values.shape[2]).index_copy_(1, columns, values)

        player_columns = design.column_of_feature[game.active_features]
        coefficients, stderr = await fit_to_coalitions(game, adaptive_sampler, draw, fit, player_columns)
        if rank < len(columns):
            warn(
                f"n_samples must be larger to determine the attributions: {adaptive_sampler.done} coalitions tell "
                f"apart {rank} of {len(columns)} features, and the smallest attributions that fit are given. "
                'Hint: sampling="auto" chooses better ones.'
            )
        return adaptive_sampler.annotate(design.attributions(coefficients, stderr, per_feature=self.per_feature))
