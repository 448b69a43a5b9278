"""Checks that explain again: under noise, with random weights, by a second method, from other baselines."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.tensors import Tensors, flatten_examples, unwrap_single
from pellucid.errors import InvalidArgument, NotDifferentiable, NotSupported, collected_warnings
from pellucid.explanation.checking.evidence import ENOUGH_FOR_RANGES, Evidence
from pellucid.explanation.checking.grading import Bounds, Finding, graded, graded_ratio, number, percent, untold
from pellucid.explanation.named_baselines import BLURRED_SHARE
from pellucid.explanation.named_methods import chosen_method
from pellucid.explanation.question import Question
from pellucid.explanation.result import uses_baselines
from pellucid.methods import Blur
from pellucid.methods.calling.attribution import run_located
from pellucid.metrics import MaxSensitivity
from pellucid.metrics.randomisation.randomised_model import randomised, randomised_copy
from pellucid.metrics.robustness.neighbourhood import Distances, Neighbourhood
from pellucid.metrics.robustness.noise import Noise
from pellucid.metrics.statistics import rank_correlation

RADIUS, COPIES = 0.02, 10
"""How far inputs are moved, as a share of their range, and how often."""

TOP = 5
"""How many of the largest features are compared."""

WEIGHTS = (0.4, 0.7)
"""How alike, at most, values of random weights are where all is well, and where that is in doubt: both look at the same
inputs, so that some likeness is to be expected."""

DRAWS, DRAWS_APART = 5, 7919
"""How many times weights are drawn, and how far apart the seeds of two draws are."""

FEWEST_IN_ORDER = 4
"""Of fewer features, orders are alike by chance."""

PERMUTATIONS = 20
"""How many a second method by Shapley values takes."""

ENOUGH_FOR_MEAN = 8
"""From so many examples on, their mean is a baseline."""


def stays_under_noise(evidence: Evidence) -> Finding:
    """How much values change where inputs hardly do.

    Args:
        evidence: What is checked.
    """
    if not evidence.can_be_moved:
        return untold("Integers, such as ids of tokens, cannot be moved a little.")
    noise = Noise(RADIUS, COPIES, evidence.seed, evidence.spread)

    def distances(f: ModelFunction) -> Distances:
        return Neighbourhood(f, evidence.attributions, evidence.explain, noise).distances

    found = run_located(MaxSensitivity(), evidence.problem, distances)
    of_columns = "each column's range" if len(found.size) >= ENOUGH_FOR_RANGES else "each number"
    ranges = of_columns if evidence.spread else "the inputs' range"
    return graded_ratio(
        found.of_attributions.amax(1),
        found.size,
        Bounds(0.3, 1.0),
        lambda value, error: (
            f"Noise of {100 * RADIUS:.0f} % of {ranges} changes values by {percent(value, error)} of their "
            "size at most."
        ),
        "method='noise_tunnel', which averages noise out.",
    )


def depends_on_weights(evidence: Evidence) -> Finding:
    """Whether values are others with random weights.

    Args:
        evidence: What is checked.
    """
    if evidence.is_of_inputs and evidence.of_groups(evidence.attributions).shape[1] < FEWEST_IN_ORDER:
        return untold(f"Of fewer than {FEWEST_IN_ORDER} features, orders are alike by chance.")
    try:
        draws = [_of_random_weights(evidence, draw) for draw in range(DRAWS)]
    except (InvalidArgument, NotSupported) as refusal:
        return untold(f"It cannot be told: {str(refusal).split(' Hint:')[0]}")
    alike = torch.stack([_alike(evidence, others) for others in draws], dim=1)
    # Weights are drawn for all examples: they differ from draw to draw, and not from example to example.
    error = float(torch.nanmean(alike, 0).std() / DRAWS**0.5)
    finding = graded(
        torch.nanmean(alike, 1),
        Bounds(*WEIGHTS),
        lambda value, _: (
            f"With random weights, sizes of values are {_how_alike(value)}: a rank correlation of "
            f"{number(value, error)} over {DRAWS} draws."
        ),
        "values that do not depend on what was learnt say more of inputs than of the model: another method.",
    )
    values = {"random weights": evidence.of_groups(draws[0])} if evidence.is_of_inputs else {}
    return Finding(dataclasses.replace(finding.verdict, stderr=error), values=values)


def _of_random_weights(evidence: Evidence, draw: int) -> Tensors:
    """The attributions of the same outputs of a copy of the model with random weights."""
    question, seed = evidence.question, evidence.seed + DRAWS_APART * draw
    if not evidence.is_of_inputs:  # layers are those of the copy
        ((_, problem),) = randomised(evidence.problem, "all at once", seed)
        with collected_warnings():
            return evidence.explain(function_of(problem)).values
    model = randomised_copy(question.asked.model, seed)
    asked = dataclasses.replace(question.asked, model=model, target=question.target)
    theirs = dataclasses.replace(evidence, question=Question.of(asked, question.choice))
    with collected_warnings():
        return theirs.attributions


def _how_alike(value: float) -> str:
    good, doubtful = WEIGHTS
    if value <= good:
        return "in another order"
    return f"{'partly ' if value <= doubtful else ''}in the same order"


def second_method(evidence: Evidence) -> Finding:
    """Whether a method that works otherwise finds the same features.

    Args:
        evidence: What is checked.
    """
    choice = evidence.question.choice
    by_gradients = () if choice.takes_gradients else ("integrated_gradients",)
    names = [name for name in (*by_gradients, "shapley_value_sampling", "feature_ablation") if name != choice.name]
    found = _otherwise(evidence, names)
    if found is None:
        return untold(f"No other method than {choice.name} suits the model.")
    name, values = found
    own = evidence.of_groups(evidence.attributions)
    top = min(TOP, max(1, own.shape[1] // 2))
    common = _common_top(own, values, top)
    finding = graded(
        rank_correlation(own.abs(), values.abs()),
        Bounds(0.7, 0.4),
        lambda value, error: (
            f"{name} has {_mean_number(common)} of the {top} largest in common, and a rank correlation of "
            f"{number(value, error)}."
        ),
        "look where they differ: explanation by both, pellucid.explain(..., method=[...]).",
    )
    return finding._replace(values={name: values})


def _otherwise(evidence: Evidence, names: Sequence[str]) -> tuple[str, Tensor] | None:
    """The first of some methods that suits the model, by name, and its values of groups of features, [B, groups]."""
    if not names:
        return None
    name, *others = names
    parameters = {"n_samples": PERMUTATIONS} if name == "shapley_value_sampling" else {}
    try:
        return name, _by_method(evidence, name, parameters)
    except (NotDifferentiable, NotSupported):
        return _otherwise(evidence, others)


def _mean_number(values: Tensor) -> str:
    """A mean number of features."""
    mean = float(values.mean())
    return f"{mean:.0f}" if len(values) == 1 or mean == round(mean) else f"{mean:.1f}"


def _by_method(evidence: Evidence, name: str, parameters: Mapping[str, Any]) -> Tensor:
    """The values of another method, of groups of features, [B, groups]."""
    choice, asked = evidence.question.choice, evidence.question.asked
    other = chosen_method(name, parameters, evidence.seed)
    # Shapley values take embedded tokens, as gradients do, so that both are of the same inputs.
    other = dataclasses.replace(other, problem=choice.problem, options=choice.options, reading=choice.reading)
    method, problem = other.method, evidence.problem
    taken: dict[str, Any] = {"baselines": evidence.baselines}
    arguments = taken if evidence.removal is None else {"removal": evidence.removal}
    if "feature_mask" in other.takes:
        arguments["feature_mask"] = evidence.groups
    with collected_warnings():
        if other.takes_gradients:
            asked = dataclasses.replace(asked, is_compared=True)
            if asked.baselines is None and isinstance(asked.inputs, Tensor) and not evidence.can_be_moved:
                # Ids start from the id zero, and so do their vectors.
                asked = dataclasses.replace(asked, baselines=torch.zeros_like(asked.inputs[:1]))
            question = Question.of(asked, other)
            theirs = dataclasses.replace(evidence, question=question)
            return theirs.of_groups(theirs.attributions)  # of ids of tokens, theirs are of vectors
        return evidence.of_groups(method(problem, **arguments).values)


def _common_top(a: Tensor, b: Tensor, k: int) -> Tensor:
    """How many of the k largest features two explanations have in common, float64 [B]."""
    tops = [values.abs().topk(k, dim=1).indices for values in (a, b)]
    return (tops[0][:, :, None] == tops[1][:, None]).any(2).sum(1).double()


def other_baselines(evidence: Evidence) -> Finding:
    """Whether values depend on the baselines.

    Args:
        evidence: What is checked.
    """
    question = evidence.question
    if not uses_baselines(question):
        return untold(f"{question.choice.name} takes no baselines.")
    if question.is_game_of_layer or not evidence.can_be_moved:
        return untold("Other baselines are tried of inputs that are numbers alone.")
    found = {label: _from(evidence, value) for label, value in _candidates(evidence).items()}
    sets = [evidence.attributions, *found.values()]
    pairs = [_alike(evidence, b, a) for a, b in itertools.combinations(sets, 2)]
    alike = torch.stack(pairs).nanmean(0)
    listed = ", ".join([question.baselines.text, *found])
    finding = graded(
        alike,
        Bounds(0.7, 0.4),
        lambda value, error: (
            f"From the baselines {listed}, the orders of features have a rank correlation of {number(value, error)}."
        ),
        "choose baselines that mean 'nothing there' in your data, or rows of it: baselines=training_inputs.",
    )
    return finding._replace(values={f"from {label}": evidence.of_groups(each) for label, each in found.items()})


def _candidates(evidence: Evidence) -> dict[str, Any]:
    """Two other baselines than those of the explanation, by name."""
    x, question = evidence.problem.inputs, evidence.question
    generator = torch.Generator(device="cpu").manual_seed(evidence.seed)
    candidates: dict[str, Any] = {}
    if question.baselines.text not in ("zero", "0", "0.0"):
        candidates["zero"] = 0.0
    candidates |= _means_of(x, embedded=bool(question.arrangement.embedded_texts))
    for label in ("random numbers", "other random numbers"):
        candidates[label] = tuple(_drawn(tensor, generator) for tensor in x)
    two = itertools.islice(candidates.items(), 2)
    return {name: unwrap_single(value) if isinstance(value, tuple) else value for name, value in two}


def _means_of(x: Tensors, *, embedded: bool) -> dict[str, Tensors]:
    """Baselines that are what inputs are on average, by name."""
    if embedded:
        return {"the mean token": tuple(tensor.mean(1, keepdim=True).expand_as(tensor) for tensor in x)}
    if all(tensor.ndim == 4 for tensor in x):
        colours = tuple(tensor.mean((2, 3), keepdim=True).expand_as(tensor) for tensor in x)
        return {"the mean colour": colours, "blurred images": tuple(map(_blurred, x))}
    if len(x[0]) >= ENOUGH_FOR_MEAN:
        return {"the mean of inputs": tuple(tensor.mean(0, keepdim=True) for tensor in x)}
    return {}


def _blurred(x: Tensor) -> Tensor:
    blurred = Blur(BLURRED_SHARE * max(x.shape[2:])).replacement(x)
    return x if blurred is None else blurred


def _drawn(x: Tensor, generator: torch.Generator) -> Tensor:
    """One row of uniform numbers, between the least and the largest of each feature over examples, or of all."""
    many = len(x) >= ENOUGH_FOR_MEAN
    low, high = (x.amin(0, keepdim=True), x.amax(0, keepdim=True)) if many else (x.amin(), x.amax())
    share = torch.rand(x[:1].shape, generator=generator, device="cpu").to(x.device, x.dtype)
    return low + (high - low) * share


def _from(evidence: Evidence, baselines: Any) -> Tensors:
    """The attributions from other baselines."""
    question = dataclasses.replace(evidence.question)
    vars(question)["baselines"] = dataclasses.replace(evidence.question.baselines, value=baselines)
    with collected_warnings():
        return evidence.by(question)(function_of(evidence.problem)).values


def _alike(evidence: Evidence, others: Tensors, own: Tensors | None = None) -> Tensor:
    """The rank correlation of sizes with other values, over groups of features, [B]."""
    own = evidence.attributions if own is None else own
    if not evidence.is_of_inputs:
        flat = [torch.cat([flatten_examples(x).abs().cpu().double() for x in each], 1) for each in (own, others)]
        return rank_correlation(flat[0], flat[1])
    return rank_correlation(evidence.of_groups(own).abs(), evidence.of_groups(others).abs())
