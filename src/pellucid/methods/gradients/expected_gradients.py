"""Expected gradients: baselines, and points on the line from each of them, are sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor

from pellucid.core.evaluation.adaptive_sampling import MAX_SAMPLES_PER_ROUND, MOST_SAMPLES, AdaptiveSampler
from pellucid.core.evaluation.block_buffer import BlockBuffer
from pellucid.core.evaluation.completeness import completeness_gaps
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.moments import Moments
from pellucid.core.evaluation.point_samplers import DrawnOnDemand, precomputed_points
from pellucid.core.evaluation.sweep import PointSampler, by_point, repeat_examples, sweep
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Background, Baselines, given_baselines, not_a_distribution
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
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import (
    Tensors,
    at_least_float32,
    lerp,
    minus,
    per_target,
    sum_over_tensors,
    times,
    unwrap_single,
)
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class GradientShap(Summarized):
    """Expected gradients: integrated gradients, averaged over baselines; both are estimated from samples.

    a_i = E[(x_i + e_i - x'_i) * dF(x' + alpha (x + e - x')) / dx_i], with x' drawn from the baselines, e from Gaussian
    noise and alpha from [0, 1]

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874;
    Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and expected
    gradients", 2021, https://arxiv.org/abs/1906.10670.

    Args:
        n_samples: Samples per example; "auto" samples each example until its 95 % intervals are narrow.
        tolerance: With "auto", half the width of an interval that is narrow enough.
        relative: Whether the tolerance is a share of the example's largest attribution.
        max_samples: With "auto", the most samples per example; the result says which examples have `converged`.
        stdevs: Standard deviation of the noise added to the inputs, one number or one for each input tensor.
        multiply_by_inputs: Whether to multiply by x + e - x' (global attribution) or not (local).
        return_stderr: Whether to estimate standard errors.
        seed: Seeds a stream of random numbers for each example; None draws from the global generators.
        generator: Draws the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import GradientShap, Problem
        >>> problem = Problem(lambda x: x[:, 0] - 2 * x[:, 1], torch.ones(1, 2))
        >>> GradientShap(n_samples=20, seed=0)(problem, torch.zeros(3, 2)).values
        (tensor([[ 1., -2.]]),)
    """

    n_samples: int | Literal["auto"] = 5
    tolerance: float = 0.01
    relative: bool = False
    max_samples: int = MOST_SAMPLES
    stdevs: float | tuple[float, ...] = 0.0
    multiply_by_inputs: bool = True
    return_stderr: bool = True
    seed: Seed = None
    generator: torch.Generator | None = None

    @attribution
    def __call__(
        self, f: ModelFunction, /, baselines: Baselines, *, return_convergence_delta: bool = False
    ) -> Attributions:
        """The expected gradients, with standard errors.

        Args:
            f: A function of the inputs, with one value per example.
            baselines: The distribution to draw from: a tensor (n_baselines, ...) for each input, each drawn by itself;
                a [Background][pellucid.methods.Background], whose rows are drawn; or a function of the inputs that
                returns one.
            return_convergence_delta: Whether to measure how far each sample is from adding up, at two more forwards per
                sample.

        Returns:
            Attributions of the shapes of the inputs; delta of shape (B * samples,), the samples of an example together.
        """
        stdevs = stdev_per_input(self.stdevs, len(f.x))
        baselines = given_baselines(baselines, unwrap_single(f.problem.inputs))
        distribution: Any = baselines if isinstance(baselines, tuple | Background) else (baselines,)
        if isinstance(distribution, tuple) and not isinstance(distribution[0], Tensor):
            raise not_a_distribution(baselines, f.baseline_template())
        if return_convergence_delta and self.n_samples == "auto":
            raise InvalidArgument('return_convergence_delta must be False for n_samples="auto": got True.')
        sampler = AdaptiveSampler(f, self.n_samples, self, at_once=MAX_SAMPLES_PER_ROUND)
        moments = Moments(len(f), orders=2 if self.return_stderr or self.n_samples == "auto" else 1)
        gap = None
        with random_source(resolve_seed(self.seed, self.generator), f.ids) as draws:
            while sampler.count:
                gap = self._add_samples(
                    f if sampler.all_active else f.select(sampler.active_points),
                    sampler,
                    moments,
                    distribution,
                    stdevs,
                    draws.select(sampler.active_points),
                    return_convergence_delta,
                )
                sampler.update(moments.mean, moments.stderr)
        return sampler.annotate(f.attributions(moments.mean, delta=gap, stderr=moments.stderr))

    def _add_samples(
        self,
        f: ModelFunction,
        sampler: AdaptiveSampler,
        moments: Moments,
        distribution: tuple[Tensor | float, ...] | Background,
        stdevs: tuple[float, ...],
        draws: RandomSource,
        return_delta: bool,
    ) -> Tensor | None:
        """Evaluate the next samples of the examples that have not converged, and add them to the moments.

        Returns:
            How far each sample is from adding up, [n * samples], if wanted.
        """
        starts = _drawn_baselines(distribution, f, draws, sampler.count)

        # The global generators draw all noise before the first forward, as in Captum. For a delta it is needed twice.
        ends: PointSampler
        if return_delta or not draws.seeded:
            ends = precomputed_points(add_gaussian_noise(f.x, draws, sampler.count, stdevs))
        else:
            ends = DrawnOnDemand(lambda count: add_gaussian_noise(f.x, draws, count, stdevs))
        alphas = draws.uniform(len(f), sampler.count)

        def sample_lines(samples: slice, point_range: slice) -> Tensors:
            """Points on the lines, at the source, and the lines' differences end - start, where gradients are taken."""
            end, start = ends(samples, point_range), starts(samples, point_range)
            examples = repeat_examples(f.examples, samples, point_range)
            start = f.to_source(start, examples)
            weights = alphas[point_range, samples].T.reshape(1, -1)
            points = lerp(tuple(x[None] for x in start), tuple(x[None] for x in end), weights)
            if not self.multiply_by_inputs:
                return points
            activations = (f.activations(Points(tensors, examples)) for tensors in (end, start))
            return points + minus(*activations)

        def contributions(points: Points) -> Tensors:
            """Gradients at the points, times the differences that came with them."""
            on_line = Points(points.tensors[: len(f.x)], points.examples)
            grads = tuple(map(at_least_float32, f.gradient(on_line).grad))
            return times(grads, per_target(points.tensors[len(f.x) :], grads)) if self.multiply_by_inputs else grads

        sums = BlockBuffer(sampler.count * len(f))
        for samples, point_range, block in sweep(f, sampler.count, sample_lines, contributions):
            moments.add(sampler.global_range(samples), sampler.point_indices(point_range), block)
            if return_delta:
                kept = 3 if f.evaluator.target.several else 2
                totals = sum_over_tensors(tuple(tensor.detach().transpose(0, 1) for tensor in block), kept)
                rows = len(repeat_examples(f.examples, samples, point_range))
                sums.add(rows, (totals.transpose(0, 1).flatten(0, 1),))
        return completeness_gaps(f, by_point(sums, sampler.count), starts, ends) if return_delta else None


def _drawn_baselines(
    distribution: tuple[Tensor | float, ...] | Background, f: ModelFunction, draws: RandomSource, samples: int
) -> PointSampler:
    """Draws a baseline for each sample of each of a function's own points: like the inputs of the model."""
    like, points = f.baseline_template(), torch.arange(len(f), device="cpu")
    rows: tuple[Tensor | None, ...]
    if isinstance(distribution, Background):
        backgrounds = distribution.rows_like(like, f.session.other_rows(f.examples), f.problem.batch_size)
        rows = (draws.choice(len(backgrounds[0]), len(f), samples, 0),) * len(like)
    else:
        rows = sample_rows(distribution, like, draws, len(f), samples)
        # As in Captum, a number may stand for the baselines of a later input.
        backgrounds = tuple(
            baselines.to(x).unsqueeze(1)
            if isinstance(baselines, Tensor)
            else x.new_full((1, 1, *x.shape[1:]), baselines)
            for baselines, x in zip(distribution, like, strict=True)
        )

    def baselines_of(background: Tensor, row: Tensor | None, sample_range: slice, point_range: slice) -> Tensor:
        examples = points[point_range].repeat(sample_range.stop - sample_range.start)
        columns = examples if background.shape[1] > 1 else torch.zeros_like(examples)
        drawn = torch.zeros_like(examples) if row is None else row[point_range, sample_range].T.flatten()
        return background[drawn.to(background.device), columns.to(background.device)]

    return lambda sample_range, point_range: tuple(
        baselines_of(background, row, sample_range, point_range)
        for background, row in zip(backgrounds, rows, strict=True)
    )
