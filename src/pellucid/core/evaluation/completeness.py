"""How far attributions are from adding up to the change of what they explain."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.point_samplers import precomputed_points
from pellucid.core.evaluation.sweep import PointSampler, values_at
from pellucid.core.tensors import Tensors, at_least_float32, sum_over_tensors
from pellucid.errors import warn


def completeness_gap(f: ModelFunction, attributions: Tensors, start: Tensors, *, exact: bool = False) -> Tensor:
    """How far attributions are from adding up to the change of what is explained: sum(a) - (F(x) - F(start)).

    At a layer, too, the change is that of the whole model: what flows around the layer is missing from the sum.

    Args:
        f: The function.
        attributions: Attributions of its points.
        start: Where they started from, like the inputs of the model.
        exact: Whether they should add up, so that it is told where they do not.

    Returns:
        One gap per point, [n]; a single one where the model collapses the batch.
    """
    totals = sum_over_tensors(attributions).detach()
    end, begin = outputs_at_ends(f, start)
    if exact and not f.evaluator.source.modules and not totals.is_complex():
        warn_of_misses(attributions, end, begin, together=f.session.whole_batch)
    return gap_to_change(totals[:, None], end - begin).flatten()


def outputs_at_ends(f: ModelFunction, start: Tensors) -> tuple[Tensor, Tensor]:
    """What is explained at a function's own points, and where they started from, [n, 1] each."""
    end = f.from_inputs() if f.own_tensors is None else f
    return values_at(end, 1, precomputed_points(as_single_sample(end.x))), values_at(
        f.from_inputs(), 1, precomputed_points(as_single_sample(start))
    )


ENOUGH_ROWS = 20
"""Of so many rows of an example two more cost little; of fewer steps nobody expects that they add up."""


def ends_fit_into_chunk(f: ModelFunction, steps: int) -> bool:
    """Whether the outputs at both ends of a line may be found out by the way: as rows of the first chunk."""
    rows = f.session.budget.fitting // max(1, len(f))
    own = (
        f.problem.options.gradient_function is not None
        or f.problem.options.create_graph
        or any(each.is_complex() for each in f.x)
    )
    return min(steps, rows) >= ENOUGH_ROWS and not (f.session.whole_batch or own)


def with_ends(nodes: Tensor) -> Tensor:
    """Nodes on a line behind its two ends, start first."""
    return torch.cat([torch.tensor([0.0, 1.0], dtype=nodes.dtype, device=nodes.device), nodes])


MAX_MISSED_SHARE, OUTPUT_ROUNDING = 0.05, 1e-4
"""How far a sum that should be exact may be off, as a share of the change, and of the outputs at both ends."""

CHANCE_FACTOR = 2
"""How many times their norm numbers of random signs seldom exceed when they are added up."""


def warn_of_misses(
    attributions: Tensors,
    end: Tensor,
    start: Tensor,
    *,
    together: bool = False,
    due: Callable[[], bool] = lambda: True,
) -> None:
    """Warn of attributions whose sums miss the change of the output by more than rounding and a few per cent.

    A change may be next to nothing by chance. So it counts as no less than what attributions of such sizes add up to if
    their signs are random, nor than the mean of the batch.

    Args:
        attributions: The attributions, (n, ...) each.
        end: The outputs at the inputs; of another length where the model has one for the batch.
        start: Those at the baselines.
        together: Whether examples depend on each other, and add up over the batch alone.
        due: Whether they should add up at all; asked where they do not.
    """
    squares = sum_over_tensors(tuple(at_least_float32(each.detach()).abs().square() for each in attributions))
    columns = [each.detach().flatten() for each in (sum_over_tensors(attributions), squares, end, start)]
    if together or len(columns[0]) != len(columns[2]):
        columns = [each.sum(0, keepdim=True) for each in columns]
    found = list(zip(*(each.tolist() for each in columns), strict=True))
    misses = [abs(sum_ - (f - f0)) for sum_, _, f, f0 in found]
    changes = [max(abs(f - f0), CHANCE_FACTOR * math.sqrt(square)) for _, square, f, f0 in found]
    usual = sum(changes) / max(1, len(changes))
    wrong = [
        miss
        for miss, change, (_, _, f, f0) in zip(misses, changes, found, strict=True)
        if miss > MAX_MISSED_SHARE * max(change, usual) and miss > OUTPUT_ROUNDING * (abs(f) + abs(f0))
    ]
    if wrong and due():
        warn(
            f"attributions do not add up to the change of the output, which they miss by up to {max(wrong):.2g}: "
            'the steps are too few. Hint: n_steps="auto", or more of them where a method has no "auto".'
        )


def completeness_gaps(f: ModelFunction, totals: Tensor, start: PointSampler, end: PointSampler) -> Tensor:
    """The same for several samples of every point.

    Args:
        f: The function.
        totals: Each sample's attributions added up, [n, samples].
        start: Where each started from, like the inputs of the model.
        end: Where it ended, at the source.

    Returns:
        One gap per sample, [n * samples], those of a point together; [samples] where the model collapses the batch.
    """
    samples = totals.shape[1]
    change = values_at(f, samples, end) - values_at(f.from_inputs(), samples, start)
    return gap_to_change(totals, change).flatten()


def gap_to_change(totals: Tensor, change: Tensor) -> Tensor:
    """How far sums are from a change; where one has a single value for the batch, over all examples together."""
    if len(change) == len(totals):
        return totals - change
    return totals.sum(0, keepdim=True) - change.sum(0, keepdim=True)


def as_single_sample(points: Tensors) -> Tensors:
    """Points (n, ...) as the only sample of each, (n, 1, ...)."""
    return tuple(each.unsqueeze(1) for each in points)
