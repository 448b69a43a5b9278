"""What a method returns for a question: of one baseline or of many, for inputs, layers and pairs of features."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.games.features import Features
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, unwrap_single
from pellucid.errors import InvalidArgument, collected_warnings, warn
from pellucid.explanation.named_baselines import row_count
from pellucid.explanation.question import Question
from pellucid.methods import Attributions, Background, DeepLiftShap, GradientShap, Interactions

SEEDS_APART = 1_000_003
"""How far apart the seeds are that two seeds of users lead to, as each baseline has draws of its own."""


@final
@dataclass(frozen=True, eq=False)
class Result(Summarized):
    """What a method returned, for one target or several.

    Args:
        values: Attributions, (B, *K, ...) each.
        stderr: Their standard errors.
        interactions: Of pairs of features, (B, *K, F, F), of methods of interactions.
        n_evaluations: How many samples or gradients each example took, where the method chose that.
        converged: Whether each example is as exact as was asked, likewise.
        rounds: How many it had taken after each round, and the largest error then.
    """

    values: Tensors
    stderr: Tensors | None = None
    interactions: Tensor | None = None
    n_evaluations: Tensor | None = None
    converged: Tensor | None = None
    rounds: tuple[tuple[int, float], ...] = ()


def result_of(
    question: Question, method: Any, problem: Problem | ModelFunction, *, by_baseline: bool = False
) -> Result:
    """What a method returns; of a method of one baseline, the mean over many.

    Args:
        question: The question.
        method: The method.
        problem: The question as a problem, or a function of it with other points, as of noisy copies.
        by_baseline: Whether a method that takes many baselines at once is asked about each, so that its standard errors
            are also those of their choice.

    Raises:
        PellucidError: The method cannot answer it.
    """
    baselines = question.baselines.value if uses_baselines(question) else None
    if isinstance(baselines, Background) and (by_baseline or _takes_one_baseline(question, method)):
        return _averaged(question, method, problem, baselines)
    return _called(question, method, problem, baselines)


def uses_baselines(question: Question) -> bool:
    """Whether the method asks for baselines, and features are not taken away otherwise."""
    return "baselines" in question.choice.takes and question.choice.call.get("removal") is None


def _takes_one_baseline(question: Question, method: Any) -> bool:
    inner = getattr(method, "attribution_method", method)
    return question.choice.takes_gradients and not isinstance(inner, GradientShap | DeepLiftShap)


def _averaged(question: Question, method: Any, problem: Problem | ModelFunction, background: Background) -> Result:
    """The mean over the rows of a background, with the standard errors of that mean."""
    rows = as_tensor_tuple(background.rows, "baselines")

    seed = getattr(method, "seed", None)

    def values_of(number: int) -> Tensors:
        one = tuple(row[:, number] if background.per_example else row[number : number + 1] for row in rows)
        drawing = method if seed is None else dataclasses.replace(method, seed=SEEDS_APART * seed + number)
        return _called(question, drawing, problem, unwrap_single(one)).values

    with collected_warnings() as messages:
        means, stderr = _mean_and_stderr(map(values_of, range(row_count(background))))
    for message in _of_each_kind(messages):
        warn(message)
    return Result(means, stderr)


def _of_each_kind(messages: Iterable[str]) -> list[str]:
    """The first of all messages that differ in numbers alone; that an example is among the baselines is no doubt."""
    kinds: dict[str, str] = {}
    for message in messages:
        if not message.startswith("baselines are equal to the inputs"):
            kinds.setdefault(re.sub(r"[\d.e+-]+", "", message), message)
    return list(kinds.values())


def _mean_and_stderr(results: Iterable[Tensors]) -> tuple[Tensors, Tensors | None]:
    """The means of tensors that come one after another, and their standard errors; None of a single one."""
    means: Tensors = ()
    squares: Tensors = ()  # of the deviations from the mean, as Welford's algorithm updates them
    count = 0
    dtypes: tuple[torch.dtype, ...] = ()
    for count, result in enumerate(results, start=1):
        values, dtypes = tuple(tensor.double() for tensor in result), tuple(tensor.dtype for tensor in result)
        before = means or tuple(map(torch.zeros_like, values))
        means = tuple(mean + (value - mean) / count for value, mean in zip(values, before, strict=True))
        deviations = zip(values, before, means, squares or map(torch.zeros_like, values), strict=True)
        squares = tuple(square + (value - old) * (value - new) for value, old, new, square in deviations)
    stderr = tuple((square / max(1, count - 1) / count).sqrt() for square in squares)
    of_dtype = [tuple(map(Tensor.to, tensors, dtypes)) for tensors in (means, stderr)]
    return of_dtype[0], of_dtype[1] if count > 1 else None


def _called(question: Question, method: Any, problem: Problem | ModelFunction, baselines: Any) -> Result:
    arguments: dict[str, Any] = dict(question.choice.call)
    if uses_baselines(question):
        inner = getattr(method, "attribution_method", method)
        draws = isinstance(inner, GradientShap | DeepLiftShap)
        arguments["baselines"] = _as_distribution(question, baselines) if draws else baselines
    mask = question.mask[0]
    if mask is not None and "feature_mask" in question.choice.takes:
        arguments["feature_mask"] = mask
    result = method(problem, **arguments)
    if isinstance(result, Interactions):
        return _of_interactions(question, method, problem, result)
    if not isinstance(result, Attributions):
        raise InvalidArgument(f"method must return Attributions: got {summary(result)}.")
    return Result(result.values, result.stderr, None, result.n_evaluations, result.converged, result.rounds)


def _as_distribution(question: Question, baselines: Any) -> Any:
    """Baselines as the rows that some methods draw from: one row, where there is one for all."""
    if callable(baselines):
        return baselines
    if isinstance(baselines, Background):
        return baselines if not baselines.per_example or question.choice.name == "gradient_shap" else baselines.rows
    entries = baselines if isinstance(baselines, tuple) else (baselines,) * len(question.arrangement.tensors)
    rows = tuple(
        entry if isinstance(entry, Tensor) else torch.full_like(x[:1], 0.0 if entry is None else float(entry))
        for entry, x in zip(entries, question.arrangement.tensors, strict=True)
    )
    return unwrap_single(rows)


def _of_interactions(question: Question, method: Any, problem: Problem | ModelFunction, result: Interactions) -> Result:
    """Attributions of features, which have half of each of their interactions."""
    pairs = result.values
    main = pairs.diagonal(dim1=-2, dim2=-1)
    is_split = getattr(method, "index", "k-SII") == "k-SII"
    values = main + (pairs.sum(-1) - main) / 2 if is_split else main
    f = problem if isinstance(problem, ModelFunction) else function_of(problem)
    features = Features.of(f.x, question.mask[0])
    *leading, _ = values.shape
    spread = features.spread(values.reshape(-1, values.shape[-1]))
    shaped = tuple(tensor.reshape(*leading, *tensor.shape[1:]) for tensor in spread)
    return Result(shaped, None, pairs, result.n_evaluations, result.converged)
