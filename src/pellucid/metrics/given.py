"""What metrics are given: a problem and its attributions, and what becomes of scores that cannot be told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.model.inspection import has_embeddings
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.core.tensors import (
    Tensors,
    as_floating,
    as_tensor_tuple,
    detach_all,
    flatten_examples,
    format_shapes,
    is_floating,
)
from pellucid.errors import InvalidArgument, NotScalar, WrongShape, warn
from pellucid.methods.calling.attribution import run_located
from pellucid.metrics.scores import Metric, Scores, joined

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
    feature_mask: FeatureMask = None,
) -> Scores:
    """Have a metric score attributions in the session of their problem, or in a new one.

    Args:
        metric: The metric.
        problem: The problem, or its function.
        attributions: Of the shapes of the source of the problem.
        call: Scores them, given the function; what is not finite among them is zero, as no score of it is used.
        feature_mask: What is one feature. Where examples have different features, each is scored for itself.

    Raises:
        InvalidArgument: The inputs have no features.
        WrongShape: They have other shapes.
        NotScalar: The problem has several targets.
    """

    def scored(f: ModelFunction) -> Scores:
        tensors = tensors_of(attributions)
        _check(f, tensors)
        unknown = torch.zeros(len(f), dtype=torch.bool, device="cpu")
        for tensor in tensors:
            if len(tensor) == len(f):  # an input without elements may have no examples
                unknown |= ~flatten_examples(tensor).isfinite().all(1).cpu()
        finite = tuple(tensor.nan_to_num(0.0, 0.0, 0.0).to(x.device) for tensor, x in zip(tensors, f.x, strict=True))
        if feature_mask is None or not _differ(Features.of(f.x, mask_of_points(f, feature_mask)), len(f)):
            return _without(call(f, finite), unknown)
        rows = [torch.tensor([number], device="cpu") for number in range(len(f))]
        alone = [call(f.select(row), tuple(tensor[row.to(tensor.device)] for tensor in finite)) for row in rows]
        return _without(joined(alone), unknown)

    return run_located(metric, problem, scored)


def _check(f: ModelFunction, tensors: Tensors) -> None:
    """Check that attributions fit a function."""
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


def _differ(features: Features, examples: int) -> bool:
    """Whether some examples lack features that others have, as superpixels of images are not equally many."""
    owned = torch.zeros(examples, features.count, dtype=torch.bool, device="cpu")
    for mask in features.masks:
        if len(mask):
            owned.scatter_(1, flatten_examples(mask).cpu().expand(examples, -1), True)
    return not bool(owned.all())


def _without(scores: Scores, unknown: Tensor) -> Scores:
    """Scores that are NaN for some examples, of which the user is warned."""
    if not unknown.any():
        return scores
    which = unknown.nonzero().flatten().tolist()
    warn(f"attributions of examples {summary(which)} contain NaN, or infinity: {scores.metric.name} of them is NaN.")
    return dataclasses.replace(scores, values=scores.values.masked_fill(unknown, float("nan")))


def are_of_features(attributions: AttributionsLike) -> bool | None:
    """Whether each element has the value of its feature; None of tensors, which do not say so.

    Args:
        attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
    """
    return attributions.of_features if isinstance(attributions, Attributions) else None


def of_features(features: Features, attributions: Tensors, repeated: bool | None = None) -> Tensor:
    """Attributions of features, [n, features], in float64 on the CPU.

    A feature has the sum of those of its elements, or the value that all of them have: of methods that were given this
    `feature_mask`, and of tensors where that is so of all features of an example.

    Args:
        features: What is one feature.
        attributions: Of elements, (n, ...) each.
        repeated: Whether each element has the value of its feature; None of tensors, which do not say so.
    """
    if not len(attributions[0]):
        return torch.zeros(0, features.count, dtype=torch.float64, device="cpu")
    sums = features.sum_per_feature(attributions)
    if repeated is False:
        return sums
    once = features.gather(attributions)
    are_equal = torch.ones(len(once), 1, dtype=torch.bool, device="cpu")
    for spread, tensor in zip(features.spread(once), attributions, strict=True):
        if len(tensor):
            are_equal &= flatten_examples(spread == tensor.to(spread.device)).all(1, keepdim=True).cpu()
    return torch.where(are_equal, once.cpu().double(), sums)


def movable(f: ModelFunction) -> Tensors:
    """The points of a function as floats, which noise can move.

    Args:
        f: The function.

    Raises:
        InvalidArgument: They are integers, of a model that embeds them.
    """
    if not all(map(is_floating, f.x)) and has_embeddings(f.problem.model):
        raise InvalidArgument(
            f"inputs must be floats, for noise to move them: got {format_shapes(f.x)} with ids to be embedded. "
            "Hint: baselines=..., or Problem(..., source=embedding)."
        )
    return as_floating(f.x)


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
