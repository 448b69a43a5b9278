"""Sweeps: evaluate a function at many samples of every point, block by block, and sum over the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from torch import Tensor

from pellucid.core.evaluation.block_buffer import BlockBuffer
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.points import Points
from pellucid.core.tensors import Tensors, at_least_float32, broadcast_to, detach_all, sum_per_row

PointSampler: TypeAlias = Callable[[slice, slice], Tensors]
"""Makes the points of a block: (sample range, point range) -> (k * n, ...), k samples in turn of n points in `f.x`."""

Evaluate: TypeAlias = Callable[[Points], Tensors]
"""Evaluates a block: points -> tensors (k * n, ...)."""


def sweep(
    f: ModelFunction, samples: int, sampler: PointSampler, evaluate: Evaluate
) -> Iterator[tuple[slice, slice, Tensors]]:
    """Evaluate the model at every sample of every point of `f.x`, in blocks of as many rows as the budget allows.

    Args:
        f: The function.
        samples: Samples per point.
        sampler: Makes the points of a block.
        evaluate: Evaluates them.

    Yields:
        The sample range and the point range of a block, k samples of n points, and its results, (k, n, ...) each.
    """

    def run(sample_range: slice, point_range: slice) -> tuple[slice, slice, Tensors]:
        examples = repeat_examples(f.examples, sample_range, point_range)
        results = evaluate(Points(sampler(sample_range, point_range), examples))
        count = sample_range.stop - sample_range.start
        blocks = tuple(result.view(count, result.shape[0] // count, *result.shape[1:]) for result in results)
        return sample_range, point_range, blocks

    return f.session.blocks(samples, len(f), run)


def repeat_examples(examples: Tensor, sample_range: slice, point_range: slice) -> Tensor:
    """The examples of a block's rows: those of its points, once for each of its samples."""
    count = sample_range.stop - sample_range.start
    point_examples = examples if point_range == slice(None) else examples[point_range]
    return point_examples if count == 1 else point_examples.repeat(count)


def gradients_at_own_points(f: ModelFunction) -> tuple[Tensors, Tensors]:
    """The tensors where gradients are taken, for a function's own points, and the gradients with respect to them."""
    # From the user's inputs, one forward captures the source and goes on to the target.
    from_inputs = f.own_tensors is None and bool(f.evaluator.source.modules)
    own_points = Points.of_inputs(f.examples) if from_inputs else f.points
    create_graph = f.problem.options.create_graph

    def run(_: slice, point_range: slice) -> tuple[int, Tensors]:
        points = own_points[point_range]
        gradient = f.gradient(points)
        # Detached, so that captured tensors do not keep the graph before a layer alive.
        return len(points), (gradient.tensors if create_graph else detach_all(gradient.tensors)) + gradient.grad

    gathered = BlockBuffer(len(f))
    for rows, block in f.session.blocks(1, len(f), run):
        gathered.add(rows, block)
    half = len(gathered.tensors) // 2
    return gathered.tensors[:half], gathered.tensors[half:]


def evaluate_own_points(f: ModelFunction, evaluate: Evaluate) -> Tensors:
    """Evaluate a function's own points, in blocks of as many rows as the budget allows; results (n, ...) each."""
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

    Leading samples with weight zero are evaluated and left out of the sum, as they may be NaN.

    Args:
        f: The function F.
        weights: One weight per sample, [samples].
        sampler: Makes the points of a block.
        evaluate: What to sum; None for the gradient.

    Returns:
        Tensors (n, ...) of the shapes of the gradients, in at least float32.
    """
    sums: Tensors = ()
    leading_zeros = int((weights == 0).cumprod(0).sum())
    evaluate = evaluate or (lambda points: f.gradient(points).grad)
    for sample_range, point_range, grads in sweep(f, len(weights), sampler, evaluate):
        blocks = tuple(map(at_least_float32, grads))
        sums = sums or tuple(zeros_for_all(block, point_range, len(f)) for block in blocks)
        summed = slice(max(0, leading_zeros - sample_range.start), None)
        for total, block in zip(sums, blocks, strict=True):
            total[point_range] += (block[summed] * broadcast_to(weights[sample_range][summed], block)).sum(0)
    return sums


def zeros_for_all(block: Tensor, point_range: slice | Tensor, total: int) -> Tensor:
    """Zeros to accumulate into, (total, ...) for all points, given a block (k, n, ...).

    If the block covers the whole batch, its own n counts: a model may return another first dimension.
    """
    whole = isinstance(point_range, slice) and point_range == slice(None)
    return block.new_zeros(block.shape[1] if whole else total, *block.shape[2:])


def values_at(f: ModelFunction, samples: int, sampler: PointSampler) -> Tensor:
    """The target's values at every sample of every point; several values of one row are added up, but those of targets.

    Args:
        f: The function.
        samples: Samples per point.
        sampler: Makes the points of a block.

    Returns:
        Values [n, samples] for n points in `f.x`, or [n, samples, K] of several targets; of another first dimension
        where the model collapses the batch.
    """
    gathered = BlockBuffer(samples * len(f))
    for rows, value in f.session.blocks(samples, len(f), block_evaluator(f, sampler)):
        kept = 2 if f.evaluator.target.several else 1
        gathered.add(rows, (sum_per_row(value, kept) if value.ndim else value.reshape(1),))
    return by_point(gathered, samples)


def block_evaluator(f: ModelFunction, sampler: PointSampler) -> Callable[[slice, slice], tuple[int, Tensor]]:
    """A function of a sample range and a point range: evaluates the block, and returns its rows and their values."""

    def run(sample_range: slice, point_range: slice) -> tuple[int, Tensor]:
        points = Points(sampler(sample_range, point_range), repeat_examples(f.examples, sample_range, point_range))
        return len(points), f(points)

    return run


def by_point(gathered: BlockBuffer, samples: int) -> Tensor:
    """The values of a sweep, gathered sample by sample, as [n, samples], or [n, samples, K] of several targets."""
    (values,) = gathered.tensors
    return values.reshape(samples, -1, *values.shape[1:]).transpose(0, 1)
