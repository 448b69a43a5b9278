"""Expected gradients: baselines and places on the line are sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MAX_SAMPLES_PER_ROUND, MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.completeness import (
    completeness_gaps,
)
from pellucid.core.evaluation.gathered import BlockBuffer
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.moments import Moments
from pellucid.core.evaluation.point_samplers import DrawnInTurn, precomputed_points
from pellucid.core.evaluation.sweep import PointSampler, by_place, repeat_examples, sweep
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import not_a_distribution
from pellucid.core.problem.points import Points
from pellucid.core.random_streams import (
    RandomSource,
    Seed,
    add_gaussian_noise,
    random_source,
    resolve_seed,
    sample_rows,
    stdev_per_input,
)
from pellucid.core.tensors import Tensors, at_least_float32, lerp, minus, sum_over_tensors, times
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class GradientShap:
    """Expected gradients: the integral of integrated gradients and the choice of baseline, both sampled.

    a_i = E[(x_i + e_i - x'_i) * dF(x' + alpha (x + e - x')) / dx_i], with x' drawn from the baselines, e from Gaussian
    noise and alpha from [0, 1]

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874;
    Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and expected
    gradients", 2021, https://arxiv.org/abs/1906.10670.

    Args:
        samples: Samples per example; "auto" goes on with an example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether this is a share of the example's largest attribution.
        most_samples: With "auto", where it gives up; the result tells which examples have `converged`.
        stdevs: Standard deviation of the noise added to the inputs, one number or one for each input tensor.
        multiply_by_inputs: Whether to multiply by x + e - x' (global attribution) or not (local).
        stderr: Whether to estimate standard errors.
        seed: Gives every example its own stream of random numbers; None draws from the global generators.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import GradientShap, Problem
        >>> problem = Problem(lambda x: x[:, 0] - 2 * x[:, 1], torch.ones(1, 2))
        >>> GradientShap(samples=20, seed=0)(problem, torch.zeros(3, 2)).values
        (tensor([[ 1., -2.]]),)
    """

    samples: int | Literal["auto"] = 5
    tolerance: float = 0.01
    relative: bool = False
    most_samples: int = MOST_SAMPLES
    stdevs: float | tuple[float, ...] = 0.0
    multiply_by_inputs: bool = True
    stderr: bool = True
    seed: Seed = None
    generator: torch.Generator | None = None

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Tensor | Tensors, *, delta: bool = False) -> Attributions:
        """The expected gradients, with standard errors.

        Args:
            f: From the inputs to one value per example.
            baselines: The distribution to draw from: tensors (n_baselines, ...) of any number of baselines.
            delta: Whether to measure how far each sample is from adding up, at two more forwards per sample.

        Returns:
            Attributions of the shapes of the inputs; delta of shape (B * samples,), the samples of an example together.
        """
        stdevs = stdev_per_input(self.stdevs, len(f.x))
        distributions = baselines if isinstance(baselines, tuple) else (baselines,)
        if not isinstance(distributions[0], Tensor):
            raise not_a_distribution(baselines, f.baseline_template())
        if delta and self.samples == "auto":
            raise InvalidArgument('return_convergence_delta must be False for n_samples="auto": got True.')
        narrowing = AdaptiveSampler(f, self.samples, self, at_once=MAX_SAMPLES_PER_ROUND)
        moments = Moments(len(f), orders=2 if self.stderr or self.samples == "auto" else 1)
        gap = None
        with random_source(resolve_seed(self.seed, self.generator), f.ids) as draws:
            while narrowing.count:
                part = f if narrowing.everyone else f.select(narrowing.places)
                gap = self._sampled(
                    part, narrowing, moments, distributions, stdevs, draws.among(narrowing.places), delta
                )
                narrowing.update(moments.mean, moments.stderr)
        return narrowing.annotate(f.attributions(moments.mean, delta=gap, stderr=moments.stderr))

    def _sampled(
        self,
        f: ModelFunction,
        narrowing: AdaptiveSampler,
        moments: Moments,
        distributions: tuple[Tensor | float, ...],
        stdevs: tuple[float, ...],
        draws: RandomSource,
        delta: bool,
    ) -> Tensor | None:
        """Take in the next samples of those who are next; how far each is from adding up, if wanted."""
        sampled = (len(f), narrowing.count)
        chosen = sample_rows(distributions, f.baseline_template(), draws, *sampled)

        # As in Captum, a number may stand for the baselines of a later input.
        backgrounds = tuple(
            each.to(x) if isinstance(each, Tensor) else x.new_full((1, *x.shape[1:]), each)
            for each, x in zip(distributions, f.baseline_template(), strict=True)
        )

        def starts(samples: slice, point_range: slice) -> Tensors:
            rows = len(repeat_examples(f.examples, samples, point_range))
            return tuple(
                each.expand(rows, *each.shape[1:])
                if choice is None
                else each[choice[point_range, samples].T.flatten().to(each.device)]
                for each, choice in zip(backgrounds, chosen, strict=True)
            )

        # Those of the global generators come before the first forward, as in Captum; to be visited again, they stay.
        ends: PointSampler
        if delta or not draws.seeded:
            ends = precomputed_points(add_gaussian_noise(f.x, draws, narrowing.count, stdevs))
        else:
            ends = DrawnInTurn(lambda count: add_gaussian_noise(f.x, draws, count, stdevs))
        alphas = draws.uniform(*sampled)

        def lines(samples: slice, point_range: slice) -> Tensors:
            """Points on the lines at the source, and how far it is from start to end where the pathway reads."""
            ends_here, starts_here = ends(samples, point_range), starts(samples, point_range)
            examples = repeat_examples(f.examples, samples, point_range)
            starts_here = f.to_source(starts_here, examples)
            start, end = (tuple(x[None] for x in tensors) for tensors in (starts_here, ends_here))
            tensors = lerp(start, end, alphas[point_range, samples].T.reshape(1, -1))
            if not self.multiply_by_inputs:
                return tensors
            activations = (f.activations(Points(each, examples)) for each in (ends_here, starts_here))
            return tensors + minus(*activations)

        def shares(points: Points) -> Tensors:
            on_line = Points(points.tensors[: len(f.x)], points.examples)
            grads = tuple(map(at_least_float32, f.gradient(on_line).grad))
            return times(grads, points.tensors[len(f.x) :]) if self.multiply_by_inputs else grads

        sums = BlockBuffer(narrowing.count * len(f))
        for samples, places, found in sweep(f, narrowing.count, lines, shares):
            moments.add(narrowing.global_range(samples), narrowing.at(places), found)
            if delta:
                totals = sum_over_tensors(tuple(each.detach().transpose(0, 1) for each in found), kept=2)
                sums.add(len(repeat_examples(f.examples, samples, places)), (totals.T.flatten(),))
        return completeness_gaps(f, by_place(sums, narrowing.count), starts, ends) if delta else None
