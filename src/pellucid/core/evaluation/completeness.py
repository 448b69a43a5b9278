"""Completeness: how far attributions are from adding up to the change of the output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.point_samplers import precomputed_points
from pellucid.core.evaluation.sweep import PointSampler, values_at
from pellucid.core.tensors import Tensors, at_least_float32, sum_over_tensors
from pellucid.errors import warn


def completeness_gap(f: ModelFunction, attributions: Tensors, start: Tensors, *, exact: bool = False) -> Tensor:
    """How far attributions are from adding up to the change of the output: sum(attributions) - (F(x) - F(start)).

    At a layer, too, F is the whole model, from its inputs: what bypasses the layer is missing from the sum.

    Args:
        f: The function F.
        attributions: Attributions of its points, (n, ...) each.
        start: The baselines, of the shapes of the model's inputs.
        exact: Whether the attributions should add up, so that the user is warned where they do not.

    Returns:
        One gap per point, [n], or [n, K] of several targets; of one point where the model collapses the batch.
    """
    end, begin = outputs_at_ends(f, start)
    totals = sum_over_tensors(attributions, end.ndim).detach()
    if exact and not f.evaluator.source.modules and not totals.is_complex():
        warn_of_misses(attributions, end, begin, together=f.session.whole_batch)
    return gap_to_change(totals, end - begin)


def outputs_at_ends(f: ModelFunction, start: Tensors) -> tuple[Tensor, Tensor]:
    """The outputs at a function's own points and at the baselines `start`, [n] each, or [n, K] of several targets."""
    end = f.from_inputs() if f.own_tensors is None else f
    outputs_at_end = values_at(end, 1, precomputed_points(as_single_sample(end.x)))
    outputs_at_start = values_at(f.from_inputs(), 1, precomputed_points(as_single_sample(start)))
    return outputs_at_end[:, 0], outputs_at_start[:, 0]


ENOUGH_STEPS = 20
"""From so many steps on, two more rows per example cost little. With fewer, nobody expects completeness."""


def ends_fit_into_block(f: ModelFunction, steps: int) -> bool:
    """Whether both ends of a line can be evaluated as two more rows per example in the first block, almost for free."""
    steps_that_fit = f.session.budget.rows_that_fit // max(1, len(f))
    needs_forward_of_its_own = (
        f.problem.options.gradient_function is not None
        or f.problem.options.create_graph
        or any(tensor.is_complex() for tensor in f.x)
    )
    return min(steps, steps_that_fit) >= ENOUGH_STEPS and not (f.session.whole_batch or needs_forward_of_its_own)


def with_ends(nodes: Tensor) -> Tensor:
    """The nodes 0 and 1, the two ends of a line, followed by these nodes."""
    return torch.cat([torch.tensor([0.0, 1.0], dtype=nodes.dtype, device=nodes.device), nodes])


MAX_MISSED_SHARE, OUTPUT_ROUNDING = 0.05, 1e-4
"""How far a sum may miss the change of the output, as a share of that change, and of the outputs at both ends."""

CHANCE_FACTOR = 2
"""The sum of numbers with random signs seldom exceeds this many times their Euclidean norm."""


def warn_of_misses(
    attributions: Tensors,
    end: Tensor,
    start: Tensor,
    *,
    together: bool = False,
    due: Callable[[], bool] = lambda: True,
) -> None:
    """Warn of attributions whose sums miss the change of the output by more than rounding and a few per cent.

    A change may be close to zero by chance. So no change counts as smaller than what attributions of these sizes would
    add up to if their signs were random, nor as smaller than the batch's mean.

    Args:
        attributions: The attributions, (n, ...) each, or (n, K, ...) of several targets.
        end: The outputs at the inputs, [n] or [n, K]; of another length where the model returns one value for the
            batch.
        start: The outputs at the baselines, likewise.
        together: Whether examples depend on each other, so that only the sum over the batch can be compared.
        due: Whether the attributions should add up at all; called only where they do not.
    """
    squares = tuple(at_least_float32(tensor.detach()).abs().square() for tensor in attributions)
    totals, sizes = (sum_over_tensors(tensors, end.ndim) for tensors in (attributions, squares))
    columns = [totals, sizes, end, start]
    if together or len(totals) != len(end):
        columns = [column.sum(0, keepdim=True) for column in columns]
    rows = zip(*(column.detach().flatten().tolist() for column in columns), strict=True)
    comparisons = [_SumAndChange(*row) for row in rows]
    mean_change = sum(row.change for row in comparisons) / max(1, len(comparisons))
    misses = [row.miss for row in comparisons if row.is_miss(mean_change)]
    if misses and due():
        warn(
            f"attributions do not add up to the change of the output, which they miss by up to {max(misses):.2g}: "
            'the steps are too few. Hint: n_steps="auto", or more of them where a method has no "auto".'
        )


class _SumAndChange(NamedTuple):
    """One example's sum of attributions, sum of their squares, and outputs at the input and at the baseline."""

    total: float
    squares: float
    end: float
    start: float

    @property
    def miss(self) -> float:
        """How far the attributions are from adding up."""
        return abs(self.total - (self.end - self.start))

    @property
    def change(self) -> float:
        """The size of the change of the output; at least that of a sum of such attributions with random signs."""
        return max(abs(self.end - self.start), CHANCE_FACTOR * math.sqrt(self.squares))

    def is_miss(self, mean_change: float) -> bool:
        """Whether the miss is too large to be rounding, or a few per cent of the change or of the batch's mean."""
        too_large_a_share = self.miss > MAX_MISSED_SHARE * max(self.change, mean_change)
        return too_large_a_share and self.miss > OUTPUT_ROUNDING * (abs(self.end) + abs(self.start))


def completeness_gaps(f: ModelFunction, totals: Tensor, start: PointSampler, end: PointSampler) -> Tensor:
    """How far attributions are from adding up to the change of the output, for several samples of every point.

    Args:
        f: The function.
        totals: The sum of each sample's attributions, [n, samples], or [n, samples, K] of several targets.
        start: The baseline of each sample, of the shapes of the model's inputs.
        end: The point of each sample, at the source.

    Returns:
        One gap per sample, [n * samples] or [n * samples, K], the samples of a point together; [samples] where the
        model collapses the batch.
    """
    samples = totals.shape[1]
    change = values_at(f, samples, end) - values_at(f.from_inputs(), samples, start)
    return gap_to_change(totals, change).flatten(0, 1)


def gap_to_change(totals: Tensor, change: Tensor) -> Tensor:
    """Sums less the change of the output; summed over the examples where the model returns one value for the batch."""
    if len(change) == len(totals):
        return totals - change
    return totals.sum(0, keepdim=True) - change.sum(0, keepdim=True)


def as_single_sample(points: Tensors) -> Tensors:
    """Points (n, ...) as one sample per point, (n, 1, ...)."""
    return tuple(tensor.unsqueeze(1) for tensor in points)
