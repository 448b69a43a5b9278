"""The target's values at many points without gradients, also of models that return futures."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

import torch
from torch import Future, Tensor

from pellucid.core.evaluation.block_buffer import BlockBuffer
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.row_independence import RowIndependenceCheck
from pellucid.core.evaluation.sweep import PointSampler, block_evaluator, repeat_examples
from pellucid.core.futures import AllDone
from pellucid.core.games.fill import PresentElements
from pellucid.core.games.imputer import Imputer
from pellucid.core.problem.points import Points
from pellucid.core.restarts import BatchCollapsed
from pellucid.core.tensors import Tensors, as_floating, at_least_float32

MOST_AVERAGED = 2**22
"""The most evaluations of a point that are held until the means over the background are taken."""


async def evaluate_samples(f: ModelFunction, samples: int, sampler: PointSampler, *, silent: bool = False) -> Tensor:
    """The target's values at every sample of every point, without gradients.

    If the model returns futures, they are awaited here, all at once.

    Args:
        f: The function.
        samples: Samples per point.
        sampler: Makes the points of a block.
        silent: Whether no progress bar counts the evaluations.

    Returns:
        Values [m, samples] for the m = n * K values of a target (n, *K), those of a point together; [1, samples] for a
        model that returns one value for the batch.

    Raises:
        InvalidArgument: The number of values differs from call to call.
    """
    blocks: Iterable[tuple[int, Tensor]]
    if f.problem.options.returns_futures:
        blocks = await _blocks_of_futures(f, samples, sampler, silent)
    else:
        run = block_evaluator(f, sampler)
        blocks = f.session.blocks(samples, len(f), run, unit="evaluations", silent=silent)
    gathered = BlockBuffer(samples * len(f))
    for rows, value in blocks:
        gathered.add(rows, (value if value.ndim else value.reshape(1),))
    (values,) = gathered.tensors
    f.session.observed.output_shape = tuple(values.shape[1:])
    return values.reshape(samples, -1).T


async def _blocks_of_futures(
    f: ModelFunction, samples: int, sampler: PointSampler, silent: bool
) -> list[tuple[int, Tensor]]:
    """The rows and values of every block, of a model that returns futures: all calls are made before any is awaited."""
    session, evaluator = f.session, f.evaluator
    checks: list[tuple[RowIndependenceCheck, Future[object], Tensor]] = []

    def request(sample_range: slice, point_range: slice) -> tuple[Tensor, Future[object]]:
        points = Points(sampler(sample_range, point_range), repeat_examples(f.examples, sample_range, point_range))
        check = (
            None if checks else RowIndependenceCheck.of(session, evaluator.endpoints, points.examples, lambda: f.points)
        )
        output = evaluator.future_output(points)
        if check is not None and check.is_conclusive(points.examples):
            points_beside_decoys = check.beside_decoys(points)
            checks.append((check, evaluator.future_output(points_beside_decoys), points_beside_decoys.examples))
        return points.examples, output

    outputs = list(session.blocks(samples, len(f), request, unit="evaluations", silent=silent))
    await AllDone([*(output for _, output in outputs), *(output for _, output, _ in checks)])
    try:
        blocks = [(examples, evaluator.explain_future(output, examples)) for examples, output in outputs]
        for check, output, examples_beside_decoys in checks:
            first = next(value for examples, value in blocks if session.holds_other_rows(examples))
            check.conclude(check.rows_agree(first, evaluator.explain_future(output, examples_beside_decoys)))
    except BatchCollapsed as collapsed:
        session.whole_batch = True  # once more, with a forward for each sample
        return collapsed.settle(await _blocks_of_futures(f, samples, sampler, silent))
    return [(len(examples), value) for examples, value in blocks]


async def average_over_background(
    f: ModelFunction, coalitions: int, imputer: Imputer, present_elements: PresentElements, *, silent: bool = False
) -> Tensor:
    """The values of coalitions, as the mean over the rows of a background that stand in the place of absent elements.

    Args:
        f: The function.
        coalitions: The number of coalitions.
        imputer: The rows of the background.
        present_elements: The masks of the elements that are present in a range of coalitions.
        silent: Whether no progress bar counts the evaluations.

    Returns:
        Values [m, coalitions]; see [evaluate_samples][pellucid.core.games.outcomes.evaluate_samples].
    """
    means = []
    most = max(1, MOST_AVERAGED // imputer.count)
    for first in range(0, coalitions, most):
        count = min(most, coalitions - first)

        def shifted(coalition_range: slice, point_range: slice, first: int = first) -> Tensors:
            return present_elements(slice(first + coalition_range.start, first + coalition_range.stop), point_range)

        values = await evaluate_samples(f, count * imputer.count, imputer.points(f.x, shifted), silent=silent)
        (floating,) = as_floating((values,))
        means.append(at_least_float32(floating).view(len(values), count, imputer.count).mean(2).to(floating.dtype))
    return torch.cat(means, dim=1)


def evaluate_present(
    f: ModelFunction, coalitions: int, imputer: Imputer, present_elements: PresentElements, *, silent: bool = False
) -> Awaitable[Tensor]:
    """The values of coalitions, [m, coalitions], each of a single point or the mean over the rows of a background."""
    if imputer.count > 1:
        return average_over_background(f, coalitions, imputer, present_elements, silent=silent)
    return evaluate_samples(f, coalitions, imputer.points(f.x, present_elements), silent=silent)
