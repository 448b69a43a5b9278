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
from pellucid.errors import InvalidArgument, NotScalar, WrongShape, warn
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
        call: Scores them, given the function; what is not finite among them is zero, as no score of it is used.

    Raises:
        InvalidArgument: The inputs have no features.
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
        if not any(tensor[:1].numel() for tensor in tensors) and len(f):
            raise InvalidArgument(f"inputs must have features: got {format_shapes(tensors)}.")
        unknown = torch.zeros(len(f), dtype=torch.bool, device="cpu")
        for tensor in tensors:
            if len(tensor) == len(f):  # an input without elements may have no examples
                unknown |= ~flatten_examples(tensor).isfinite().all(1).cpu()
        finite = tuple(tensor.nan_to_num(0.0, 0.0, 0.0).to(x.device) for tensor, x in zip(tensors, f.x, strict=True))
        return _without(call(f, finite), unknown)

    return run_located(metric, problem, scored)


def _without(scores: Scores, unknown: Tensor) -> Scores:
    """Scores that are NaN for some examples, of which the user is warned."""
    if not unknown.any():
        return scores
    which = unknown.nonzero().flatten().tolist()
    warn(f"attributions of examples {summary(which)} contain NaN, or infinity: {scores.metric.name} of them is NaN.")
    return dataclasses.replace(scores, values=scores.values.masked_fill(unknown, float("nan")))


def of_features(features: Features, attributions: Tensors) -> Tensor:
    """Attributions of features, [n, features], in float64 on the CPU.

    A feature has the value that all its elements have, if that is so of all features of an example, as of methods that
    were given this `feature_mask`; or else the sum of theirs.

    Args:
        features: What is one feature.
        attributions: Of elements, (n, ...) each.
    """
    if not len(attributions[0]):
        return torch.zeros(0, features.count, dtype=torch.float64, device="cpu")
    once = features.gather(attributions)
    repeated = torch.ones(len(once), 1, dtype=torch.bool, device="cpu")
    for spread, tensor in zip(features.spread(once), attributions, strict=True):
        if len(tensor):
            repeated &= flatten_examples(spread == tensor.to(spread.device)).all(1, keepdim=True).cpu()
    return torch.where(repeated, once.cpu().double(), features.sum_per_feature(attributions))


def span_of(x: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest finite number of each example of an input, (n, 1, ...) each.

    Where all are the same, as far around them as they are large, or one where they are zero: noise is to move them.

    Args:
        x: The input, (n, ...).
    """
    shape = (len(x), *[1] * (x.ndim - 1))
    if not x.numel():
        return x.new_zeros(shape), x.new_ones(shape)
    flat, is_number = flatten_examples(x), flatten_examples(x).isfinite()
    low = torch.where(is_number, flat, float("inf")).amin(1)
    high = torch.where(is_number, flat, -float("inf")).amax(1)
    low, high = torch.where(low <= high, low, 0), torch.where(low <= high, high, 0)
    around = torch.where(low == high, torch.where(low == 0, 1, low.abs()), 0)
    return (low - around).view(shape), (high + around).view(shape)
