"""The answer of `method="auto"`: what suits a model, until it is good enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from pellucid.core.evaluation.adaptive_sampling import Z_95
from pellucid.core.games.features import Features
from pellucid.core.model.inspection import ModelInfo, normalises_by_batch
from pellucid.data import is_estimator
from pellucid.errors import InvalidArgument, NotDifferentiable, OneForBatch, collected_warnings, warn
from pellucid.explanation.answer import answered
from pellucid.explanation.auto import FEW_PERMUTATIONS, Auto
from pellucid.explanation.explanation import Explanation, replaced, sizes_of_changes
from pellucid.explanation.named_baselines import row_count
from pellucid.explanation.named_methods import MethodChoice
from pellucid.explanation.question import Asked, Question
from pellucid.methods import (
    Background,
    IntegratedGradients,
    MethodFacts,
    ShapleyValues,
    ShapleyValueSampling,
    table,
)
from pellucid.methods.calling.training import has_dropout

WHOLLY_MISSED = 0.5
"""Sums of gradients that miss more than this share of the change are of a model that jumps between its steps."""

FEW_MORE = 4
"""What outputs at both ends cost besides the steps between them, per baseline."""

FEWEST_STEPS = 32
"""What a baseline of a data set takes at least, or fewer are drawn."""

STEPS_FOR_ALL = 200
"""The steps of a batch that cannot be divided, whose examples cannot stop one by one."""

ROUNDING = 1e-6
"""What sums may miss of outputs of size one, and nobody is told."""

CELLS = 8
"""An image whose pixels would be too many features is divided into so many rows and columns."""


def automatic(asked: Asked, choice: MethodChoice) -> dict[str, Explanation]:
    """The explanations of what suits the model, by the names of their targets.

    Args:
        asked: What users gave.
        choice: An `Auto`, and what else they gave.
    """
    auto: Auto = choice.method
    asked = dataclasses.replace(asked, most_rows=min(asked.most_rows, auto.max_evaluations // FEWEST_STEPS))
    if choice.call:
        return _by_values(asked, choice, auto, f"{next(iter(choice.call))} is given")
    if is_estimator(asked.model):
        return _by_values(asked, choice, auto, "the model predicts without gradients")
    try:
        return _by_gradients(asked, choice, auto)
    except NotDifferentiable:
        return _by_values(asked, choice, auto, "the output has no gradient")


def _by_gradients(asked: Asked, choice: MethodChoice, auto: Auto) -> dict[str, Explanation]:
    question = Question.of(asked, _with_method(choice, IntegratedGradients()))
    if isinstance(question.baselines.value, Background):
        return _averaged(question, auto)
    with collected_warnings() as messages:
        explanations = _until_they_add_up(question, auto)
    # A model in training mode may jump as it draws random numbers, which Shapley values do not mend.
    if not _draws_in_training(question) and any(map(_is_wholly_missed, explanations.values())):
        spent = sum(float(each.evaluations.mean()) for each in explanations.values()) / len(explanations)
        values = _by_values(asked, choice, auto, "gradients do not make up the change of the output, which jumps")
        return {name: replaced(each, evaluations=each.evaluations + spent) for name, each in values.items()}
    for message in messages:
        if not message.startswith("tolerance is not reached"):
            warn(message)
    for explanation in explanations.values():
        _warn_of_misses(explanation, auto.tolerance, "more as max_evaluations, or a larger tolerance")
    return _told(explanations, "Integrated gradients were chosen: torch differentiates the model.")


def _until_they_add_up(question: Question, auto: Auto) -> dict[str, Explanation]:
    """Integrated gradients of as many steps as each example needs; of as many for all, where a batch stays whole."""
    refined = IntegratedGradients(
        n_steps="auto", tolerance=auto.tolerance, relative=True, max_steps=auto.max_evaluations - FEW_MORE
    )
    if question.arrangement.needs_whole_batch:
        return answered(question, IntegratedGradients(n_steps=min(STEPS_FOR_ALL, auto.max_evaluations - FEW_MORE)))
    try:
        return answered(question, refined)
    except OneForBatch:
        return answered(question, IntegratedGradients(n_steps=min(STEPS_FOR_ALL, auto.max_evaluations - FEW_MORE)))


def _averaged(question: Question, auto: Auto) -> dict[str, Explanation]:
    """Integrated gradients, averaged over all baselines, with as many steps for each as the evaluations admit.

    Raises:
        InvalidArgument: They admit none for so many.
    """
    rows = _row_count(question)
    steps = auto.max_evaluations // rows - FEW_MORE
    if steps < 2:
        raise InvalidArgument(
            f"max_evaluations must be at least {rows * FEWEST_STEPS} for a Background of {rows} rows: "
            f"got {auto.max_evaluations}. Hint: baselines=rows, of which some are drawn, or "
            f"max_evaluations={rows * FEWEST_STEPS}."
        )
    with collected_warnings() as messages:
        explanations = answered(question, IntegratedGradients(n_steps=steps))
    for message in messages:
        if not message.startswith("attributions do not add up"):  # single baselines' misses may make up for each other
            warn(message)
    for explanation in explanations.values():
        _warn_of_misses(explanation, auto.tolerance, "more as max_evaluations, or fewer baselines")
    return _told(
        explanations,
        f"Integrated gradients, averaged over {rows} baselines, were chosen: torch differentiates the model.",
    )


def _warn_of_misses(explanation: Explanation, tolerance: float, hint: str) -> None:
    """Warn of sums that miss the change of the output by more than a share of it.

    A change may be close to zero by chance: none counts as smaller than what such attributions would add up to if their
    signs were random.
    """
    if explanation.delta is None:
        return
    rounding = ROUNDING * (np.abs(explanation.prediction) + np.abs(explanation.baseline_prediction))
    missed = np.abs(explanation.delta) > np.maximum(tolerance * sizes_of_changes(explanation), rounding)
    if missed.any():
        warn(
            f"tolerance is not reached for {int(missed.sum())} of {len(missed)} examples: sums miss the change of the "
            f"output by up to {np.abs(explanation.delta).max():.2g}. Hint: {hint}."
        )


def _row_count(question: Question) -> int:
    """How many baselines are averaged over."""
    value = question.baselines.value
    return row_count(value) if isinstance(value, Background) else 1


def _draws_in_training(question: Question) -> bool:
    """Whether a module does other things in training mode, which it is in."""
    training = (module for module in ModelInfo.of(question.model).modules if module.training)
    return any(has_dropout(module) or normalises_by_batch(module) for module in training)


def _is_wholly_missed(explanation: Explanation) -> bool:
    delta, change = explanation.delta, np.abs(explanation.prediction - explanation.baseline_prediction)
    if delta is None:
        return False
    of_note = change > 1e-3 * np.abs(explanation.prediction).max(initial=0.0)
    return bool((of_note & (np.abs(delta) > WHOLLY_MISSED * change)).any())


def _by_values(asked: Asked, choice: MethodChoice, auto: Auto, why: str) -> dict[str, Explanation]:
    """Shapley values: exact ones of few features, else sampled until their intervals are narrow."""
    question = Question.of(asked, _with_method(choice, ShapleyValues()))
    features = Features.of(question.arrangement.tensors, question.mask[0]).count
    notes = []
    if _has_too_many_pixels(question, features, auto):
        mask = _cells_of(question.arrangement.tensors[0])
        asked, features = dataclasses.replace(asked, feature_mask=mask), int(mask.max()) + 1
        notes.append(f"Pixels were joined to {features} squares. Hint: feature_mask=...")
    affordable = max(1, auto.max_evaluations // (2 * features + FEW_MORE))
    asked = dataclasses.replace(asked, most_rows=min(asked.most_rows, affordable))
    rows = _row_count(Question.of(asked, _with_method(choice, ShapleyValues())))
    method = _shapley_values(features, rows, auto, asked.seed)
    question = Question.of(asked, _with_method(choice, method))
    explanations = answered(question, by_baseline=rows > 1)
    if rows > 1 and question.baselines.notes:  # all rows of a data set are what was asked for
        for explanation in explanations.values():
            _warn_of_wide_intervals(explanation, auto.tolerance)
    kind = "Exact" if isinstance(method, ShapleyValues) else "Sampled"
    return _told(explanations, f"{kind} Shapley values of {features} features were chosen: {why}.", *notes)


def _warn_of_wide_intervals(explanation: Explanation, tolerance: float) -> None:
    """Warn of 95 % intervals that are wider than a share of the largest attribution of their example."""
    errors = explanation.features.stderr
    if errors is None:
        return
    largest = np.abs(explanation.features.values).max(1, initial=0.0)
    widest = Z_95 * np.nan_to_num(errors).max(1, initial=0.0)
    wide = widest > tolerance * largest
    if wide.any():
        warn(
            f"tolerance is not reached for {int(wide.sum())} of {len(wide)} examples: the widest interval is "
            f"{widest.max():.2g} to either side. Hint: more as max_evaluations, or a larger tolerance."
        )


def _has_too_many_pixels(question: Question, features: int, auto: Auto) -> bool:
    """Whether an image has more pixels than can be taken away one by one."""
    tensors = question.arrangement.tensors
    is_image = len(tensors) == 1 and tensors[0].ndim == 4
    return is_image and question.mask[0] is None and features > auto.max_evaluations // (2 * FEW_PERMUTATIONS)


def _shapley_values(features: int, rows: int, auto: Auto, seed: int | None) -> ShapleyValues | ShapleyValueSampling:
    """Exact Shapley values where the evaluations admit all coalitions, else of as many permutations as they admit.

    Args:
        features: How many there are.
        rows: How many baselines are averaged over; over many, the intervals of the mean say how exact it is.
        auto: The evaluations.
        seed: Of the permutations.

    Raises:
        InvalidArgument: They admit too few.
    """
    if 2**features * rows <= auto.max_evaluations:
        return ShapleyValues()
    permutations = auto.max_evaluations // (features * rows) // 2 * 2
    fewest = 2 if rows > 1 else 2 * FEW_PERMUTATIONS
    if permutations < fewest:
        least = fewest * features * rows
        raise InvalidArgument(
            f"max_evaluations must be at least {least} for {features} features and {rows} baselines: "
            f"got {auto.max_evaluations}. Hint: max_evaluations={least}, or feature_mask=..., which joins features."
        )
    if rows > 1:
        return ShapleyValueSampling(n_samples=permutations, permutations="antithetic", seed=seed)
    return ShapleyValueSampling(
        n_samples="auto",
        permutations="antithetic",
        tolerance=auto.tolerance,
        relative=True,
        max_samples=permutations,
        seed=seed,
    )


def _cells_of(x: torch.Tensor) -> torch.Tensor:
    """The mask of an image divided into squares, (1, 1, H, W)."""
    rows, columns = (torch.arange(size) * min(CELLS, size) // size for size in x.shape[2:])
    return (rows[:, None] * min(CELLS, x.shape[3]) + columns)[None, None]


def _with_method(choice: MethodChoice, method: Any) -> MethodChoice:
    """The same choice of a method that is known."""
    facts: Mapping[type[Any], MethodFacts] = {facts.method: facts for facts in table()}
    known = facts[type(method)]
    return dataclasses.replace(choice, name=known.name, method=method, facts=known)


def _told(explanations: Mapping[str, Explanation], *notes: str) -> dict[str, Explanation]:
    return {
        name: replaced(explanation, notes=(*notes, *explanation.notes)) for name, explanation in explanations.items()
    }
