"""What metrics are given: a problem and its attributions, and what becomes of scores that cannot be told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import Features
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, detach_all, flatten_examples, format_shapes
from pellucid.errors import NotScalar, WrongShape, warn
from pellucid.methods.calling.attribution import run_located
from pellucid.metrics.scores import Metric, Scores

AttributionsLike: TypeAlias = "Attributions | Tensor | tuple[Tensor, ...]"
"""Attributions as a method returns them, or as tensors of the shapes of what is attributed to, (B, ...) each."""


def tensors_of(attributions: AttributionsLike, name: str = "attributions") -> Tensors:
    """Attributions as tensors, detached.

    Args:
        attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
        name: What users call them, for messages.

    Raises:
        WrongType: They are no tensors.
    """
    values = attributions.values if isinstance(attributions, Attributions) else attributions
    return detach_all(as_tensor_tuple(values, name))


def score(
    metric: Metric,
    problem: Problem | ModelFunction,
    attributions: AttributionsLike,
    call: Callable[[ModelFunction, Tensors], Scores],
) -> Scores:
    """Have a metric score attributions in the session of their problem, or in a new one.

    Args:
        metric: The metric.
        problem: The problem, or its function.
        attributions: Of the shapes of the source of the problem.
        call: Scores them, given the function; NaN among them are zeros, as no score of theirs is used.

    Raises:
        WrongShape: They have other shapes.
        NotScalar: The problem has several targets.
    """

    def scored(f: ModelFunction) -> Scores:
        tensors = tensors_of(attributions)
        if f.evaluator.target.several:
            raise NotScalar("target must be a single one for metrics: got several. Hint: a problem for each.")
        if [tensor.shape for tensor in tensors] != [x.shape for x in f.x]:
            where = "the source" if f.evaluator.source.modules else "the inputs"
            raise WrongShape(
                f"attributions must have the shapes of {where}, {format_shapes(f.x)}: got {format_shapes(tensors)}. "
                "Hint: Problem(..., source=layer), where they are those of a layer."
            )
        unknown = torch.stack([flatten_examples(tensor).isnan().any(1).cpu() for tensor in tensors]).any(0)
        scores = call(f, tuple(tensor.nan_to_num(0.0) for tensor in tensors))
        return _without(scores, unknown)

    return run_located(metric, problem, scored)


def _without(scores: Scores, unknown: Tensor) -> Scores:
    """Scores that are NaN for some examples, of which the user is warned."""
    if not unknown.any():
        return scores
    which = unknown.nonzero().flatten().tolist()
    warn(f"attributions of examples {summary(which)} contain NaN: {scores.metric.name} of them is NaN.")
    return dataclasses.replace(scores, values=scores.values.masked_fill(unknown, float("nan")))


def of_features(features: Features, attributions: Tensors) -> Tensor:
    """Attributions of features, [n, features], in float64 on the CPU.

    A feature has the value that all its elements have, if that is so of all features, as of methods that were given
    this `feature_mask`; or else the sum of theirs.

    Args:
        features: What is one feature.
        attributions: Of elements, (n, ...) each.
    """
    if not len(attributions[0]):
        return torch.zeros(0, features.count, dtype=torch.float64, device="cpu")
    once = features.gather(attributions)
    repeated = all(map(torch.equal, features.spread(once), attributions))
    return once.cpu().double() if repeated else features.sum_per_feature(attributions)
