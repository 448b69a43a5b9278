"""Which method explains a model best, by which metric, and how sure that is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.evaluation.session import Session
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, UnknownName, WrongType
from pellucid.methods.table import name_of_method, table
from pellucid.metrics.comparing.method_comparison import Entry, MethodComparison, Standing
from pellucid.metrics.comparing.resampling import Array, bootstrap_interval, holm, sign_flip_p_value
from pellucid.metrics.measuring import Metrics, check_arguments, named_metrics, taken
from pellucid.metrics.scores import Metric

MethodLike: TypeAlias = "str | Callable[[ModelFunction], Attributions]"
"""A method: its name in `pellucid.methods.table()`, one of `pellucid.methods`, or one with arguments of its own,
`functools.partial(IntegratedGradients(), baselines=x0)`; or a function of one's own, which is given the function of a
problem: `f.x` are its inputs, `f.problem.model` its model."""

OF_METHODS = ("baselines", "feature_mask", "removal")
"""What methods are called with, where they take it, as metrics are."""

FEWEST_TOLD = 6
"""Of fewer examples no difference is more than chance at 95 %, however large."""


def compare(
    problems: Problem | Sequence[Problem],
    methods: Sequence[MethodLike] | Mapping[str, MethodLike],
    metrics: Metrics,
    *,
    level: float = 0.95,
    n_resamples: int = 9999,
    seed: int = 0,
    **arguments: Any,
) -> MethodComparison:
    """Compare methods by metrics, with intervals of their means, and tests of the differences to the best.

    All methods explain the same examples, so that differences are paired. Intervals are of means over examples, as of
    others that could have been drawn (bootstrap, bias-corrected and accelerated); p-values are those of random signs of
    the differences, corrected for several methods (Holm). Methods that share a session share what they evaluate, as
    metrics do.

    Args:
        problems: What is explained; several where examples do not fit into one.
        methods: See [MethodLike][pellucid.metrics.comparing.compare.MethodLike]; a mapping gives them names.
        metrics: See [Metrics][pellucid.metrics.measuring.Metrics].
        level: How sure intervals and differences are to be.
        n_resamples: How often examples, and signs, are drawn again.
        seed: Seeds that.
        **arguments: What metrics are called with (`baselines`, `feature_mask`, `removal`, `truth`), and methods, where
            they take it; of several problems a list, with one for each, or what is for all.

    Returns:
        The comparison, which prints as a table.

    Raises:
        InvalidArgument: Something is missing, comes twice, or would not be used.
        UnknownName: There is no such method.
        WrongType: A metric, or a problem, is none.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import FaithfulnessEstimate, compare
        >>> problem = Problem(lambda x: (x**2).sum(1), torch.arange(1.0, 41).view(10, 4).sin())
        >>> comparison = compare(problem, ["feature_ablation", "saliency"], [FaithfulnessEstimate()], baselines=0)
        >>> comparison["FaithfulnessEstimate", "feature_ablation"].standing
        'best'
        >>> round(comparison["FaithfulnessEstimate", "feature_ablation"].mean, 3)
        1.0
    """
    listed = [problems] if isinstance(problems, Problem) else list(problems)
    named, explain = named_metrics(metrics), named_methods(methods)
    _check(listed, level)
    check_count("n_resamples", n_resamples, least=99)
    check_arguments(named, arguments, besides=("method", *OF_METHODS))
    scores: dict[tuple[str, str], list[Array]] = {}
    for number, problem in enumerate(listed):
        own = {name: _of_problem(value, number, len(listed)) for name, value in arguments.items()}
        for key, values in _scores(problem, explain, named, own).items():
            scores.setdefault(key, []).append(values)
    joined = {key: np.concatenate(parts) for key, parts in scores.items()}
    generator = np.random.default_rng(seed)
    entries: list[Entry] = []
    for name, metric in named.items():
        by_method = {method: joined[name, method] for method in explain}
        entries += _entries(name, metric, by_method, level, n_resamples, generator)
    examples = sum(problem.batch_size for problem in listed)
    few = f"{examples} examples are too few to tell methods apart. Hint: {FEWEST_TOLD} or more; better 50."
    return MethodComparison(tuple(entries), joined, level, (few,) if examples < FEWEST_TOLD else ())


def named_methods(methods: Sequence[MethodLike] | Mapping[str, MethodLike]) -> dict[str, Callable[..., Attributions]]:
    """Methods by name.

    Args:
        methods: See [MethodLike][pellucid.metrics.comparing.compare.MethodLike].

    Raises:
        InvalidArgument: There are none, or one comes twice.
        UnknownName: There is no method of a name.
        WrongType: One is no method.
    """
    if isinstance(methods, str) or callable(methods):
        methods = [methods]
    listed = list(methods.items()) if isinstance(methods, Mapping) else [(_name(each), each) for each in methods]
    if not listed:
        raise InvalidArgument("methods must be at least one: got none. Hint: methods=['saliency'].")
    named = {name: _made(method) for name, method in listed}
    if len(named) < len(listed):
        raise InvalidArgument(
            f"methods must have different names: got {', '.join(name for name, _ in listed)}. "
            "Hint: a mapping, {'20 steps': IntegratedGradients(n_steps=20)}."
        )
    return named


def _name(method: MethodLike) -> str:
    if isinstance(method, str):
        return method
    inner = method.func if isinstance(method, functools.partial) else method
    known = {facts.method: facts.name for facts in table()}
    own_name = getattr(inner, "__name__", name_of_method(type(inner)))
    return known.get(type(inner), str(own_name))


def _made(method: MethodLike) -> Callable[..., Attributions]:
    if isinstance(method, str):
        known = {facts.name: facts for facts in table()}
        if method not in known:
            raise UnknownName(f"methods must be among {', '.join(known)}: got {method!r}. Hint: 'saliency'.")
        made: Callable[..., Attributions] = known[method].method()
        return made
    if isinstance(method, type) or not callable(method):
        hint = f" Hint: {method.__name__}()." if isinstance(method, type) else ""
        raise WrongType(f"methods must be names, or methods of pellucid.methods: got {summary(method)}.{hint}")
    return method


def _check(problems: Sequence[Problem], level: float) -> None:
    if not problems or not all(isinstance(problem, Problem) for problem in problems):
        got = ", ".join(type(problem).__name__ for problem in problems) or "none"
        raise WrongType(f"problems must be a Problem, or several: got {got}. Hint: Problem(model, inputs, target=...).")
    if not 0 < level < 1:
        raise InvalidArgument(f"level must be between zero and one: got {summary(level)}. Hint: level=0.95.")


def _of_problem(value: Any, number: int, count: int) -> Any:
    """What of an argument is for one of several problems."""
    return value[number] if count > 1 and isinstance(value, list) and len(value) == count else value


def _scores(
    problem: Problem,
    methods: Mapping[str, Callable[..., Attributions]],
    metrics: Mapping[str, Metric],
    arguments: Mapping[str, Any],
) -> dict[tuple[str, str], Array]:
    """The scores of one problem's examples, by metric and method."""
    of_methods = {name: value for name, value in arguments.items() if name in OF_METHODS}
    scores = {}
    with Session(problem):
        for name, method in methods.items():
            explain = functools.partial(method, **taken(method, of_methods))
            attributions = explain(function_of(problem))
            for label, metric in metrics.items():
                given = taken(metric, {**arguments, "method": explain})
                scores[label, name] = metric(problem, attributions, **given).values.numpy()
    return scores


def _entries(
    name: str,
    metric: Metric,
    scores: Mapping[str, Array],
    level: float,
    n_resamples: int,
    generator: np.random.Generator,
) -> list[Entry]:
    """The entries of one metric."""
    known = {method: values[~np.isnan(values)] for method, values in scores.items()}
    means = {method: float(values.mean()) if len(values) else float("nan") for method, values in known.items()}
    sign = 1.0 if metric.better == "higher" else -1.0
    told = [method for method in means if means[method] == means[method]]
    best = max(told, key=lambda method: sign * means[method], default=None)
    p_values = holm(
        [
            float("nan") if best is None or method == best else _p_value(scores[best], values, n_resamples, generator)
            for method, values in scores.items()
        ]
    )
    return [
        Entry(
            metric=name,
            method=method,
            better=metric.better,
            mean=means[method],
            interval=bootstrap_interval(known[method], level, n_resamples, generator),
            examples=len(known[method]),
            p_value=p_value,
            standing=_standing(method == best, means[method], p_value, level),
        )
        for method, p_value in zip(scores, p_values, strict=True)
    ]


def _p_value(best: Array, values: Array, n_resamples: int, generator: np.random.Generator) -> float:
    """Of the difference over the examples of which both have a score."""
    differences = best - values
    return sign_flip_p_value(differences[~np.isnan(differences)], n_resamples, generator)


def _standing(is_best: bool, mean: float, p_value: float, level: float) -> Standing:
    if mean != mean:
        return "unknown"
    if is_best:
        return "best"
    if p_value != p_value:
        return "unknown"
    return "tied" if p_value > 1 - level else "worse"
