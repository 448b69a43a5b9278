"""Methods compared by metrics, of models and inputs of whatever kind."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.attributions import Attributions
from pellucid.core.tensors import describe, unwrap_single
from pellucid.data import is_estimator
from pellucid.errors import located
from pellucid.explanation.checking.evidence import Evidence
from pellucid.explanation.named_methods import MethodChoice, chosen_method, parameters_of
from pellucid.explanation.question import Asked, Question
from pellucid.explanation.result import result_of
from pellucid.metrics import MethodComparison, Metric
from pellucid.metrics import compare as compare_by_metrics

OF_QUESTIONS = {field.name for field in dataclasses.fields(Asked)}


def compare_methods(
    model: Any, inputs: Any, methods: Sequence[str], metrics: Sequence[Metric], **arguments: Any
) -> MethodComparison:
    """Compare methods by metrics, as [pellucid.metrics.compare][] does, of whatever `pellucid.explain` takes.

    Args:
        model: The model.
        inputs: Its inputs.
        methods: The names of methods.
        metrics: The metrics.
        **arguments: What `pellucid.explain` is given besides.

    Raises:
        PellucidError: An argument is not what it must be, or a method does not suit the model.
    """
    asked = Asked(
        model=model,
        inputs=inputs,
        is_compared=True,
        **{name: value for name, value in arguments.items() if name in OF_QUESTIONS},
    )
    parameters = {name: value for name, value in arguments.items() if name not in OF_QUESTIONS}
    choices = [chosen_method(name, parameters_of(name, methods, parameters), asked.seed) for name in methods]
    try:
        return _compared(asked, choices, metrics)
    except Exception as error:
        raise located(error, "compare", describe(inputs)) from error.__cause__


def _compared(asked: Asked, choices: Sequence[MethodChoice], metrics: Sequence[Metric]) -> MethodComparison:
    """The comparison of methods, which all explain one problem: ids of tokens as their vectors, if one needs these."""
    first = next((choice for choice in choices if choice.takes_gradients), choices[0])
    question = Question.of(asked, first if not is_estimator(asked.model) else choices[0])
    evidence = Evidence(question, by_baseline=False, promised=False, random_orders=0, seed=asked.seed or 0)
    return compare_by_metrics(
        evidence.problem,
        {choice.name: _explaining(question, choice) for choice in choices},
        list(metrics),
        seed=asked.seed or 0,
        **_arguments_of(evidence, metrics),
    )


def _arguments_of(evidence: Evidence, metrics: Sequence[Metric]) -> dict[str, Any]:
    """What metrics are called with: the baselines and features of the question."""
    arguments = {"feature_mask": evidence.feature_mask}
    if evidence.baselines is not None:
        arguments["baselines"] = evidence.baselines
    if evidence.spread and any("spread" in inspect.signature(metric).parameters for metric in metrics):
        arguments["spread"] = unwrap_single(evidence.spread)
    return arguments


def _explaining(question: Question, choice: MethodChoice) -> Callable[[ModelFunction], Attributions]:
    """Attributes by one of the methods."""
    asked = dataclasses.replace(question, choice=choice)

    def explain(f: ModelFunction) -> Attributions:
        return Attributions(result_of(asked, choice.method, f).values)

    return explain
