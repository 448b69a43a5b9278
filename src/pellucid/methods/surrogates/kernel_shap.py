"""Kernel SHAP: Shapley values as the coefficients of a linear model, by few coalitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.random_streams import shared_generator
from pellucid.errors import InvalidArgument, check_count, warn
from pellucid.methods.calling.attribution import attribution
from pellucid.methods.shapley.estimation import fit_to_coalitions
from pellucid.methods.surrogates.coalition_samplers import CaptumSampler, CoalitionSampler, PairedSampler, first_samples
from pellucid.methods.surrogates.design import DesignColumns
from pellucid.methods.surrogates.least_squares import constrained_least_squares

Sampling = Literal["auto", "captum"]
"""Which coalitions are evaluated, all examples or each its own.

* `"auto"`: all, where `samples` allows for them; otherwise all of a single feature and as many of every other size, as
  far as there are so many: random ones, none of them twice, and each with its complement. The same for all examples; a
  feature that equals its baseline in some of them alone takes part in all.
* `"captum"`: sizes drawn by the Shapley kernel, and random coalitions of these; for each example in turn, as Captum
  does, or with a seed the same for all.
"""

ADDITIONAL_SAMPLES = 2048
"""Coalitions beside those that determine the answer, unless the user chooses."""


@final
@dataclass(frozen=True, kw_only=True)
class KernelShap:
    """Shapley values, as the solution of a weighted least-squares problem over coalitions.

    minimise over a: sum over coalitions S of (n - 1) / (C(n, |S|) |S| (n - |S|)) * (F(S) - F(none) - sum of a_i in S)^2
    with the sum of all a_i = F(all) - F(none)

    The condition holds exactly. With all coalitions these are the Shapley values; of an additive model, with any that
    determine them. Standard errors are none where all coalitions of a single feature are alone. Those of few
    pairs of coalitions are right on average, but uncertain themselves: intervals of 1.96 of them on each side then hold
    not 95 % of the values but, in games that are far from additive, about 90 %.

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874;
    Covert, Lee, "Improving KernelSHAP", 2021, https://arxiv.org/abs/2012.01536.

    Args:
        samples: How many coalitions, those of none and of all among them; None is 2 n + 2048 for n features that make
            a difference. Never more than there are are evaluated. "auto" goes on with an example until its 95 %
            intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        most_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        sampling: Which coalitions; see [Sampling][pellucid.methods.surrogates.kernel_shap.Sampling].
        per_feature: Whether the attributions are one for each number of a feature, (B, numbers), in place of the
            shapes of the source.
        seed: Seeds the coalitions, which all examples then share; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import KernelShap, Problem
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> KernelShap()(problem).values
        (tensor([[3., 3., 1.]]),)
    """

    samples: int | Literal["auto"] | None = None
    tolerance: float = 0.01
    relative: bool = False
    most_samples: int = MOST_SAMPLES
    sampling: Sampling = "auto"
    per_feature: bool = False
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The Shapley values, or estimates of them.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).

        Raises:
            InvalidArgument: Something does not fit; with `"auto"`, the samples are too few to determine the answer.
        """
        if self.sampling not in ("auto", "captum"):
            raise InvalidArgument(f'sampling must be "auto" or "captum": got {self.sampling!r}.')
        game = Game(f, feature_mask, baselines)
        design = DesignColumns(game)
        generator = shared_generator(self.seed, self.generator)
        columns = torch.arange(design.columns, device="cpu")
        if self.sampling == "auto":
            columns = design.column_of_feature[game.playing]
            source: CoalitionSampler = PairedSampler(len(columns), generator)
        else:
            alike = (
                generator is not None or self.samples == "auto" or f.session.whole_batch
            )  # of examples that meet, too
            source = CaptumSampler(design.columns, 1 if alike else await design.games(), generator)
        samples = 2 * len(columns) + ADDITIONAL_SAMPLES if self.samples is None else self.samples
        first = first_samples(len(columns))
        if samples == "auto" and self.sampling == "auto":
            check_count("most_samples", self.most_samples, min(first, 2 * len(columns) + 2))
        narrowing = AdaptiveSampler(f, samples, self, first=first)
        told_apart = 0

        def coalitions(samples: int) -> Tensor:
            present = source.more(samples)
            return present.new_zeros(*present.shape[:2], design.columns).index_copy_(2, columns, present)

        def solved(_: Game, present: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
            nonlocal told_apart
            playing = present[:, :, columns].transpose(0, 1)
            solution = constrained_least_squares(playing, outputs, source.weights, source.draws, source.left)
            told_apart = solution.rank
            return of_all(solution.coefficients), None if solution.stderr is None else of_all(solution.stderr)

        def of_all(values: Tensor) -> Tensor:
            return values.new_zeros(len(values), design.columns, values.shape[2]).index_copy_(1, columns, values)

        found, stderr = await fit_to_coalitions(
            game, narrowing, coalitions, solved, design.column_of_feature[game.playing]
        )
        if told_apart < len(columns):
            warn(
                f"n_samples must be larger to determine the attributions: {narrowing.done} coalitions tell apart "
                f"{told_apart} of {len(columns)} features, and the smallest attributions that fit are given. "
                'Hint: sampling="auto" chooses better ones.'
            )
        return narrowing.annotate(design.attributions(found, stderr, per_feature=self.per_feature))
