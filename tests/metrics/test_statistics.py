"""Correlations, ranks and standard errors of many examples at once, beside scipy's and loops; similarity of images."""

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

from pellucid.errors import InvalidArgument
from pellucid.metrics.similarity import similarity
from pellucid.metrics.statistics import (
    correlation,
    correlation_stderr,
    mean_and_stderr,
    mean_ranks,
    rank_correlation,
    rank_correlation_stderr,
)

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(6, 12, generator=GENERATOR, dtype=torch.float64)
Y = X + torch.randn(6, 12, generator=GENERATOR, dtype=torch.float64)
TIED = (X * 1.5).round()
rows = st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=8)


@pytest.mark.parametrize(("x", "y"), [(X, Y), (TIED, Y), (TIED, Y.round())], ids=["distinct", "one tied", "both"])
def test_correlations_are_those_of_scipy(x: Tensor, y: Tensor):
    for found, reference in ((correlation, stats.pearsonr), (rank_correlation, stats.spearmanr)):
        expected = [reference(a.numpy(), b.numpy()).statistic for a, b in zip(x, y, strict=True)]
        np.testing.assert_allclose(found(x, y).numpy(), expected, rtol=1e-9)
        np.testing.assert_allclose(found(x[:, None], y[:, None]).numpy()[:, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64, torch.int8])
def test_ranks_are_those_of_scipy_in_all_dtypes(dtype: torch.dtype):
    values = (X * 3).to(dtype)
    expected = stats.rankdata(values.double().numpy(), axis=1)
    np.testing.assert_array_equal(mean_ranks(values).numpy(), expected)
    np.testing.assert_array_equal(mean_ranks(values.view(2, 3, 12)).numpy(), expected.reshape(2, 3, 12))


def test_what_does_not_vary_has_no_correlation():
    constant = torch.full((1, 12), 0.1, dtype=torch.float64)
    for found in (correlation(constant, Y[:1]), rank_correlation(Y[:1], constant), correlation(constant, constant)):
        assert found.isnan().all()
    assert correlation(torch.zeros(1, 3), torch.tensor([[1.0, 2.0, 3.0]])).isnan().all()
    assert correlation(torch.tensor([[2.0]]), torch.tensor([[3.0]])).isnan().all()
    assert correlation(constant * (1 + 1e-15 * X[:1]), Y[:1]).isnan().all()


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e-20, 1e20, 1e200, 1e300])
def test_very_large_and_very_small_numbers_are_correlated_as_others(scale: float):
    torch.testing.assert_close(correlation(scale * X, Y), correlation(X, Y))


def test_nan_stays_in_its_row():
    broken = X.clone()
    broken[1, 3] = math.nan
    found = correlation(broken, Y)
    assert found.isnan().tolist() == [False, True, False, False, False, False]
    torch.testing.assert_close(found[2:], correlation(X, Y)[2:])


@given(rows, rows)
@settings(max_examples=60, deadline=None)
def test_correlations_lie_between_minus_one_and_one(a: list[float], b: list[float]):
    size = min(len(a), len(b))
    x, y = (torch.tensor([values[:size]], dtype=torch.float64) for values in (a, b))
    for function in (correlation, rank_correlation):
        value = float(function(x, y))
        assert math.isnan(value) or -1 <= value <= 1
        assert math.isnan(float(function(x, x))) or float(function(x, x)) == pytest.approx(1)


@pytest.mark.parametrize(("function", "error"), [(correlation, correlation_stderr), (rank_correlation, None)])
def test_standard_errors_are_how_far_correlations_of_samples_lie_apart(function: Any, error: Any):
    error = error or rank_correlation_stderr
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(400, 40, generator=generator, dtype=torch.float64)
    y = x + torch.randn(400, 40, generator=generator, dtype=torch.float64) * x.abs()
    spread = float(function(x, y).std())
    assert float(error(x[:150], y[:150]).square().mean().sqrt()) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(
    ("error", "reference"), [(correlation_stderr, stats.pearsonr), (rank_correlation_stderr, stats.spearmanr)]
)
@pytest.mark.parametrize(("x", "y"), [(X, Y), (TIED, Y.round())], ids=["distinct", "tied"])
def test_standard_errors_of_correlations_are_the_jackknife(error: Any, reference: Any, x: Tensor, y: Tensor):
    found = error(x, y)
    for row in range(6):
        left = []
        for out in range(12):
            kept = [t for t in range(12) if t != out]
            left.append(reference(x[row, kept].numpy(), y[row, kept].numpy()).statistic)
        assert float(found[row]) == pytest.approx(
            math.sqrt(11 / 12 * sum((each - np.mean(left)) ** 2 for each in left))
        )
    assert error(x[:, :2], y[:, :2]).isnan().all()


def test_means_and_their_standard_errors():
    mean, error = mean_and_stderr(X)
    np.testing.assert_allclose(mean.numpy(), X.numpy().mean(1))
    assert error is not None
    np.testing.assert_allclose(error.numpy(), stats.sem(X.numpy(), axis=1))
    mean, error = mean_and_stderr(X[:, :1])
    assert torch.equal(mean, X[:, 0])
    assert error is None


def test_similarity_is_of_all_attributions_of_an_example():
    a, b = (X[:, :3], X[:, 3:].view(6, 3, 3)), (Y[:, :3], Y[:, 3:].view(6, 3, 3))
    for kind, change in (("rank correlation", np.asarray), ("rank correlation of sizes", np.abs)):
        expected = [
            stats.spearmanr(change(one.numpy()), change(other.numpy())).statistic
            for one, other in zip(X, Y, strict=True)
        ]
        np.testing.assert_allclose(similarity(kind, a, b).numpy(), expected)


def structural(x: np.ndarray, y: np.ndarray) -> float:
    """The mean structural similarity of two images [C, H, W], window by window."""
    found = []
    x, y = ((image - image.min()) / (image.max() - image.min()) for image in (x, y))
    offsets = np.arange(11) - 5
    weights = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    for channel in range(len(x)):
        for row in range(x.shape[1] - 10):
            for column in range(x.shape[2] - 10):
                a, b = (image[channel, row : row + 11, column : column + 11] for image in (x, y))
                ma, mb = (weights * a).sum(), (weights * b).sum()
                va, vb = (weights * (a - ma) ** 2).sum(), (weights * (b - mb) ** 2).sum()
                both = (weights * (a - ma) * (b - mb)).sum()
                c1, c2 = 0.01**2, 0.03**2
                found.append((2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(found))


@pytest.mark.parametrize("shape", [(3, 1, 11, 11), (2, 2, 13, 14)])
def test_ssim_is_the_mean_over_windows(shape: tuple[int, ...]):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    y = x + torch.randn(shape, generator=generator, dtype=torch.float64)
    expected = [structural(a.numpy(), b.numpy()) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(similarity("ssim", (x,), (y,)).numpy(), expected, rtol=1e-9)
    np.testing.assert_allclose(similarity("ssim", (x,), (3 * x - 1,)).numpy(), 1)
    assert similarity("ssim", (x,), (torch.ones_like(x),)).isnan().all()


def test_what_is_no_image_has_no_ssim():
    for tensors in ((X,), (torch.rand(2, 1, 8, 20),), (torch.rand(2, 1, 12, 12),) * 2):
        with pytest.raises(InvalidArgument, match=r'similarity "ssim" must be of images of at least 11 x 11 pixels'):
            similarity("ssim", tensors, tensors)
    with pytest.raises(InvalidArgument, match="similarity must be one of rank correlation"):
        similarity("mse", (X,), (Y,))  # type: ignore[arg-type]
