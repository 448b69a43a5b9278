"""The answer of a method to a question, as an explanation."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.evaluation.completeness import as_single_sample
from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.evaluation.point_samplers import precomputed_points
from pellucid.core.evaluation.session import Session
from pellucid.core.evaluation.sweep import values_at
from pellucid.core.futures import to_completion
from pellucid.core.games.features import Features
from pellucid.core.games.game import Game
from pellucid.core.model.layers import name_in
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, array_of, as_tensor_tuple, unwrap_single
from pellucid.errors import InvalidArgument, collected_warnings, warn
from pellucid.explanation.explanation import Explanation
from pellucid.explanation.fingerprint import ExplainedModel
from pellucid.explanation.named_baselines import row_count
from pellucid.explanation.neutrality import note_of_no_change, warn_of_biased_baselines
from pellucid.explanation.part import Array
from pellucid.explanation.parts import parts_of_inputs, parts_of_layer, structure_of
from pellucid.explanation.provenance import Provenance, as_scalars, modules_of, name_of_model, now, versions
from pellucid.explanation.question import Question
from pellucid.explanation.target_names import name_of_target, target_names, unit_of
from pellucid.methods import Attributions, Background, DeepLiftShap, GradientShap, Interactions, Several


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


def answered(question: Question, method: Any = None) -> dict[str, Explanation]:
    """The explanations of a question, by the names of their targets: of one, "" is its name.

    Args:
        question: The question.
        method: Another method than the question's, which takes what that takes; None for its own.

    Raises:
        PellucidError: The method cannot answer it.
    """
    started = time.perf_counter()
    problem = question.problem()
    method = question.choice.method if method is None else method
    with Session(problem):
        result = _asked(question, method, problem)
        activations, label = _layer(question, problem)
    prediction, start = _ends(question)
    warn_of_biased_baselines(question, question.baselines.value if uses_baselines(question) else None)
    examples = len(prediction)
    question.counter.rows = max(question.counter.rows, 1)
    evaluations = np.full(examples, question.counter.rows / max(1, examples))
    adds_up = _adds_up(question, method)
    notes = (*question.notes, *(question.baselines.notes if uses_baselines(question) else ()))
    common: dict[str, Any] = {
        "structure": structure_of(question) if not label else 0,
        "unit": unit_of(question),
        "adds_up": adds_up,
        "evaluations": evaluations,
        "seconds": time.perf_counter() - started,
        "provenance": _provenance(question, method, label),
        "feature_labels": question.mask[1],
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
        interactions = None if result.interactions is None else array_of(_column((result.interactions,), column)[0])
        if label and len(parts) > 1:
            common["structure"] = tuple(range(len(parts)))
        return Explanation(
            parts=parts,
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

    if not isinstance(question.target, Several):
        return {"": made(None, target_names(question))}
    names = _names_of_several(question, question.target, prediction.shape[1])
    return {name: made(column, (name,) * examples) for column, name in enumerate(names)}


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


def _asked(question: Question, method: Any, problem: Problem) -> Result:
    """What the method returns; of a method of one baseline, the mean over many."""
    baselines = question.baselines.value if uses_baselines(question) else None
    if isinstance(baselines, Background) and _takes_one_baseline(question, method):
        return _averaged(question, method, problem, baselines)
    return _called(question, method, problem, baselines)


def uses_baselines(question: Question) -> bool:
    """Whether the method asks for baselines, and features are not taken away otherwise."""
    return "baselines" in question.choice.takes and question.choice.call.get("removal") is None


def _takes_one_baseline(question: Question, method: Any) -> bool:
    return question.choice.takes_gradients and not isinstance(method, GradientShap | DeepLiftShap)


def _averaged(question: Question, method: Any, problem: Problem, background: Background) -> Result:
    """The mean over the rows of a background, with the standard errors of that mean."""
    rows = as_tensor_tuple(background.rows, "baselines")

    def values_of(number: int) -> Tensors:
        one = tuple(row[:, number] if background.per_example else row[number : number + 1] for row in rows)
        return _called(question, method, problem, unwrap_single(one)).values

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


def _called(question: Question, method: Any, problem: Problem, baselines: Any) -> Result:
    arguments: dict[str, Any] = dict(question.choice.call)
    if uses_baselines(question):
        arguments["baselines"] = (
            _as_distribution(question, baselines) if isinstance(method, GradientShap | DeepLiftShap) else baselines
        )
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
    if isinstance(baselines, Background):
        return baselines if not baselines.per_example or question.choice.name == "gradient_shap" else baselines.rows
    entries = baselines if isinstance(baselines, tuple) else (baselines,) * len(question.arrangement.tensors)
    rows = tuple(
        entry if isinstance(entry, Tensor) else torch.full_like(x[:1], 0.0 if entry is None else float(entry))
        for entry, x in zip(entries, question.arrangement.tensors, strict=True)
    )
    return unwrap_single(rows)


def _of_interactions(question: Question, method: Any, problem: Problem, result: Interactions) -> Result:
    """Attributions of features, which have half of each of their interactions."""
    pairs = result.values
    main = pairs.diagonal(dim1=-2, dim2=-1)
    is_split = getattr(method, "index", "k-SII") == "k-SII"
    values = main + (pairs.sum(-1) - main) / 2 if is_split else main
    f = function_of(problem)
    features = Features.of(f.x, question.mask[0])
    leading = values.shape[:-1]
    spread = features.spread(values.flatten(0, -2)) if len(leading) == 1 else features.spread(values[:, 0])
    return Result(spread, None, pairs, result.n_evaluations, result.converged)


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


def _ends(question: Question) -> tuple[Array, Array]:
    """The target's values at the inputs and at the baselines, float64 [B] each, or [B, K] of several targets."""
    f = question.function()
    if question.asked_of_layer and question.target is None:
        nothing = np.full(question.examples, np.nan)
        return nothing, nothing.copy()
    prediction = _at(question, f, f.x)
    examples = question.examples
    if len(prediction) != examples:
        prediction = np.broadcast_to(prediction, (examples, *prediction.shape[1:])).copy()
    return prediction, _start(question, f, prediction)


def _at(question: Question, f: ModelFunction, points: Tensors) -> Array:
    values = question.run(f, lambda f: values_at(f, 1, precomputed_points(as_single_sample(points))))
    outputs: Array = array_of(values[:, 0].detach()).astype(np.float64)
    return outputs


def _start(question: Question, f: ModelFunction, prediction: Array) -> Array:
    """The target's values where no feature is there; NaN of methods without baselines, zero of relevance."""
    if question.choice.name == "lrp":
        return np.zeros_like(prediction)
    removal = question.choice.call.get("removal")
    if removal is None and not uses_baselines(question):
        return np.full_like(prediction, np.nan)
    is_game_of_layer = question.asked.source is not None and not question.choice.takes_gradients
    if is_game_of_layer:
        f = function_of(question.problem())
    baselines = None if removal is not None else question.baselines.value
    together = tuple(torch.zeros_like(x[:1], dtype=torch.int64) for x in f.x)

    async def absent(f: ModelFunction) -> Tensor:
        game = Game(f, together, baselines, removal)
        return await game.values(1, lambda *_: torch.zeros(1, 1, len(game.active_features), dtype=torch.bool))

    values = array_of(question.run(f, to_completion(absent)).detach()).astype(np.float64)
    start: Array = np.broadcast_to(values.reshape(-1, *prediction.shape[1:]), prediction.shape).copy()
    return start


def _adds_up(question: Question, method: Any) -> bool:
    """Whether values are promised to add up to the change of the output."""
    facts = question.choice.facts
    promised = facts is not None and "adds up" in facts.promises
    at_layer = question.asked.source is not None and question.choice.takes_gradients
    is_local = getattr(method, "multiply_by_inputs", True) is False
    is_noisy = isinstance(method, GradientShap) and method.stdevs != 0.0
    loses_to_biases = question.choice.name == "lrp"
    return promised and not (at_layer or is_local or is_noisy or loses_to_biases)


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
        seed=asked.seed,
        model=name_of_model(asked.model),
        n_parameters=sum(parameter.numel() for module in modules for parameter in module.parameters()),
        device=str(tensors[0].device),
        versions=versions(),
        created=now(),
    )
