"""Quantus' numbers, where its definitions are those of the papers; it is optional: `pip install quantus`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pellucid import metrics
from pellucid.methods import InputXGradient, Problem

quantus = pytest.importorskip("quantus")

SIDE, EXAMPLES = 8, 6
AS_THEY_ARE: dict[str, Any] = {
    "abs": False,
    "normalise": False,
    "disable_warnings": True,
    "display_progressbar": False,
    "return_aggregate": False,
}
"""Quantus scales attributions, and takes their sizes, unless told."""


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * SIDE * SIDE, 5)).eval()


@pytest.fixture(scope="module")
def problem(model: nn.Module) -> Problem:
    x = torch.rand(EXAMPLES, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    return Problem(model, x, target=torch.arange(EXAMPLES) % 5)


@pytest.fixture(scope="module")
def attributions(problem: Problem) -> torch.Tensor:
    return InputXGradient()(problem).values[0]


TRUTH = torch.zeros(EXAMPLES, 1, SIDE, SIDE, dtype=torch.bool)
TRUTH[:, :, 2:6, 1:5] = True


def theirs(metric: Any, problem: Problem, attributions: torch.Tensor, *, truth: bool = False) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = metric(
            model=problem.model,
            x_batch=problem.inputs[0].numpy(),
            y_batch=(torch.arange(EXAMPLES) % 5).numpy(),
            a_batch=attributions.numpy(),
            s_batch=TRUTH.numpy().astype(float) if truth else None,
            device="cpu",
            softmax=False,
        )
    return np.array(scores, dtype=float).reshape(EXAMPLES, -1)


@pytest.mark.parametrize(
    ("ours", "name", "arguments"),
    [
        (metrics.Sparseness(), "Sparseness", {"abs": True}),
        (metrics.Complexity(), "Complexity", {"abs": True}),
    ],
)
def test_shapes_of_distributions(ours, name, arguments, problem, attributions):
    expected = theirs(getattr(quantus, name)(**{**AS_THEY_ARE, **arguments}), problem, attributions)
    np.testing.assert_allclose(ours(problem, attributions).values.numpy(), expected[:, 0], rtol=1e-4)


@pytest.mark.parametrize(
    ("ours", "name", "arguments"),
    [
        (metrics.PointingGame(), "PointingGame", {}),
        (metrics.TopKIntersection(k=10), "TopKIntersection", {"k": 10}),
        (metrics.RelevanceRankAccuracy(), "RelevanceRankAccuracy", {}),
        (metrics.RelevanceMassAccuracy(), "RelevanceMassAccuracy", {"abs": True}),
        (metrics.AttributionLocalisation(), "AttributionLocalisation", {"positive_attributions": True}),
        (metrics.LocalisationAUC(), "AUC", {}),
    ],
)
def test_places(ours, name, arguments, problem, attributions):
    expected = theirs(getattr(quantus, name)(**{**AS_THEY_ARE, **arguments}), problem, attributions, truth=True)
    scores = ours(problem, attributions, truth=TRUTH)
    np.testing.assert_allclose(scores.values.numpy(), expected[:, 0], rtol=1e-5, atol=1e-9)


def test_pixel_flipping_follows_the_same_curve(problem, attributions):
    flipped = quantus.PixelFlipping(features_in_step=1, perturb_baseline=0.0, **AS_THEY_ARE)
    expected = theirs(flipped, problem, attributions)
    scores = metrics.PixelFlipping(steps=None)(problem, attributions, baselines=0)
    np.testing.assert_allclose(scores.curve.values[:, 1:].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_faithfulness_estimate(problem, attributions):
    estimate = quantus.FaithfulnessEstimate(
        features_in_step=1,
        perturb_baseline=0.0,
        similarity_func=quantus.similarity_func.correlation_pearson,
        **AS_THEY_ARE,
    )
    expected = theirs(estimate, problem, attributions)
    scores = metrics.FaithfulnessEstimate()(problem, attributions, baselines=0)
    np.testing.assert_allclose(scores.values.numpy(), expected[:, 0], rtol=1e-3, atol=1e-4)


def test_completeness(problem, attributions):
    # It says 0 and 1; the gap is compared with its own limit.
    complete = quantus.Completeness(perturb_baseline=0.0, **AS_THEY_ARE)
    expected = theirs(complete, problem, attributions)
    gaps = metrics.Completeness()(problem, attributions, baselines=0).values.numpy()
    assert ((gaps < 1e-6) == (expected[:, 0] > 0)).all()


def test_monotonicity_puts_features_in_where_quantus_asks_for_none(problem, attributions):
    """Its 0.6 evaluates the baseline over and over, and finds every explanation monotonic: ours is the paper's."""
    asked = []

    class Watched(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            asked.append(x.detach().clone())
            return problem.model(x)

    monotonic = quantus.Monotonicity(features_in_step=8, perturb_baseline=0.0, **AS_THEY_ARE)
    watched = Problem(Watched().eval(), problem.inputs, target=0)
    assert (theirs(monotonic, watched, attributions) == 1).all()
    assert all((x == 0).all() for x in asked)
    asked.clear()
    assert (metrics.Monotonicity(steps=8)(watched, attributions, baselines=0).values < 1).any()
    assert any((x != 0).any() for x in asked)


def test_the_correlation_over_random_sets_is_the_same_up_to_chance(problem, attributions):
    sampled = quantus.FaithfulnessCorrelation(nr_runs=400, subset_size=16, perturb_baseline=0.0, **AS_THEY_ARE)
    np.random.seed(0)
    expected = theirs(sampled, problem, attributions)[:, 0]
    scores = metrics.FaithfulnessCorrelation(n_samples=400, size=16)(problem, attributions, baselines=0)
    low, high = scores.interval(level=0.9999)
    width = (high - low).numpy()
    assert (np.abs(scores.values.numpy() - expected) < width).all()
