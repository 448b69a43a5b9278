"""Integrals along a line, refined until they are exact enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.completeness import as_single_sample
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.point_samplers import precomputed_points, straight_line
from pellucid.core.evaluation.sweep import values_at, weighted_gradient_sum
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, minus, per_target, sum_over_tensors, times
from pellucid.errors import InvalidArgument, OneForBatch, warn

FIRST_STEPS = 4
"""The intervals of the first round."""

ROUNDED_BITS = 8
"""A change of the output that is only so many times the rounding of a number of its size is none."""

MOST_STEPS = 2**14
"""The default of `max_steps`: the intervals at which refinement gives up."""


@final
@dataclass(frozen=True, eq=False)
class AdaptiveIntegral(Summarized):
    """The mean gradient along a line, with what it took.

    Args:
        gradients: The mean gradients, of the shapes of the points.
        n_evaluations: How many gradients were taken for each point, int64 [n].
        converged: Whether the point's attributions add up to within the tolerance, bool [n].
        rounds: How many gradients a point had taken after each round, and by how much sums then missed the change.
    """

    gradients: Tensors
    n_evaluations: Tensor
    converged: Tensor
    rounds: tuple[tuple[int, float], ...]


def integrate_adaptively(
    f: ModelFunction, start: Tensors, end: Tensors, tolerance: float, relative: bool, most: int
) -> AdaptiveIntegral:
    """The mean gradient from start to end by the trapezoid rule, doubling the number of intervals in each round.

    Gradients of earlier rounds are used again. Only those points are refined whose attributions, mean gradient times
    (end - start), do not yet add up to the change of the output.

    Args:
        f: The function, with one value per example; its gradients are taken at the source.
        start: Where the lines start, at the source, (n, ...) each.
        end: Where they end, likewise.
        tolerance: How far the sum of the attributions may be from the change of the output.
        relative: Whether the tolerance is a share of that change, but never less than what is lost in rounding.
        most: The most intervals.

    Raises:
        InvalidArgument: The tolerance is not above zero, or the model returns one value for the batch.
    """
    if not tolerance > 0:
        raise InvalidArgument(f"tolerance must be above zero: got {tolerance}.")
    output_at_start = values_at(f, 1, precomputed_points(as_single_sample(start)))
    output_at_end = values_at(f, 1, precomputed_points(as_single_sample(end)))
    change = output_at_end - output_at_start
    if len(change) != len(f) or f.session.whole_batch:
        raise OneForBatch(
            'n_steps="auto" needs one value for each example: got one for the batch. Hint: n_steps=200 for all.'
        )
    change = change[:, 0]  # [n], or [n, K] of several targets
    sizes = (output_at_start.abs() + output_at_end.abs())[:, 0]
    goal = _relative_goal(tolerance, change, sizes) if relative else torch.full_like(change, tolerance)
    steps = min(FIRST_STEPS, most)
    nodes = torch.linspace(0, 1, steps + 1, dtype=torch.float64, device="cpu")
    weights = torch.full_like(nodes, 1 / steps)
    weights[[0, -1]] /= 2
    means = weighted_gradient_sum(f, weights, straight_line(start, end, nodes))
    evaluations = torch.full((len(f),), steps + 1, device="cpu")
    rounds: list[tuple[int, float]] = []
    while True:
        shares = times(means, per_target(minus(end, start), means))
        gap = (sum_over_tensors(shares, change.ndim).detach() - change).cpu()
        rounds.append((steps + 1, float(gap.abs().amax())))
        adds_up = gap.abs() <= goal.cpu()
        converged = adds_up.reshape(len(f), -1).all(1)
        goes_on = (~adds_up & gap.isfinite()).reshape(len(f), -1).any(1)  # what is not finite never adds up
        unfinished = goes_on.nonzero().flatten()
        if len(unfinished) and 2 * steps > most:
            rows, missed = f.examples[unfinished].tolist(), float(gap[unfinished].abs().max())
            warn(
                f"tolerance is not reached in {steps} steps for examples {summary(rows)}: sums miss the change of the "
                f"output by up to {missed:.2g}. Hint: a larger tolerance, or relative=True, or more as max_steps."
            )
        if not len(unfinished) or 2 * steps > most:
            return AdaptiveIntegral(means, evaluations, converged, tuple(rounds))
        midpoints = (torch.arange(steps, dtype=torch.float64, device="cpu") + 0.5) / steps
        starts, ends = (tuple(tensor[unfinished.to(tensor.device)] for tensor in points) for points in (start, end))
        means_of_midpoints = weighted_gradient_sum(
            f.select(unfinished), torch.full_like(midpoints, 1 / steps), straight_line(starts, ends, midpoints)
        )
        for mean, mean_of_midpoints in zip(means, means_of_midpoints, strict=True):
            index = unfinished.to(mean.device)
            mean[index] = (mean[index] + mean_of_midpoints) / 2
        evaluations[unfinished] += steps
        steps *= 2


def _relative_goal(tolerance: float, change: Tensor, sizes: Tensor) -> Tensor:
    """A share of the change, but no less than what is lost in rounding of outputs of these sizes."""
    return torch.maximum(tolerance * change.abs(), ROUNDED_BITS * torch.finfo(change.dtype).eps * sizes)
