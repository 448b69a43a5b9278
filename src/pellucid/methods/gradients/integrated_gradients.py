"""Gradients integrated along the line from a baseline to the input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.adaptive_steps import MOST_STEPS, AdaptiveIntegral, integrate_adaptively
from pellucid.core.evaluation.block_buffer import BlockBuffer
from pellucid.core.evaluation.completeness import (
    ENOUGH_STEPS,
    completeness_gap,
    ends_fit_into_block,
    warn_of_misses,
    with_ends,
)
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.point_samplers import straight_line
from pellucid.core.evaluation.quadrature import Quadrature, quadrature
from pellucid.core.evaluation.sweep import by_point, weighted_gradient_sum
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.points import Points
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, as_floating, minus, per_target, times
from pellucid.errors import InvalidArgument
from pellucid.methods.calling.attribution import attribution


@final
@dataclass(frozen=True, kw_only=True)
class IntegratedGradients(Summarized):
    """Gradients integrated along the straight line from the baseline to the input.

    a_i = (x_i - x'_i) * integral over alpha in [0, 1] of dF(x' + alpha (x - x')) / dx_i

    The attributions add up to F(x) - F(x').

    Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017, https://arxiv.org/abs/1703.01365.

    Args:
        n_steps: Points on the line; "auto" takes as many as each example needs for its attributions to add up to the
            change of the output, by the trapezoid rule.
        method: How the integral becomes a sum; see [quadrature][pellucid.core.evaluation.quadrature.quadrature]. With
            "auto" it may only be the default, which is then not used, or "riemann_trapezoid".
        multiply_by_inputs: Whether to multiply by x - x' (global attribution) or not (local).
        tolerance: With "auto", how far the sum may be from the change.
        relative: Whether the tolerance is a share of the change.
        max_steps: With "auto", the most intervals; the result says which examples have `converged`.

    Examples:
        >>> import torch
        >>> from pellucid.methods import IntegratedGradients, Problem
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> IntegratedGradients()(problem).values[0].round(decimals=4)
        tensor([[3., 3.]])
        >>> certain = IntegratedGradients(n_steps="auto", tolerance=1e-4)(problem)
        >>> certain.n_evaluations, certain.converged
        (tensor([5]), tensor([True]))
    """

    n_steps: int | Literal["auto"] = 50
    method: Quadrature = "gausslegendre"
    multiply_by_inputs: bool = True
    tolerance: float = 1e-3
    relative: bool = False
    max_steps: int = MOST_STEPS

    @attribution
    def __call__(
        self, f: ModelFunction, /, baselines: Baselines = None, *, return_convergence_delta: bool = False
    ) -> Attributions:
        """The integrated gradients.

        Args:
            f: A function of the inputs, with one value per example.
            baselines: Where the line starts; see [Baselines][pellucid.methods.Baselines].
            return_convergence_delta: Whether to measure how far the attributions are from adding up, at two more
                forwards.

        Returns:
            Attributions of the shapes of the inputs; delta of shape (B,).

        Raises:
            InvalidArgument: Gradients are taken at another place than the source, or the method is not that of "auto".
        """
        if self.multiply_by_inputs and f.evaluator.gradient_at != f.evaluator.source:
            raise InvalidArgument(
                "gradient_at must be the source, where the line is that gradients are integrated along. "
                "Hint: source=layer, or Conductance, which follows what passes through a layer."
            )
        start = f.baselines(baselines)
        x, reference = as_floating(f.x), f.to_source(start)
        n_evaluations = converged = None
        rounds: tuple[tuple[int, float], ...] = ()
        outputs_at_ends: Tensors = ()
        if self.n_steps == "auto":
            integral = self._refined(f, reference, x)
            gradients, n_evaluations, converged = integral.gradients, integral.n_evaluations, integral.converged
            rounds = integral.rounds
        else:
            nodes, weights = map(torch.from_numpy, quadrature(self.method, self.n_steps))
            if self.multiply_by_inputs and not return_convergence_delta and ends_fit_into_block(f, self.n_steps):
                gradients, outputs_at_ends = _gradients_and_outputs(f, reference, x, nodes, weights)
            else:
                gradients = weighted_gradient_sum(f, weights, straight_line(reference, x, nodes))
        values = times(gradients, per_target(minus(x, reference), gradients)) if self.multiply_by_inputs else gradients
        result = replace(f.attributions(values, n_evaluations=n_evaluations, converged=converged), rounds=rounds)
        if outputs_at_ends:
            warn_of_misses(result.values, *outputs_at_ends)
        if not return_convergence_delta:
            return result
        has_enough_steps = self.n_steps == "auto" or self.n_steps >= ENOUGH_STEPS
        gap = completeness_gap(f, result.values, start, exact=self.multiply_by_inputs and has_enough_steps)
        return replace(result, delta=gap)

    def _refined(self, f: ModelFunction, start: Tensors, end: Tensors) -> AdaptiveIntegral:
        """The mean gradient along a line, of as many steps as each example needs.

        Raises:
            InvalidArgument: The method is another than the trapezoid rule, or the default.
        """
        if self.method not in ("gausslegendre", "riemann_trapezoid"):
            raise InvalidArgument(
                'method must be "riemann_trapezoid", whose steps can be refined, for n_steps="auto": '
                f"got {self.method!r}. Hint: leave it out."
            )
        most = check_count("max_steps", self.max_steps)
        return integrate_adaptively(f, start, end, self.tolerance, self.relative, most)


def _gradients_and_outputs(
    f: ModelFunction, start: Tensors, end: Tensors, nodes: Tensor, weights: Tensor
) -> tuple[Tensors, Tensors]:
    """The mean gradient along a line, and the outputs at its end and its start, which are two more samples."""
    # Both come first, with weight zero: weighted_gradient_sum evaluates such samples and leaves them out of the sum.
    weights = torch.cat([weights.new_zeros(2), weights])
    buffer = BlockBuffer(len(weights) * len(f))

    def evaluate(points: Points) -> Tensors:
        gradient = f.gradient(points)
        buffer.add(len(points), (gradient.value.detach(),))
        return gradient.grad

    gradients = weighted_gradient_sum(f, weights, straight_line(start, end, with_ends(nodes)), evaluate)
    output_at_start, output_at_end = by_point(buffer, len(weights))[:, :2].unbind(1)
    return gradients, (output_at_end, output_at_start)
