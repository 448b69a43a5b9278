"""Several metrics of the same attributions, in one session, so that what they ask is asked once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from pellucid.core.evaluation.session import Session
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, WrongType
from pellucid.metrics.given import AttributionsLike
from pellucid.metrics.scores import Metric, Scores

Metrics: TypeAlias = "Sequence[Metric] | Mapping[str, Metric]"
"""Metrics, by names of the user's own or by those of their classes."""


def named_metrics(metrics: Metrics) -> dict[str, Metric]:
    """Metrics by name: those of their classes, or of their fields too where several are of one class.

    Args:
        metrics: See [Metrics][pellucid.metrics.measuring.Metrics].

    Raises:
        InvalidArgument: There are none, or one comes twice.
        WrongType: One is no metric.
    """
    if isinstance(metrics, Metric):
        metrics = [metrics]
    listed = list(metrics.values() if isinstance(metrics, Mapping) else metrics)
    if not listed:
        raise InvalidArgument("metrics must be at least one: got none. Hint: metrics=[Deletion()].")
    for metric in listed:
        if not isinstance(metric, Metric):
            hint = f" Hint: {metric.__name__}()." if isinstance(metric, type) else " Hint: Deletion()."
            raise WrongType(f"metrics must be metrics of pellucid.metrics: got {summary(metric)}.{hint}")
    if isinstance(metrics, Mapping):
        return dict(metrics)
    classes = [metric.name for metric in listed]
    names = [metric.name if classes.count(metric.name) == 1 else summary(metric) for metric in listed]
    if len(set(names)) < len(names):
        raise InvalidArgument(f"metrics must be different: got {', '.join(names)}.")
    return dict(zip(names, listed, strict=True))


def measure(problem: Problem, attributions: AttributionsLike, metrics: Metrics, **arguments: Any) -> dict[str, Scores]:
    """The scores of attributions by several metrics, which share the evaluations that they have in common.

    Args:
        problem: What the attributions answer.
        attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
        metrics: See [Metrics][pellucid.metrics.measuring.Metrics].
        **arguments: What metrics are called with, each with what it takes: `baselines`, `feature_mask`, `removal`,
            `method`, `truth`, `other`.

    Returns:
        Scores by the names of the metrics, in their order.

    Raises:
        InvalidArgument: A metric needs what is not given, or no metric takes what is.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Deletion, Sparseness, measure
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[3.0, 1.0]]))
        >>> scores = measure(problem, torch.tensor([[3.0, 1.0]]), [Deletion(), Sparseness()], baselines=0)
        >>> scores["Deletion"].values
        tensor([1.5000], dtype=torch.float64)
    """
    named = named_metrics(metrics)
    check_arguments(named, arguments)
    with Session(problem):
        return {name: metric(problem, attributions, **taken(metric, arguments)) for name, metric in named.items()}


def taken(call: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a metric or a method takes.

    Args:
        call: It.
        arguments: All.
    """
    parameters = inspect.signature(call).parameters
    return {name: value for name, value in arguments.items() if name in parameters}


def check_arguments(metrics: Mapping[str, Metric], arguments: Collection[str], besides: Collection[str] = ()) -> None:
    """Check that metrics have what they need, and that each argument is for one of them.

    Args:
        metrics: The metrics, by name.
        arguments: The names of the arguments that users give.
        besides: The names of those that metrics are given besides, or that others take.

    Raises:
        InvalidArgument: They have not, or one is for none.
    """
    known = set(besides)
    for name, metric in metrics.items():
        parameters = inspect.signature(metric).parameters
        known |= parameters.keys()
        missing = [
            each.name
            for each in parameters.values()
            if each.kind is each.KEYWORD_ONLY and each.default is each.empty and each.name not in {*arguments, *besides}
        ]
        if missing:
            raise InvalidArgument(f"{name} needs {', '.join(missing)}: got none. Hint: {missing[0]}=...")
    for name in arguments:
        if name not in known:
            raise InvalidArgument(f"{name} is taken by none of {', '.join(metrics)}. Hint: leave it out.")
