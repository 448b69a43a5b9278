"""The answer of a method to a question, as an explanation."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.core.evaluation.model_function import function_of
from pellucid.core.evaluation.session import Session
from pellucid.core.model.layers import name_in
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, array_of
from pellucid.explanation.checking.asking import Asking
from pellucid.explanation.ends import outputs_at_ends_of
from pellucid.explanation.explanation import Explanation
from pellucid.explanation.features import with_dense_masks
from pellucid.explanation.fingerprint import ExplainedModel
from pellucid.explanation.neutrality import note_of_no_change, warn_of_biased_baselines
from pellucid.explanation.part import Array
from pellucid.explanation.parts import parts_of_inputs, parts_of_layer, structure_of
from pellucid.explanation.provenance import Provenance, as_scalars, modules_of, name_of_model, now, versions
from pellucid.explanation.question import Question
from pellucid.explanation.result import Result, result_of, uses_baselines
from pellucid.explanation.target_names import name_of_target, target_names, unit_of
from pellucid.methods import GradientShap, Several
from pellucid.plot.axis import number_text


def answered(question: Question, method: Any = None, *, by_baseline: bool = False) -> dict[str, Explanation]:
    """The explanations of a question, by the names of their targets: of one, "" is its name.

    Args:
        question: The question.
        method: Another method than the question's, which takes what that takes; None for its own.
        by_baseline: See [result_of][pellucid.explanation.result.result_of].

    Raises:
        PellucidError: The method cannot answer it.
    """
    started = time.perf_counter()
    problem = question.problem()
    method = question.choice.method if method is None else method
    with Session(problem):
        result = result_of(question, method, problem, by_baseline=by_baseline)
        activations, label = _layer(question, problem)
    # Of a model that returns one value for the batch, games have one example.
    prediction, start = (outputs[: len(result.values[0])] for outputs in outputs_at_ends_of(question))
    warn_of_biased_baselines(question)
    examples = len(prediction)
    question.counter.rows = max(question.counter.rows, 1)
    evaluations = np.full(examples, question.counter.rows / max(1, examples))
    adds_up = _adds_up(question, method) and not (question.is_of_batch and examples > 1)
    if question.choice.name == "lrp":
        question.notes.append(_said_of_relevance(result, prediction))
    of_batch = ("The model returns one value for all examples.",) if question.is_of_batch else ()
    notes = (*of_batch, *question.notes, *(question.baselines.notes if uses_baselines(question) else ()))
    common: dict[str, Any] = {
        "structure": structure_of(question) if not label else 0,
        "unit": unit_of(question),
        "adds_up": adds_up,
        "evaluations": evaluations,
        "seconds": time.perf_counter() - started,
        "provenance": _provenance(question, method, label),
        "rounds": tuple((float(number), error) for number, error in result.rounds),
        "model": ExplainedModel.of(question.asked.model),
    }

    def made(column: int | None, names: tuple[str, ...]) -> Explanation:
        values, stderr = _column(result.values, column), _column(result.stderr, column)
        parts = (
            parts_of_layer(question, values, stderr, activations, label)
            if label
            else parts_of_inputs(question, values, stderr)
        )
        parts, labels = with_dense_masks(parts, question.mask[1])
        interactions = None if result.interactions is None else array_of(_column((result.interactions,), column)[0])
        if label and len(parts) > 1:
            common["structure"] = tuple(range(len(parts)))
        explanation = Explanation(
            parts=parts,
            feature_labels=labels,
            prediction=_of_column(prediction, column),
            baseline_prediction=_of_column(start, column),
            notes=(
                *notes,
                *(note_of_no_change(_of_column(prediction, column), _of_column(start, column)) if adds_up else ()),
            ),
            target_names=names,
            remainder=np.zeros(examples),
            interactions=None if interactions is None else interactions.astype(np.float64),
            **common,
        )
        vars(explanation)["asking"] = Asking.of(question, method, column, by_baseline=by_baseline)
        return explanation

    if not isinstance(question.target, Several):
        return {"": made(None, target_names(question)[:examples])}
    names = _names_of_several(question, question.target, prediction.shape[1])
    return {name: made(column, (name,) * examples) for column, name in enumerate(names)}


def _said_of_relevance(result: Result, prediction: Array) -> str:
    """How much relevance reaches the inputs: biases absorb some, and rules may not conserve it."""
    reached = sum(float(value.double().sum()) for value in result.values) / max(1, prediction.size)
    return (
        f"Relevance adds up to {number_text(reached)}, of the output's {number_text(float(prediction.mean()))}, "
        "on average: biases, and rules that do not conserve it, have the rest."
    )


def _names_of_several(question: Question, target: Several, count: int) -> list[str]:
    """The names of several targets, all different."""
    listed = range(count) if isinstance(target.targets, str) else target.targets
    names = [name_of_target(question, each) for each in listed]
    return [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names)]


def _column(tensors: Any, column: int | None) -> Any:
    """One target's tensors (B, ...) of (B, K, ...)."""
    return tensors if tensors is None or column is None else tuple(tensor[:, column] for tensor in tensors)


def _of_column(array: Array, column: int | None) -> Array:
    kept: Array = (array if column is None else array[:, column]).copy()
    return kept


def _layer(question: Question, problem: Problem) -> tuple[Tensors, str]:
    """The activations of the layer that is attributed to, and its name; of the inputs, none and ""."""
    of_maps = question.choice.facts is not None and question.choice.name == "guided_grad_cam"
    site = problem.gradient_at if problem.gradient_at.modules else problem.source
    if not site.modules or of_maps or question.choice.name == "neuron_conductance":
        return (), ""
    label = name_in(question.model, site.modules[0]) or type(site.modules[0]).__name__
    f = function_of(problem)
    activations = question.run(f, lambda f: f.activations(f.points, site))
    return activations, label


def _adds_up(question: Question, method: Any) -> bool:
    """Whether values are promised to add up to the change of the output."""
    facts = question.choice.facts
    promised = facts is not None and "adds up" in facts.promises
    at_layer = question.asked.source is not None and question.choice.takes_gradients
    is_local = getattr(method, "multiply_by_inputs", True) is False
    is_noisy = isinstance(method, GradientShap) and method.stdevs != 0.0
    return promised and not (at_layer or is_local or is_noisy)


def _provenance(question: Question, method: Any, label: str) -> Provenance:
    asked, choice = question.asked, question.choice
    fields = {field.name: getattr(method, field.name) for field in dataclasses.fields(method)}
    parameters: Mapping[str, Any] = {**fields, **choice.call, **choice.options, **choice.problem, **choice.reading}
    modules = modules_of(asked.model)
    tensors = question.arrangement.tensors
    return Provenance(
        method=choice.name,
        parameters=as_scalars(parameters),
        baselines=question.baselines.text if uses_baselines(question) else "none",
        source=label or "inputs",
        target="the predicted class" if asked.target is None and question.target is not None else summary(asked.target),
        seed=None if asked.seed is None else int(asked.seed),
        model=name_of_model(asked.model),
        n_parameters=sum(parameter.numel() for module in modules for parameter in module.parameters()),
        device=str(tensors[0].device),
        versions=versions(),
        created=now(),
    )
