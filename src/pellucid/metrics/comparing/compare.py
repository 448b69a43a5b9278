"""Which method explains a model best, by which metric, and how sure that is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeAlias

import numpy as np

from pellucid.core.counts import check_count
from pellucid.core.evaluation.coalition_memory import ByIdentity
from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.evaluation.session import Session
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.core.tensors import describe
from pellucid.errors import InvalidArgument, UnknownName, WrongType, located
from pellucid.methods.table import name_of_method, table
from pellucid.metrics.comparing.method_comparison import Entry, MethodComparison
from pellucid.metrics.comparing.resampling import Array
from pellucid.metrics.comparing.standings import Resampling, entries_of, least_p_value
from pellucid.metrics.measuring import Metrics, check_arguments, named_metrics, taken
from pellucid.metrics.scores import Metric

MethodLike: TypeAlias = "str | Callable[[ModelFunction], Attributions]"
"""A method: its name in `pellucid.methods.table()`, one of `pellucid.methods`, or one with arguments of its own,
`functools.partial(IntegratedGradients(), baselines=x0)`; or a function of one's own, which is given the function of a
problem: `f.x` are its inputs, `f.problem.model` its model."""

OF_METHODS = ("baselines", "feature_mask", "removal")
"""What methods are called with, where they take it, as metrics are."""


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

    All methods explain the same examples, so that differences are paired; those of which a method has no score are left
    out for all. Intervals are of means over examples, as of others that could have been drawn (bootstrap,
    bias-corrected and accelerated); p-values are those of random signs of the differences, corrected for all pairs of
    methods (Holm), as the best is found in the same scores. Methods share what they evaluate, as metrics do.

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
    resampling = Resampling(
        level, check_count("n_resamples", n_resamples, least=99), check_count("seed", seed, least=0)
    )
    check_arguments(named, arguments, besides=("method", *OF_METHODS))
    scores: dict[tuple[str, str], list[Array]] = {}
    for number, problem in enumerate(listed):
        own = {name: _of_problem(name, value, number, len(listed)) for name, value in arguments.items()}
        for key, values in _scores(problem, explain, named, own).items():
            scores.setdefault(key, []).append(values)
    joined = {key: np.concatenate(parts) for key, parts in scores.items()}
    entries: list[Entry] = []
    for name, metric in named.items():
        entries += entries_of(name, metric, {method: joined[name, method] for method in explain}, resampling)
    return MethodComparison(tuple(entries), joined, level, tuple(_notes(entries, level)))


def _notes(entries: Sequence[Entry], level: float) -> Iterator[str]:
    """What a reader must know of the examples: where they are too few."""
    metrics: dict[int, list[str]] = {}
    methods = len({entry.method for entry in entries})
    for entry in entries:
        if entry.examples and methods > 1 and least_p_value(entry.examples, methods) > 1 - level:
            metrics.setdefault(entry.examples, []).append(entry.metric)
    of_all = len({entry.metric for entry in entries})
    for examples, names in metrics.items():
        of_which = dict.fromkeys(names)
        of = "" if len(of_which) == of_all else f"{', '.join(of_which)}: "
        count = f"{examples} example{'s are' if examples > 1 else ' is'}"
        yield f"{of}{count} too few to tell {methods} methods apart."


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
        kind = known[method].method
        needed = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
        if needed:
            raise InvalidArgument(f"{method} needs {needed[0]}. Hint: {kind.__name__}({needed[0]}=...), not its name.")
        made: Callable[..., Attributions] = kind()
        return made
    if isinstance(method, type) or not callable(method):
        hint = f" Hint: {method.__name__}()." if isinstance(method, type) else ""
        raise WrongType(f"methods must be names, or methods of pellucid.methods: got {summary(method)}.{hint}")
    return method


def _check(problems: Sequence[Problem], level: float) -> None:
    if not problems or not all(isinstance(problem, Problem) for problem in problems):
        got = ", ".join(type(problem).__name__ for problem in problems) or "none"
        raise WrongType(f"problems must be a Problem, or several: got {got}. Hint: Problem(model, inputs, target=...).")
    if not isinstance(level, float) or not 0 < level < 1:
        raise InvalidArgument(f"level must be between zero and one: got {summary(level)}. Hint: level=0.95.")


def _of_problem(name: str, value: Any, number: int, count: int) -> Any:
    """What of an argument is for one of several problems."""
    if count == 1 or not isinstance(value, list):
        return value
    if len(value) != count:
        raise InvalidArgument(
            f"{name} must be one for each problem, or one for all: expected {count}, got {len(value)}."
        )
    return value[number]


def _scores(
    problem: Problem,
    methods: Mapping[str, Callable[..., Attributions]],
    metrics: Mapping[str, Metric],
    arguments: Mapping[str, Any],
) -> dict[tuple[str, str], Array]:
    """The scores of one problem's examples, by metric and method."""
    scores = {}
    with Session(problem):
        for name, method in methods.items():
            of_methods = {key: arguments[key] for key in OF_METHODS if key in arguments and key not in _bound(method)}
            explain = functools.partial(method, **taken(method, of_methods))
            for label, metric in metrics.items():
                given = taken(metric, {**arguments, "method": explain})
                scores[label, name] = metric(problem, _attributions(name, explain, problem), **given).values.numpy()
    return scores


def _attributions(name: str, explain: Callable[..., Attributions], problem: Problem) -> Attributions:
    """What a method finds, once in a session; what it raises says whose it is."""
    f = function_of(problem)
    try:
        return f.session.once(("attributions", ByIdentity(explain)), lambda: explain(f))
    except Exception as error:
        raise located(error, f"compare, method {name!r}", describe(problem.inputs)) from error.__cause__


def _bound(method: Any) -> set[str]:
    """The arguments that a method has already: those of partial calls."""
    if not isinstance(method, functools.partial):
        return set()
    return {*method.keywords, *_bound(method.func)}
