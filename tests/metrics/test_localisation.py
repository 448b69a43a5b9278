"""Metrics of localisation beside loops over places and sklearn's area under the curve; mosaics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch import Tensor

from pellucid.errors import InvalidArgument, PellucidWarning, WrongShape
from pellucid.methods import Problem
from pellucid.metrics import (
    AttributionLocalisation,
    Focus,
    LocalisationAUC,
    PointingGame,
    RelevanceMassAccuracy,
    RelevanceRankAccuracy,
    TopKIntersection,
    mosaics,
)

GENERATOR = torch.Generator().manual_seed(0)


def problem_of(*tensors: Tensor) -> Problem:
    return Problem(lambda *x: sum(each.flatten(1).sum(1) for each in x), tuple(map(torch.ones_like, tensors)))


def top(values: list[float], k: int) -> list[float]:
    """How surely each is among the k largest, where those that tie for the last places are drawn."""
    last = sorted(values, reverse=True)[k - 1]
    above, tied = sum(value > last for value in values), sum(value == last for value in values)
    return [1.0 if value > last else (k - above) / tied if value == last else 0.0 for value in values]


def share(values: list[float], inside: list[bool]) -> float:
    total = sum(values)
    return sum(value for value, here in zip(values, inside, strict=True) if here) / total if total else math.nan


def by_hand(metric: Any, values: list[float], inside: list[bool]) -> float:
    size, positive = sum(inside), [max(value, 0.0) for value in values]
    if not size:
        return math.nan
    match metric:
        case PointingGame():
            found = [here for value, here in zip(values, inside, strict=True) if value == max(values)]
            return sum(found) / len(found)
        case TopKIntersection(k=k):
            k = min(k, len(values))
            return sum(sure for sure, here in zip(top(values, k), inside, strict=True) if here) / k
        case RelevanceRankAccuracy():
            return sum(sure for sure, here in zip(top(values, size), inside, strict=True) if here) / size
        case RelevanceMassAccuracy():
            return share(list(map(abs, values)), inside)
        case AttributionLocalisation(weighted=weighted):
            return share(positive, inside) * (len(values) / size if weighted else 1)
        case LocalisationAUC():
            return math.nan if all(inside) else float(roc_auc_score(inside, values))
        case _:
            return share(positive, inside)


METRICS: list[Any] = [
    PointingGame(),
    TopKIntersection(k=1),
    TopKIntersection(k=3),
    TopKIntersection(),
    RelevanceRankAccuracy(),
    RelevanceMassAccuracy(),
    AttributionLocalisation(),
    AttributionLocalisation(weighted=True),
    LocalisationAUC(),
    Focus(),
]
every_metric = pytest.mark.parametrize("metric", METRICS, ids=repr)


@every_metric
@pytest.mark.parametrize("shape", [(6, 5), (4, 1, 8, 8), (3, 1), (1, 4), (3,)], ids=str)
@pytest.mark.parametrize("change", [lambda x: x, torch.round, torch.zeros_like], ids=["distinct", "tied", "zero"])
def test_scores_are_their_definitions(metric: Any, shape: tuple[int, ...], change: Any):
    values = change(torch.randn(shape, generator=GENERATOR, dtype=torch.float64))
    truth = torch.rand(shape, generator=GENERATOR) < 0.4
    found = metric(problem_of(values), values, truth=truth).values
    for example in range(len(values)):
        expected = by_hand(metric, values[example].flatten().tolist(), truth[example].flatten().tolist())
        np.testing.assert_allclose(float(found[example]), expected, atol=1e-12)


@every_metric
def test_channels_are_added_up_where_truth_has_one(metric: Any):
    values = torch.randn(2, 3, 4, 4, generator=GENERATOR, dtype=torch.float64)
    truth = (torch.rand(2, 1, 4, 4, generator=GENERATOR) < 0.4).int() * 7
    found = metric(problem_of(values), values, truth=truth).values
    for example in range(2):
        expected = by_hand(metric, values[example].sum(0).flatten().tolist(), (truth[example] != 0).flatten().tolist())
        assert float(found[example]) == pytest.approx(expected)
    of_all = metric(problem_of(values), values, truth=truth[:1]).values
    torch.testing.assert_close(of_all[:1], found[:1])


@every_metric
def test_several_inputs_are_one_space(metric: Any):
    values = torch.randn(3, 4, generator=GENERATOR), torch.randn(3, 2, 3, generator=GENERATOR)
    truth = torch.rand(3, 4, generator=GENERATOR) < 0.5, torch.rand(3, 2, 3, generator=GENERATOR) < 0.5
    joined, joined_truth = (torch.cat([a, b.flatten(1)], 1) for a, b in (values, truth))
    torch.testing.assert_close(
        metric(problem_of(*values), values, truth=truth).values,
        metric(problem_of(joined), joined, truth=joined_truth).values,
        equal_nan=True,
    )
    with pytest.raises(WrongShape, match="truth must be one for each of 2 inputs: got 1"):
        metric(problem_of(*values), values, truth=truth[0])


@every_metric
def test_no_object_and_nan_have_no_score(metric: Any):
    values = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [math.nan, 2.0, 3.0]])
    truth = torch.tensor([[0, 0, 1], [0, 0, 0], [0, 0, 1]])
    with pytest.warns(PellucidWarning, match=r"\[2\] contain NaN"):
        found = metric(problem_of(truth), values, truth=truth).values
    assert found.isnan().tolist() == [False, True, True]


@every_metric
@given(
    st.lists(st.tuples(st.floats(-1e30, 1e30) | st.integers(-2, 2).map(float), st.booleans()), min_size=1, max_size=9)
)
@settings(max_examples=25, deadline=None)
def test_scores_lie_in_their_range(metric: Any, places: list[tuple[float, bool]]):
    values, inside = zip(*places, strict=True)
    attributions = torch.tensor([values], dtype=torch.float64)
    found = float(metric(problem_of(attributions), attributions, truth=torch.tensor([inside])).values)
    low, high = metric.range
    assert math.isnan(found) or low <= found <= high * (1 + 1e-12)


@every_metric
def test_attributions_on_the_object_alone_are_best(metric: Any):
    truth = torch.tensor([[0, 1, 0, 1, 0, 0]])
    on, off = truth.double() * torch.tensor([1.0, 2, 3, 4, 5, 6]), (1 - truth.double()) * 2
    best, worst = (metric(problem_of(truth), values, truth=truth).values for values in (on, off))
    if not (isinstance(metric, TopKIntersection) and metric.k > 2):
        assert best == (3 if getattr(metric, "weighted", False) else 1)
        assert worst == 0
    assert best >= worst
    assert metric.better == "higher"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
@every_metric
def test_dtypes_of_attributions(metric: Any, dtype: torch.dtype):
    values = torch.tensor([[3, -1, 2, 2], [0, 1, 1, -4]], dtype=dtype)
    truth = torch.tensor([[1, 1, 0, 0], [0, 1, 0, 0]], dtype=torch.uint8)
    found = metric(problem_of(values), values, truth=truth).values
    torch.testing.assert_close(found, metric(problem_of(values), values.double(), truth=truth).values)


def test_what_does_not_fit_is_refused():
    values = torch.rand(2, 3)
    for truth in (torch.ones(2, 4), torch.ones(3, 3), torch.ones(3), torch.ones(2, 3, 1)):
        with pytest.raises(WrongShape, match="truth must broadcast to the inputs"):
            PointingGame()(problem_of(values), values, truth=truth)
    with pytest.raises(InvalidArgument, match="truth must be a tensor"):
        PointingGame()(problem_of(values), values, truth=np.ones((2, 3)))  # type: ignore[arg-type]
    for k in (0, -1, 2.5):
        with pytest.raises(InvalidArgument, match="k must be an integer of at least 1"):
            TopKIntersection(k=k)(problem_of(values), values, truth=values)  # type: ignore[arg-type]


CLASSES = torch.tensor([0, 0, 0, 1, 1, 5])
IMAGES = (CLASSES * 10 + torch.arange(6)).double().view(6, 1, 1, 1).expand(6, 2, 2, 3).contiguous()


def test_mosaics_show_two_images_of_the_class_where_truth_says_so():
    made = mosaics(IMAGES, CLASSES, 50)
    assert made.inputs.shape == (50, 2, 4, 6)
    assert made.truth.shape == (50, 1, 4, 6)
    places = set()
    for image, target, truth in zip(*made, strict=True):
        tiles = [(image[:, a : a + 2, b : b + 3], truth[0, a : a + 2, b : b + 3]) for a in (0, 2) for b in (0, 3)]
        numbers = [int(tile.unique()) for tile, _ in tiles]
        assert len(set(numbers)) == 4
        for number, (_, inside) in zip(numbers, tiles, strict=True):
            shows = int(CLASSES[number % 10]) == int(target)
            assert inside.unique().tolist() == [shows]
        assert int(truth.sum()) == 12
        places.add(tuple(bool(inside.all()) for _, inside in tiles))
    assert len(places) == 6
    assert made.target.unique().tolist() == [0, 1]  # of class 5 there is but one


def test_mosaics_of_a_seed_are_the_same():
    first, again, other = (mosaics(IMAGES, CLASSES, 5, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)
    state = torch.get_rng_state()
    mosaics(IMAGES, CLASSES, 5)
    assert torch.equal(torch.get_rng_state(), state)


def test_classes_are_any_integers():
    assert set(mosaics(IMAGES, CLASSES - 3, 20).target.tolist()) == {-3, -2}
    assert set(mosaics(IMAGES, CLASSES == 0, 20).target.tolist()) == {0, 1}


def test_focus_of_a_model_that_looks_at_one_class_alone():
    made = mosaics(IMAGES, CLASSES, 4)
    attributions = made.truth * made.inputs.abs() + made.truth
    problem = Problem(lambda x: x.sum((1, 2, 3)), made.inputs)
    assert Focus()(problem, attributions, truth=made.truth).values.tolist() == [1] * 4


@pytest.mark.parametrize(
    ("images", "classes", "count", "match"),
    [
        (IMAGES[:, 0], CLASSES, 2, r"images must be \(B, C, H, W\)"),
        (IMAGES, CLASSES[:5], 2, "classes one for each"),
        (IMAGES, CLASSES.double(), 2, "classes must be integers: got float64"),
        (IMAGES, torch.arange(6), 2, "images must be two of a class at least"),
        (IMAGES, torch.zeros(6, dtype=torch.int64), 2, "images must be two of a class at least"),
        (IMAGES[:0], CLASSES[:0], 2, "images must be two of a class at least"),
        (IMAGES, CLASSES, 0, "count must be an integer of at least 1: got 0"),
    ],
)
def test_what_makes_no_mosaics_is_refused(images: Tensor, classes: Tensor, count: int, match: str):
    with pytest.raises(InvalidArgument, match=match):
        mosaics(images, classes, count)
