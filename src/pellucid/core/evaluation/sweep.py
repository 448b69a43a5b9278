"""Sweeps: what is evaluated at many points of every example, block by block, and sums over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from torch import Tensor

from pellucid.core.evaluation.gathered import BlockBuffer
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.points import Points
from pellucid.core.tensors import Tensors, at_least_float32, broadcast_to, detach_all, sum_per_row

PointSampler: TypeAlias = Callable[[slice, slice], Tensors]
"""Where to go: (samples, places) -> tensors (k * n, ...): k samples, one after another, of n places in `f.x`."""

Evaluate: TypeAlias = Callable[[Points], Tensors]
"""What to do there: points -> tensors (k * n, ...)."""


def sweep(
    f: ModelFunction, samples: int, sampler: PointSampler, evaluate: Evaluate
) -> Iterator[tuple[slice, slice, Tensors]]:
    """Evaluate the model at every sample of every point of `f.x`, in blocks of as many rows as the budget allows.

    Args:
        f: The function.
        samples: Samples per point.
        sampler: Where to go.
        evaluate: What to do there.

    Yields:
        A block, as k samples and n places, and what was evaluated there, (k, n, ...).
    """

    def run(sample_range: slice, point_range: slice) -> tuple[slice, slice, Tensors]:
        count = sample_range.stop - sample_range.start
        values = evaluate(
            Points(sampler(sample_range, point_range), repeat_examples(f.examples, sample_range, point_range))
        )
        return (
            sample_range,
            point_range,
            tuple(value.view(count, value.shape[0] // count, *value.shape[1:]) for value in values),
        )

    return f.session.blocks(samples, len(f), run)


def repeat_examples(examples: Tensor, sample_range: slice, point_range: slice) -> Tensor:
    """The examples of a block: those of its points, once for each of its samples."""
    count = sample_range.stop - sample_range.start
    chosen = examples if point_range == slice(None) else examples[point_range]
    return chosen if count == 1 else chosen.repeat(count)


def gradients(f: ModelFunction) -> tuple[Tensors, Tensors]:
    """The tensors where gradients are taken, at a function's own points, and the gradients there."""
    leads = f.own_tensors is None and bool(
        f.evaluator.source.modules
    )  # one forward suffices, which captures the source
    create_graph = f.problem.options.create_graph

    def run(_: slice, point_range: slice) -> tuple[int, Tensors]:
        points = Points((), repeat_examples(f.examples, slice(0, 1), point_range)) if leads else f.points[point_range]
        gradient = f.gradient(points)
        # What lies before a layer must not be kept alive by what was captured there.
        return len(points), (gradient.at if create_graph else detach_all(gradient.at)) + gradient.grad

    both = BlockBuffer(len(f))
    for rows, block in f.session.blocks(1, len(f), run):
        both.add(rows, block)
    return both.tensors[: len(both.tensors) // 2], both.tensors[len(both.tensors) // 2 :]


def evaluate_own_points(f: ModelFunction, evaluate: Evaluate) -> Tensors:
    """What is evaluated at every point of a function, in blocks of as many rows as the budget allows."""
    gathered = BlockBuffer(len(f))

    def run(_: slice, point_range: slice) -> tuple[int, Tensors]:
        points = f.points[point_range]
        return len(points), evaluate(points)

    for rows, block in f.session.blocks(1, len(f), run):
        gathered.add(rows, block)
    return gathered.tensors


def weighted_gradient_sum(
    f: ModelFunction, weights: Tensor, sampler: PointSampler, evaluate: Evaluate | None = None
) -> Tensors:
    """Weighted sums of the gradient over samples of every point: sum_s weights[s] * grad F(points(s, .)).

    First samples of no weight are evaluated and add nothing, even where they are no numbers.

    Args:
        f: The function.
        weights: One weight per sample, [samples].
        sampler: Where to go.
        evaluate: What to sum, where not the gradient.

    Returns:
        Tensors of the shapes of those evaluated, in at least float32.
    """
    sums: Tensors = ()
    idle = int((weights == 0).cumprod(0).sum())
    for samples, places, grads in sweep(f, len(weights), sampler, evaluate or (lambda points: f.gradient(points).grad)):
        wide = tuple(map(at_least_float32, grads))
        sums = sums or tuple(zeros_for_all(block, places, len(f)) for block in wide)
        counting = slice(max(0, idle - samples.start), None)
        for total, block in zip(sums, wide, strict=True):
            total[places] += (block[counting] * broadcast_to(weights[samples][counting], block)).sum(0)
    return sums


def zeros_for_all(block: Tensor, point_range: slice | Tensor, total: int) -> Tensor:
    """Zeros for all points, (total, ...), like a block (k, n, ...) of some; a whole batch may have other points."""
    whole = isinstance(point_range, slice) and point_range == slice(None)
    return block.new_zeros(block.shape[1] if whole else total, *block.shape[2:])


def values_at(f: ModelFunction, samples: int, sampler: PointSampler) -> Tensor:
    """What is explained at every sample of every point; several values of one point are added up.

    Returns:
        Values [n, samples] for n points in `f.x`; of another first dimension where the model collapses the batch.
    """
    gathered = BlockBuffer(samples * len(f))

    def run(sample_range: slice, point_range: slice) -> tuple[int, Tensor]:
        points = Points(sampler(sample_range, point_range), repeat_examples(f.examples, sample_range, point_range))
        return len(points), f(points)

    for rows, value in f.session.blocks(samples, len(f), run):
        gathered.add(rows, (sum_per_row(value) if value.ndim else value.reshape(1),))
    return by_place(gathered, samples)


def by_place(gathered: BlockBuffer, samples: int) -> Tensor:
    """Values [n, samples] of a sweep; all that belongs to one sample comes together in a block."""
    (values,) = gathered.tensors
    return values.reshape(samples, -1).T
