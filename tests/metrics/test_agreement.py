"""Metrics of two explanations, and of a known answer, beside loops over features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from pellucid.core.problem.attributions import Attributions
from pellucid.errors import InvalidArgument, PellucidWarning, WrongShape
from pellucid.methods import Problem
from pellucid.metrics import (
    Concordance,
    FeatureAgreement,
    RankAgreement,
    RankCorrelation,
    SignAgreement,
    TopKOverlap,
    pixels,
)

GENERATOR = torch.Generator().manual_seed(0)
METRICS: list[Any] = [RankCorrelation(), RankCorrelation(of_sizes=True)]
METRICS += [metric(k=k) for metric in (FeatureAgreement, RankAgreement, SignAgreement, TopKOverlap) for k in (1, 3, 99)]
every_metric = pytest.mark.parametrize("metric", METRICS, ids=repr)


def problem_of(*tensors: Tensor) -> Problem:
    return Problem(lambda *x: sum(each.flatten(1).sum(1) for each in x), tuple(map(torch.ones_like, tensors)))


def by_hand(metric: Any, a: list[float], b: list[float]) -> float:
    if isinstance(metric, RankCorrelation):
        a, b = (list(map(abs, a)), list(map(abs, b))) if metric.of_sizes else (a, b)
        varies = len(set(a)) > 1 and len(set(b)) > 1
        return float(stats.spearmanr(a, b).statistic) if varies else math.nan
    k = min(metric.k, len(a))
    first, second = (sorted(range(len(a)), key=lambda i, of=of: (-abs(of[i]), i))[:k] for of in (a, b))
    common = set(first) & set(second)
    match metric:
        case FeatureAgreement():
            return len(common) / k
        case RankAgreement():
            return sum(first.index(i) == second.index(i) for i in common) / k
        case SignAgreement():
            return sum(np.sign(a[i]) == np.sign(b[i]) for i in common) / k
        case _:
            return len(common) / len(set(first) | set(second))


@every_metric
@pytest.mark.parametrize("shape", [(6, 5), (3, 1, 8, 8), (3, 1), (1, 4), (3,)], ids=str)
@pytest.mark.parametrize("change", [lambda x: x, torch.round, torch.zeros_like], ids=["distinct", "tied", "zero"])
def test_scores_are_their_definitions(metric: Any, shape: tuple[int, ...], change: Any):
    a = change(torch.randn(shape, generator=GENERATOR, dtype=torch.float64))
    b = change(a + torch.randn(shape, generator=GENERATOR, dtype=torch.float64))
    found = metric(problem_of(a), a, other=b).values
    for example in range(len(a)):
        expected = by_hand(metric, a[example].flatten().tolist(), b[example].flatten().tolist())
        np.testing.assert_allclose(float(found[example]), expected, atol=1e-12)


@every_metric
def test_the_same_agree_in_all_and_others_as_much_the_other_way(metric: Any):
    a, b = torch.randn(4, 6, generator=GENERATOR), torch.randn(4, 6, generator=GENERATOR)
    assert metric(problem_of(a), a, other=a).values.tolist() == pytest.approx([1] * 4)
    assert metric(problem_of(a), Attributions((a,)), other=Attributions((2 * a,))).values.tolist() == pytest.approx(
        [1] * 4
    )
    torch.testing.assert_close(
        metric(problem_of(a), a, other=b).values, metric(problem_of(a), b, other=a).values, rtol=1e-9, atol=1e-12
    )
    assert metric.better == "higher"


@every_metric
def test_several_inputs_and_masks(metric: Any):
    a, b = ((torch.randn(3, 4, generator=GENERATOR), torch.randn(3, 2, 2, generator=GENERATOR)) for _ in range(2))
    joined = [torch.cat([first, second.flatten(1)], 1) for first, second in (a, b)]
    torch.testing.assert_close(
        metric(problem_of(*a), a, other=b).values, metric(problem_of(joined[0]), joined[0], other=joined[1]).values
    )
    images, others = (torch.randn(2, 3, 2, 4, generator=GENERATOR, dtype=torch.float64) for _ in range(2))
    found = metric(problem_of(images), images, other=others, feature_mask=pixels(images)).values
    sums = [tensor.sum(1).flatten(1) for tensor in (images, others)]
    torch.testing.assert_close(found, metric(problem_of(sums[0]), sums[0], other=sums[1]).values)


@every_metric
def test_nan_in_one_or_the_other_stays_in_its_example(metric: Any):
    a, b = torch.randn(3, 4, generator=GENERATOR), torch.randn(3, 4, generator=GENERATOR)
    clean = metric(problem_of(a), a, other=b).values
    broken = a.clone()
    broken[1, 0] = math.nan
    with pytest.warns(PellucidWarning, match=rf"examples \[1\] contain NaN, or infinity: {metric.name}"):
        first = metric(problem_of(a), broken, other=b).values
    with pytest.warns(PellucidWarning, match=rf"other of examples \[1\] contains NaN, or infinity: {metric.name}"):
        second = metric(problem_of(a), b, other=broken).values
    for found in (first, second):
        assert found.isnan().tolist() == [False, True, False]
        torch.testing.assert_close(found[[0, 2]], clean[[0, 2]], rtol=1e-9, atol=1e-12)


@every_metric
@given(st.lists(st.tuples(st.floats(-1e30, 1e30), st.floats(-2, 2, width=16)), min_size=1, max_size=9))
@settings(max_examples=20, deadline=None)
def test_scores_lie_in_their_range(metric: Any, pairs: list[tuple[float, float]]):
    a, b = (torch.tensor([values], dtype=torch.float64) for values in zip(*pairs, strict=True))
    found = float(metric(problem_of(a), a, other=b).values)
    assert math.isnan(found) or metric.range[0] <= found <= metric.range[1]


@every_metric
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
def test_dtypes(metric: Any, dtype: torch.dtype):
    a = torch.tensor([[3, -1, 2, 2], [0, 1, 1, -4]], dtype=dtype)
    b = torch.tensor([[1, -2, 0, 3], [4, 1, -1, -4]], dtype=torch.float32)
    expected = metric(problem_of(a), a.double(), other=b.double()).values
    torch.testing.assert_close(metric(problem_of(a), a, other=b).values, expected)


def test_what_does_not_fit_is_refused():
    a = torch.rand(2, 3)
    for other in (torch.rand(2, 4), torch.rand(1, 3), (a, a)):
        with pytest.raises(WrongShape, match="other must have the shapes of attributions"):
            RankCorrelation()(problem_of(a), a, other=other)
    with pytest.raises(InvalidArgument, match="other must be a tensor"):
        RankCorrelation()(problem_of(a), a, other=[1.0])  # type: ignore[arg-type]
    for k in (0, -2, 1.5):
        with pytest.raises(InvalidArgument, match="k must be an integer of at least 1"):
            FeatureAgreement(k=k)(problem_of(a), a, other=a)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(6, 5), (2, 1, 4, 4), (3, 1), (3,)], ids=str)
@pytest.mark.parametrize("tied", [False, True])
def test_concordance_is_over_pairs(shape: tuple[int, ...], tied: bool):
    values = torch.randn(shape, generator=GENERATOR, dtype=torch.float64)
    values = values.round() if tied else values
    truth = torch.randint(0, 3, shape, generator=GENERATOR)
    found = Concordance()(problem_of(values), values, truth=truth).values
    for example in range(len(values)):
        sizes, known = values[example].flatten().abs().tolist(), truth[example].flatten().tolist()
        pairs = [
            0.5 if sizes[i] == sizes[j] else float(sizes[i] > sizes[j])
            for i in range(len(sizes))
            for j in range(len(sizes))
            if known[i] > known[j]
        ]
        expected = float(np.mean(pairs)) if pairs else math.nan
        np.testing.assert_allclose(float(found[example]), expected, atol=1e-6)


def test_concordance_of_small_integers_does_not_wrap_around():
    values, truth = torch.tensor([[1, 200, 3]], dtype=torch.uint8), torch.tensor([[1, 3, 2]], dtype=torch.uint8)
    assert Concordance()(problem_of(values), values, truth=truth).values.tolist() == [1]


def test_concordance_of_what_is_unknown():
    values = torch.tensor([[1.0, 2.0], [1.0, math.nan], [1.0, 2.0], [0.0, 0.0]])
    truth = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 3.0], [1.0, 2.0]])
    with pytest.warns(PellucidWarning, match=r"\[1\] contain NaN"):
        found = Concordance()(problem_of(truth), values, truth=truth).values
    np.testing.assert_allclose(found.numpy(), [1, math.nan, math.nan, 0.5])


def test_truth_of_another_form_is_refused():
    a = torch.rand(2, 3)
    for truth in (torch.rand(2, 4), torch.rand(1, 3), (a, a)):
        with pytest.raises(WrongShape, match="truth must have the shape of a single input"):
            Concordance()(problem_of(a), a, truth=truth)  # type: ignore[arg-type]
    with pytest.raises(WrongShape, match="truth must have the shape of a single input"):
        Concordance()(problem_of(a, a), (a, a), truth=a)
    with pytest.raises(InvalidArgument, match="truth must be a tensor"):
        Concordance()(problem_of(a), a, truth=np.ones((2, 3)))  # type: ignore[arg-type]
