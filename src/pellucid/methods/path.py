"""Methods that follow a path from a baseline to the input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.attributions import Attributions
from pellucid.core.baselines import Baselines, not_a_distribution
from pellucid.core.completeness import (
    ENOUGH_ROWS,
    completeness_gap,
    ends_ride,
    gaps,
    tell_of_misses,
    with_ends,
)
from pellucid.core.gathered import Gathered
from pellucid.core.model_function import ModelFunction
from pellucid.core.moments import Moments
from pellucid.core.point_samplers import InTurn, along, line
from pellucid.core.points import Points
from pellucid.core.quadrature import Quadrature, quadrature
from pellucid.core.randomness import Draws, Seed, chosen_from, drawing, noisy, seed_of, spreads
from pellucid.core.sweep import PointSampler, by_place, expectation, repeated, sweep
from pellucid.core.tensors import (
    Tensors,
    floating,
    lerp,
    minus,
    times,
    total,
    widened,
)
from pellucid.errors import InvalidArgument, check_count
from pellucid.methods.attribution import attribution
from pellucid.methods.narrowing import FEW_AT_ONCE, MOST_SAMPLES, Narrowing
from pellucid.methods.refinement import MOST_STEPS, refined


@final
@dataclass(frozen=True, kw_only=True)
class IntegratedGradients:
    """Gradients integrated along the straight line from the baseline to the input.

    a_i = (x_i - x'_i) * integral over alpha in [0, 1] of dF(x' + alpha (x - x')) / dx_i

    The attributions add up to F(x) - F(x').

    Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017, https://arxiv.org/abs/1703.01365.

    Args:
        steps: Points on the line; "auto" takes as many as each example needs for its attributions to add up to the
            change of the output, by the trapezoid rule.
        rule: How the integral becomes a sum; see [quadrature][pellucid.core.quadrature.quadrature].
        multiply_by_inputs: Whether to multiply by x - x' (global attribution) or not (local).
        tolerance: With "auto", how far the sum may be from the change.
        relative: Whether this is a share of the change.
        most_steps: With "auto", where it gives up; the result tells which examples have `reached` the tolerance.

    Examples:
        >>> import torch
        >>> from pellucid.methods import IntegratedGradients, Problem
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> IntegratedGradients()(problem).values[0].round(decimals=4)
        tensor([[3., 3.]])
        >>> certain = IntegratedGradients(steps="auto", tolerance=1e-4)(problem)
        >>> certain.evaluations, certain.reached
        (tensor([5]), tensor([True]))
    """

    steps: int | Literal["auto"] = 50
    rule: Quadrature = "gausslegendre"
    multiply_by_inputs: bool = True
    tolerance: float = 1e-3
    relative: bool = False
    most_steps: int = MOST_STEPS

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Baselines = None, *, delta: bool = False) -> Attributions:
        """The integrated gradients.

        Args:
            f: From the inputs to one value per example.
            baselines: Where the line starts; see [Baselines][pellucid.core.baselines.Baselines].
            delta: Whether to measure how far the attributions are from adding up, at two more forwards.

        Returns:
            Attributions of the shapes of the inputs; delta of shape (B,).

        Raises:
            InvalidArgument: Gradients are taken elsewhere than where the line is.
        """
        if self.multiply_by_inputs and f.evaluator.gradient_at != f.evaluator.source:
            raise InvalidArgument(
                "gradient_at must be the source, where the line is that gradients are integrated along. "
                "Hint: source=layer, or Conductance, which follows what passes through a layer."
            )
        start = f.baselines(baselines)
        x, x0 = floating(f.x), f.to_source(start)
        evaluations = reached = None
        outputs: Tensors = ()
        if self.steps == "auto":
            exact = refined(f, x0, x, self.tolerance, self.relative, check_count("most_steps", self.most_steps))
            gradients, evaluations, reached = exact.gradients, exact.evaluations, exact.reached
        else:
            nodes, weights = map(torch.from_numpy, quadrature(self.rule, self.steps))
            riding = f.evaluator.gradient_at == f.evaluator.source and ends_ride(f, self.steps)
            if self.multiply_by_inputs and not delta and riding:
                gradients, outputs = _with_ends(f, x0, x, nodes, weights)
            else:
                gradients = expectation(f, weights, line(x0, x, nodes))
        values = times(gradients, minus(x, x0)) if self.multiply_by_inputs else gradients
        result = f.attributions(values, evaluations=evaluations, reached=reached)
        if outputs:
            tell_of_misses(result.values, *outputs)
        if not delta:
            return result
        enough = self.steps == "auto" or self.steps >= ENOUGH_ROWS
        gap = completeness_gap(f, result.values, start, exact=self.multiply_by_inputs and enough)
        return replace(result, delta=gap)


@final
@dataclass(frozen=True, kw_only=True)
class InternalInfluence:
    """The mean gradient at a layer along the straight line from the baseline to the input.

    a_j = integral over alpha in [0, 1] of dF / dy_j, at x' + alpha (x - x')

    Leino et al., "Influence-directed explanations for deep convolutional networks", 2018,
    https://arxiv.org/abs/1802.03788.

    Args:
        steps: Points on the line.
        rule: How the integral becomes a sum; see [quadrature][pellucid.core.quadrature.quadrature].

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from pellucid.methods import InternalInfluence, Problem
        >>> model = nn.Sequential(nn.Flatten(), nn.Flatten(), nn.Softplus())
        >>> problem = Problem(model, torch.ones(1, 2), target=1, gradient_at="1")
        >>> InternalInfluence()(problem).values[0].round(decimals=4)
        tensor([[0.0000, 0.6201]])
    """

    steps: int = 50
    rule: Quadrature = "gausslegendre"

    @attribution
    def __call__(self, f: ModelFunction, /, baselines: Baselines = None) -> Attributions:
        """The mean gradients.

        Args:
            f: From the inputs, to read at a layer.
            baselines: Where the line starts; see [Baselines][pellucid.core.baselines.Baselines].

        Returns:
            Attributions of the shapes of the tensors at the layer.
        """
        x, x0 = floating(f.x), f.to_source(f.baselines(baselines))
        nodes, weights = map(torch.from_numpy, quadrature(self.rule, self.steps))
        return f.attributions(expectation(f, weights, line(x0, x, nodes)))


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
        most_samples: With "auto", where it gives up; the result tells which examples have `reached` the tolerance.
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
        stdevs = spreads(self.stdevs, len(f.x))
        distributions = baselines if isinstance(baselines, tuple) else (baselines,)
        if not isinstance(distributions[0], Tensor):
            raise not_a_distribution(baselines, f.baseline_template())
        if delta and self.samples == "auto":
            raise InvalidArgument('return_convergence_delta must be False for n_samples="auto": got True.')
        narrowing = Narrowing(f, self.samples, self, at_once=FEW_AT_ONCE)
        moments = Moments(len(f), orders=2 if self.stderr or self.samples == "auto" else 1)
        gap = None
        with drawing(seed_of(self.seed, self.generator), f.ids) as draws:
            while narrowing.count:
                part = f if narrowing.everyone else f.select(narrowing.places)
                gap = self._sampled(
                    part, narrowing, moments, distributions, stdevs, draws.among(narrowing.places), delta
                )
                narrowing.saw(moments.mean, moments.stderr)
        return narrowing.told(f.attributions(moments.mean, delta=gap, stderr=moments.stderr))

    def _sampled(
        self,
        f: ModelFunction,
        narrowing: Narrowing,
        moments: Moments,
        distributions: tuple[Tensor | float, ...],
        stdevs: tuple[float, ...],
        draws: Draws,
        delta: bool,
    ) -> Tensor | None:
        """Take in the next samples of those who are next; how far each is from adding up, if wanted."""
        sampled = (len(f), narrowing.count)
        chosen = chosen_from(distributions, f.baseline_template(), draws, *sampled)

        # As in Captum, a number may stand for the baselines of a later input.
        backgrounds = tuple(
            each.to(x) if isinstance(each, Tensor) else x.new_full((1, *x.shape[1:]), each)
            for each, x in zip(distributions, f.baseline_template(), strict=True)
        )

        def starts(samples: slice, places: slice) -> Tensors:
            rows = len(repeated(f.examples, samples, places))
            return tuple(
                each.expand(rows, *each.shape[1:])
                if choice is None
                else each[choice[places, samples].T.flatten().to(each.device)]
                for each, choice in zip(backgrounds, chosen, strict=True)
            )

        # Those of the global generators come before the first forward, as in Captum; to be visited again, they stay.
        ends: PointSampler
        if delta or not draws.seeded:
            ends = along(noisy(f.x, draws, narrowing.count, stdevs))
        else:
            ends = InTurn(lambda count: noisy(f.x, draws, count, stdevs))
        alphas = draws.uniform(*sampled)

        def lines(samples: slice, places: slice) -> Tensors:
            """Points on the lines at the source, and how far it is from start to end where the pathway reads."""
            ends_here, starts_here = ends(samples, places), starts(samples, places)
            examples = repeated(f.examples, samples, places)
            starts_here = f.to_source(starts_here, examples)
            start, end = (tuple(x[None] for x in tensors) for tensors in (starts_here, ends_here))
            tensors = lerp(start, end, alphas[places, samples].T.reshape(1, -1))
            if not self.multiply_by_inputs:
                return tensors
            activations = (f.activations(Points(each, examples)) for each in (ends_here, starts_here))
            return tensors + minus(*activations)

        def shares(points: Points) -> Tensors:
            on_line = Points(points.tensors[: len(f.x)], points.examples)
            grads = tuple(map(widened, f.gradient(on_line).grad))
            return times(grads, points.tensors[len(f.x) :]) if self.multiply_by_inputs else grads

        sums = Gathered(narrowing.count * len(f))
        for samples, places, found in sweep(f, narrowing.count, lines, shares):
            moments.add(narrowing.numbered(samples), narrowing.at(places), found)
            if delta:
                totals = total(tuple(each.detach().transpose(0, 1) for each in found), kept=2)
                sums.add(len(repeated(f.examples, samples, places)), (totals.T.flatten(),))
        return gaps(f, by_place(sums, narrowing.count), starts, ends) if delta else None


def _with_ends(
    f: ModelFunction, start: Tensors, end: Tensors, nodes: Tensor, weights: Tensor
) -> tuple[Tensors, Tensors]:
    """The mean gradient along a line, and the outputs at its end and its start."""
    counted = torch.cat([weights.new_zeros(2), weights])
    outputs = Gathered(len(counted) * len(f))

    def evaluate(points: Points) -> Tensors:
        gradient = f.gradient(points)
        outputs.add(len(points), (gradient.value.detach(),))
        return gradient.grad

    gradients = expectation(f, counted, line(start, end, with_ends(nodes)), evaluate)
    begin, finish = by_place(outputs, len(counted))[:, :2].unbind(1)
    return gradients, (finish, begin)
