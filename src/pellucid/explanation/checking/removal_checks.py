"""Checks that take features away: whether values add up, say what happens without features, and rank them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.core.evaluation.completeness import CHANCE_FACTOR
from pellucid.core.tensors import flatten_examples
from pellucid.explanation.checking.evidence import Evidence
from pellucid.explanation.checking.grading import (
    Bounds,
    Finding,
    graded,
    graded_ratio,
    known_of,
    mean_and_error,
    percent,
    untold,
)
from pellucid.explanation.checking.verdict import RemovalMeans
from pellucid.metrics import Completeness, Deletion, Infidelity, Insertion, RemovalCurve, Scores

SAME = 1e-6
"""By how much areas differ that are the same but for rounding, as a share of their size."""

SETS, HALF = 100, 0.5
"""How many random sets of features are taken away, and which share of all is in each."""


def adds_up(evidence: Evidence) -> Finding:
    """Whether values add up to the change of the output.

    Args:
        evidence: What is checked.
    """
    if not evidence.promised:
        return untold(f"{evidence.question.choice.name} does not promise that values add up.")
    scores = _scored(evidence, Completeness())
    removals = ends(evidence)
    change = (removals[0] - removals[1]).abs()
    norms = sum(flatten_examples(tensor).double().square().sum(1).cpu() for tensor in evidence.attributions)
    least = torch.maximum(change, CHANCE_FACTOR * torch.as_tensor(norms).sqrt())
    shares = scores.values / torch.where(least > 0, least, 1.0)
    return graded(
        shares,
        Bounds(0.05, 0.2),
        lambda value, error: f"Values add up to the change of the output, but for {percent(value, error)} of it.",
        "n_steps=200, or method='auto' with a smaller tolerance.",
    )


def says_what_happens(evidence: Evidence) -> Finding:
    """Whether sums of values say by how much the output drops without random sets of features.

    Values that are not promised to add up are scaled as fits best.

    Args:
        evidence: What is checked.
    """
    promised = evidence.promised
    scores = _scored(evidence, Infidelity(n_samples=SETS, size=HALF, seed=evidence.seed, normalize=not promised))
    scaled = "" if promised else ", once scaled,"
    power = scores.details["power"]
    return graded_ratio(
        power - scores.values,
        power,
        Bounds(0.8, 0.4),
        lambda value, error: (
            f"Sums of values{scaled} tell {percent(max(0.0, value), error)} of what happens to the output as random "
            "sets of half of the features are taken away."
        ),
        "features that act together cannot be told one by one: feature_mask=..., which joins them, or "
        "method='shapley_interactions', which has pairs."
        if evidence.is_signed
        else "values without signs do not say which way: a method that is signed, see pellucid.methods.table().",
    )


def beats_random_orders(evidence: Evidence) -> Finding:
    """Whether the output falls faster than in random orders as the largest values are taken away, and rises faster.

    Args:
        evidence: What is checked.
    """
    orders = evidence.random_orders
    deletion = _scored(evidence, Deletion(random_orders=orders, seed=evidence.seed))
    insertion = _scored(evidence, Insertion(random_orders=orders, seed=evidence.seed))
    shares = torch.stack([_share_beaten(deletion), _share_beaten(insertion)])
    going, coming = (percent(*mean_and_error(known_of(each))) for each in shares)
    finding = graded(
        torch.nanmean(shares, 0),
        Bounds(0.9, 0.6),
        lambda value, error: (
            f"Taking the features of the largest values away lowers the output faster than {going} of {orders} random "
            f"orders; putting them in raises it faster than {coming}."
        ),
        "another method or other baselines; as far as the order is no better than chance, do not read much into it.",
    )
    return finding._replace(curves={"deletion": _means(deletion), "insertion": _means(insertion)})


def ends(evidence: Evidence) -> tuple[Tensor, Tensor]:
    """The outputs with all features, and with none, [B] each.

    Args:
        evidence: What is checked.
    """
    values = follow(evidence, 1)
    return values[:, 0], values[:, -1]


def follow(evidence: Evidence, steps: int) -> Tensor:
    """The outputs as the features of the largest values go, [B, steps + 1].

    Args:
        evidence: What is checked.
        steps: In how many steps, at most.
    """
    curve = _scored(evidence, Deletion(steps=steps)).curve
    return curve.values if isinstance(curve, RemovalCurve) else torch.zeros(0, 2)


def _scored(evidence: Evidence, metric: Callable[..., Scores]) -> Scores:
    return metric(
        evidence.problem,
        evidence.attributions,
        baselines=evidence.baselines,
        removal=evidence.removal,
        feature_mask=evidence.groups,
    )


def _share_beaten(scores: Scores) -> Tensor:
    """Which share of random orders that do otherwise does worse, [B]; NaN where all do the same."""
    areas = scores.curve.random_areas if scores.curve is not None else None
    if areas is None:
        return torch.full_like(scores.values, float("nan"))
    own = scores.values[:, None]
    size = areas.abs().amax(1, keepdim=True).maximum(own.abs())
    gain = areas - own if scores.better == "lower" else own - areas
    wins, losses = (each.sum(1).double() for each in (gain > SAME * size, gain < -SAME * size))
    return wins / torch.where(wins + losses > 0, wins + losses, float("nan"))


def _means(scores: Scores) -> RemovalMeans:
    curve = scores.curve
    if curve is None or curve.random is None:
        return RemovalMeans(fractions=(0.0, 1.0), values=(0.0, 0.0), low=(), high=())
    low, high = curve.band(0.9)
    fractions, *means = (
        tensor.tolist() for tensor in (curve.fractions, curve.values.mean(0), low.mean(0), high.mean(0))
    )
    return RemovalMeans(fractions=tuple(fractions), values=tuple(means[0]), low=tuple(means[1]), high=tuple(means[2]))
