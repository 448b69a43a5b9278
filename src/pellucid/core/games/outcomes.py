"""What a model says at many points, now or in futures."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Future, Tensor

from pellucid.core.evaluation.gathered import BlockBuffer
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.row_independence import RowIndependenceCheck
from pellucid.core.evaluation.sweep import PointSampler, by_place, repeat_examples
from pellucid.core.futures import AllDone
from pellucid.core.games.fill import Fill, PresentElements
from pellucid.core.problem.points import Points
from pellucid.core.restarts import BatchCollapsed
from pellucid.core.tensors import Tensors, as_floating, at_least_float32

MOST_AVERAGED = 2**22
"""So many evaluations of a place are kept until the means over their backgrounds are taken."""


async def evaluate_samples(f: ModelFunction, samples: int, sampler: PointSampler, *, silent: bool = False) -> Tensor:
    """What is explained at every sample of every point, no gradient needed.

    This is where futures are awaited, all of them at once, if the model answers with such.

    Args:
        f: The function.
        samples: Samples per point.
        sampler: Where to go.
        silent: Whether no progress bar counts this.

    Returns:
        Values [m, samples] for the m = n * K values of an output (n, *K), those of a point together; for a model that
        gives one value for the batch, [1, samples].

    Raises:
        InvalidArgument: The output has another number of values in different calls.
    """

    def run(sample_range: slice, point_range: slice) -> tuple[int, Tensor]:
        points = Points(sampler(sample_range, point_range), repeat_examples(f.examples, sample_range, point_range))
        return len(points), f(points)

    blocks: Iterable[tuple[int, Tensor]]
    if f.problem.options.returns_futures:
        blocks = await _answers(f, samples, sampler, silent)
    else:
        blocks = f.session.blocks(samples, len(f), run, unit="evaluations", silent=silent)
    gathered = BlockBuffer(samples * len(f))
    for rows, value in blocks:
        gathered.add(rows, (value if value.ndim else value.reshape(1),))
    (values,) = gathered.tensors
    f.session.observed.output = tuple(values.shape[1:])
    return by_place(gathered, samples)


async def _answers(f: ModelFunction, samples: int, sampler: PointSampler, silent: bool) -> list[tuple[int, Tensor]]:
    """The rows and values of every block, of a model that answers later: all is asked before it answers."""
    session, evaluator = f.session, f.evaluator
    looks: list[tuple[RowIndependenceCheck, Future[object], Tensor]] = []

    def ask(sample_range: slice, point_range: slice) -> tuple[Tensor, Future[object]]:
        points = Points(sampler(sample_range, point_range), repeat_examples(f.examples, sample_range, point_range))
        company = None if looks else RowIndependenceCheck.of(session, evaluator.way, points.examples, lambda: f.points)
        answer = evaluator.ask(points)
        if company is not None and company.can_tell(points.examples):
            others = company.beside_decoys(points)
            looks.append((company, evaluator.ask(others), others.examples))
        return points.examples, answer

    asked = list(session.blocks(samples, len(f), ask, unit="evaluations", silent=silent))
    await AllDone([*(answer for _, answer in asked), *(answer for _, answer, _ in looks)])
    try:
        blocks = [(examples, evaluator.answered(answer, examples)) for examples, answer in asked]
        for company, answer, beside in looks:
            first = next(value for examples, value in blocks if session.holds_others(examples))
            company.conclude(company.alike(first, evaluator.answered(answer, beside)))
    except BatchCollapsed as collapsed:
        session.whole_batch = True  # once more, a forward for each sample
        return collapsed.settle(await _answers(f, samples, sampler, silent))
    return [(len(examples), value) for examples, value in blocks]


async def average_over_background(
    f: ModelFunction, cases: int, fill: Fill, present_elements: PresentElements, *, silent: bool = False
) -> Tensor:
    """What is explained where only some elements are there, on average over what fills the others.

    Args:
        f: The function.
        cases: How many there are.
        fill: What takes the place of what is absent.
        present_elements: Which elements are there in each case.
        silent: Whether no progress bar counts this.

    Returns:
        Values [m, cases]; see [evaluate_samples][pellucid.core.games.outcomes.evaluate_samples].
    """
    means = []
    most = max(1, MOST_AVERAGED // fill.count)
    for first in range(0, cases, most):
        count = min(most, cases - first)

        def some(sample_range: slice, point_range: slice, first: int = first) -> Tensors:
            return present_elements(slice(first + sample_range.start, first + sample_range.stop), point_range)

        values = await evaluate_samples(f, count * fill.count, fill.points(f.x, some), silent=silent)
        (narrow,) = as_floating((values,))
        means.append(at_least_float32(narrow).view(len(values), count, fill.count).mean(2).to(narrow.dtype))
    return torch.cat(means, dim=1)


async def evaluate_present(f: ModelFunction, cases: int, fill: Fill, present_elements: PresentElements) -> Tensor:
    """The same, whether one row fills what is absent or many do."""
    if fill.count > 1:
        return await average_over_background(f, cases, fill, present_elements)
    return await evaluate_samples(f, cases, fill.points(f.x, present_elements))
