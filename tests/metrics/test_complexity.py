"""Sparseness and Complexity beside the definitions, feature by feature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pellucid.errors import InvalidArgument, NotScalar, PellucidWarning, WrongShape
from pellucid.methods import Problem, Several
from pellucid.metrics import Complexity, Sparseness, pixels

GENERATOR = torch.Generator().manual_seed(0)
SHAPES = {
    "table": [(4, 5)],
    "one feature": [(3, 1)],
    "image": [(2, 1, 8, 8)],
    "two inputs": [(3, 4), (3, 2, 3)],
    "one example": [(1, 5)],
    "no dimensions": [(3,)],
}


def problem_of(tensors: tuple[Tensor, ...]) -> Problem:
    inputs = tuple(map(torch.ones_like, tensors))
    return Problem(lambda *x: sum(each.flatten(1).sum(1) for each in x), inputs)


def gini(sizes: list[float]) -> float:
    """Half the mean difference of two of them, as a share of their mean."""
    count, total = len(sizes), sum(sizes)
    return sum(abs(a - b) for a in sizes for b in sizes) / (2 * count * total) if total else math.nan


def entropy(sizes: list[float]) -> float:
    total = sum(sizes)
    return -sum(size / total * math.log(size / total) for size in sizes if size) if total else math.nan


@pytest.mark.parametrize(("metric", "by_hand"), [(Sparseness(), gini), (Complexity(), entropy)])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("change", [lambda x: x, torch.round, torch.ones_like], ids=["distinct", "tied", "constant"])
def test_scores_are_their_definitions(metric: Any, by_hand: Any, shapes: list[tuple[int, ...]], change: Any):
    tensors = tuple(change(torch.randn(shape, generator=GENERATOR, dtype=torch.float64)) for shape in shapes)
    found = metric(problem_of(tensors), tensors if len(tensors) > 1 else tensors[0]).values
    for example in range(len(tensors[0])):
        sizes = [abs(float(value)) for tensor in tensors for value in tensor[example].flatten()]
        np.testing.assert_allclose(float(found[example]), by_hand(sizes), atol=1e-12)


@pytest.mark.parametrize("features", [1, 2, 7, 100])
def test_one_feature_that_has_it_all_and_all_that_have_the_same(features: int):
    attributions = torch.stack([torch.eye(features)[0] * -3.0, torch.full((features,), 0.1)])
    problem = problem_of((attributions,))
    expected = [1 - 1 / features, 0]
    np.testing.assert_allclose(Sparseness()(problem, attributions).values.numpy(), expected, atol=1e-12)
    expected = [0, math.log(features)]
    np.testing.assert_allclose(Complexity()(problem, attributions).values.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("metric", [Sparseness(), Complexity()])
def test_no_attributions_have_no_shape_and_nan_stays_in_its_example(metric: Any):
    attributions = torch.tensor([[1.0, 2.0], [0.0, 0.0], [math.nan, 1.0]])
    problem = problem_of((torch.ones(3, 2),))
    with pytest.warns(PellucidWarning, match=r"\[2\] contain NaN"):
        found = metric(problem, attributions).values
    assert found.isnan().tolist() == [False, True, True]
    torch.testing.assert_close(found[:1], metric(problem_of((torch.ones(1, 2),)), attributions[:1]).values)


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_scores_lie_in_their_range(values: list[float]):
    attributions = torch.tensor([values], dtype=torch.float64)
    for metric in (Sparseness(), Complexity()):
        score = float(metric(problem_of((attributions,)), attributions).values)
        assert math.isnan(score) or metric.range[0] <= score <= metric.range[1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
@pytest.mark.parametrize("metric", [Sparseness(), Complexity()])
def test_dtypes_of_attributions(metric: Any, dtype: torch.dtype):
    attributions = torch.tensor([[1, -2, 3], [4, 0, 0]], dtype=dtype)
    found = metric(problem_of((torch.ones(2, 3),)), attributions).values
    torch.testing.assert_close(found, metric(problem_of((torch.ones(2, 3),)), attributions.double()).values)


def test_masks_and_layers_say_what_one_feature_is():
    images = torch.rand(2, 3, 2, 2)
    values = images.sum(1).flatten(1)
    found = Sparseness()(problem_of((images,)), images, feature_mask=pixels(images)).values
    torch.testing.assert_close(found, Sparseness()(problem_of((values,)), values).values)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    at_layer = Problem(model, torch.rand(2, 2), source="0")
    assert Complexity()(at_layer, torch.ones(2, 3)).values.tolist() == pytest.approx([math.log(3)] * 2)


def test_what_does_not_fit_is_refused():
    problem = problem_of((torch.ones(2, 3),))
    with pytest.raises(WrongShape, match="attributions must have the shapes of the inputs"):
        Sparseness()(problem, torch.ones(2, 4))
    with pytest.raises(InvalidArgument, match="feature_mask must broadcast"):
        Sparseness()(problem, torch.ones(2, 3), feature_mask=torch.tensor([[0, 1]]))
    with pytest.raises(NotScalar, match="target must be a single one"):
        Sparseness()(Problem(lambda x: x, torch.ones(2, 3), target=Several([0, 1])), torch.ones(2, 3))
    assert (Sparseness.better, Complexity.better) == ("higher", "lower")
