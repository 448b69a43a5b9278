"""Methods that follow a path from a baseline to the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.expectation import Moments, expectation, sweep
from pellucid.core.pathway import Baselines, Pathway
from pellucid.core.quadrature import Quadrature, quadrature
from pellucid.core.randomness import draws_from, noisy, spreads
from pellucid.core.tensors import Tensors, at, floating, lerp, minus, narrowed, tensors_of, times, total, widened
from pellucid.errors import InvalidArgument, check_count
from pellucid.methods.result import Attributions, attribution, completeness_gap


@final
@dataclass(frozen=True, kw_only=True)
class IntegratedGradients:
    """Gradients integrated along the straight line from the baseline to the input.

    a_i = (x_i - x'_i) * integral over alpha in [0, 1] of dF(x' + alpha (x - x')) / dx_i

    The attributions add up to F(x) - F(x').

    Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017, https://arxiv.org/abs/1703.01365.

    Args:
        steps: Points on the line.
        rule: How the integral becomes a sum; see [quadrature][pellucid.core.quadrature.quadrature].
        multiply_by_inputs: Whether to multiply by x - x' (global attribution) or not (local).

    Examples:
        >>> path = Pathway.of(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> IntegratedGradients()(path).values
        (tensor([[3.0000, 3.0000]]),)
    """

    steps: int = 50
    rule: Quadrature = "gausslegendre"
    multiply_by_inputs: bool = True

    @attribution
    def __call__(self, path: Pathway, /, baselines: Baselines = None, *, delta: bool = False) -> Attributions:
        """The integrated gradients.

        Args:
            path: From the inputs to one value per example.
            baselines: Where the line starts; see [Baselines][pellucid.core.pathway.Baselines].
            delta: Whether to measure how far the attributions are from adding up, at two more forwards.

        Returns:
            Attributions of the shapes of the inputs; delta of shape (B,).
        """
        x, x0 = floating(path.x), path.like_x(baselines)
        nodes, weights = map(torch.from_numpy, quadrature(self.rule, self.steps))

        def line(places: Tensor, samples: Tensor) -> Tensors:
            return lerp(at(x0, places), at(x, places), nodes[samples])

        gradients = expectation(path, weights, line)
        found = narrowed(times(gradients, minus(x, x0)) if self.multiply_by_inputs else gradients, x)
        if not delta:
            return Attributions(found)
        start, end = (lambda places, _: at(x0, places)), (lambda places, _: at(x, places))
        return Attributions(found, completeness_gap(path, total(found)[:, None], start, end))


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
        samples: Samples per example.
        stdevs: Standard deviation of the noise added to the inputs, one number or one for each input tensor.
        multiply_by_inputs: Whether to multiply by x + e - x' (global attribution) or not (local).
        seed: Gives every example its own stream of random numbers; None draws from the global generators.
        generator: Gives the seed.

    Examples:
        >>> path = Pathway.of(lambda x: x[:, 0] - 2 * x[:, 1], torch.ones(1, 2))
        >>> GradientShap(samples=20, seed=0)(path, torch.zeros(3, 2)).values
        (tensor([[ 1., -2.]]),)
    """

    samples: int = 5
    stdevs: float | tuple[float, ...] = 0.0
    multiply_by_inputs: bool = True
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    def __call__(self, path: Pathway, /, baselines: Tensor | Tensors, *, delta: bool = False) -> Attributions:
        """The expected gradients, with standard errors.

        Args:
            path: From the inputs to one value per example.
            baselines: The distribution to draw from: tensors (n_baselines, ...) of any number of baselines.
            delta: Whether to measure how far each sample is from adding up, at two more forwards per sample.

        Returns:
            Attributions of the shapes of the inputs; delta of shape (B * samples,), the samples of an example together.
        """
        check_count("n_samples", self.samples)
        stdevs = spreads(self.stdevs, len(path.x))
        distributions = self._distributions(path, baselines)
        draws = draws_from(self.seed, self.generator, len(path))
        chosen = [draws.choice(len(each), len(path), self.samples) for each in distributions]
        noise = tuple(draws.normal(x, self.samples, stdev) for x, stdev in zip(path.x, stdevs, strict=True))
        alphas = draws.uniform(len(path), self.samples)

        def start(places: Tensor, samples: Tensor) -> Tensors:
            drawn = places * self.samples + samples
            return tuple(at((each,), index[drawn])[0] for each, index in zip(distributions, chosen, strict=True))

        def end(places: Tensor, samples: Tensor) -> Tensors:
            return noisy(path.x, places, noise, places * self.samples + samples)

        def between(places: Tensor, samples: Tensor) -> Tensors:
            return lerp(start(places, samples), end(places, samples), alphas[places * self.samples + samples])

        moments = Moments(len(path), self.samples)
        totals = total(path.x).new_zeros(len(path), self.samples)
        for places, samples, reading in sweep(path, self.samples, between, path.gradient):
            shares = tuple(map(widened, reading.grad))
            if self.multiply_by_inputs:
                shares = times(shares, minus(end(places, samples), start(places, samples)))
            moments.add(places, samples, shares)
            totals[places, samples] = total(shares).detach()
        gap = completeness_gap(path, totals, start, end) if delta else None
        return Attributions(narrowed(moments.mean, path.x), gap, moments.stderr)

    def _distributions(self, path: Pathway, baselines: Tensor | Tensors) -> Tensors:
        given = tensors_of(baselines, "baselines")
        expected = tuple(("n_baselines", *x.shape[1:]) for x in path.x)
        if len(given) != len(path.x) or any(d.shape[1:] != x.shape[1:] for d, x in zip(given, path.x, strict=True)):
            found = ", ".join(str(tuple(d.shape)) for d in given)
            raise InvalidArgument(f"baselines must be a distribution for each input: expected {expected}, got {found}.")
        return tuple(d.to(x) for d, x in zip(given, floating(path.x), strict=True))
