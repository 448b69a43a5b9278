"""What Captum's users have met with methods that take features away, row by row of a survey of their reports."""

import math
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from laws.counting import Counted
from laws.games import GAMES
from pellucid import attr
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import Lasso

WEIGHTS = torch.linspace(-2, 3, 10, dtype=torch.float64)


def linear(x: Tensor) -> Tensor:
    return x @ WEIGHTS[: x.shape[1]].to(x.dtype)


every_game = pytest.mark.parametrize("name", GAMES)


@pytest.mark.parametrize(
    ("name", "shape", "more", "of_captum"),
    [
        ("KernelShap", (8, 10), {}, 201),
        ("Lime", (8, 10), {}, 201),
        ("FeatureAblation", (8, 100), {}, 101),
        ("ShapleyValueSampling", (8, 20), {"n_samples": 25}, 501),
    ],
)
def test_rows_8_and_14_a_tenth_of_the_forwards(name: str, shape: Any, more: dict[str, Any], of_captum: int):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    model = Counted(lambda x: x.sum(1))
    getattr(attr, name)(model).attribute(x, **more)
    assert 10 * len(model.rows) <= of_captum
    assert not model.backwards


@pytest.mark.parametrize("seed", range(10))
def test_row_8_twelve_samples_of_ten_features_are_right_or_warned_of(seed: int):
    x = torch.ones(1, 10, dtype=torch.float64)
    with pytest.raises(InvalidArgument, match="n_samples must be at least 22 "):
        attr.KernelShap(linear).attribute(x, n_samples=12, seed=seed, sampling="auto")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = attr.KernelShap(linear).attribute(x, n_samples=12, seed=seed)
    torch.testing.assert_close(found.sum(), WEIGHTS.sum())
    if caught:
        assert [each.category for each in caught] == [PellucidWarning]
        assert "n_samples must be larger to determine the attributions" in str(caught[0].message)
    else:
        torch.testing.assert_close(found[0], WEIGHTS, rtol=0, atol=1e-10)
    right = attr.KernelShap(linear).attribute(x, n_samples=22, seed=seed, sampling="auto")
    torch.testing.assert_close(right[0], WEIGHTS, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", GAMES)
def test_row_8_attributions_add_up(name: str):
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def model(x: Tensor) -> Tensor:
        return torch.tanh(linear(x)) * x.exp().sum(1)

    gap = (GAMES[name](model, x).sum(1) - (model(x) - model(0 * x))).abs().max()
    if name.startswith(("Shapley", "KernelShap")):
        assert gap < 1e-10
    else:
        assert gap > 1e-3  # nor do they promise it


class TestLimeThatIsAllZeros:
    """Issues 679 and 1008: the default penalty is as large as the output of many a model."""

    X = torch.tensor([[1.0, 2.0, -1.0, 0.5]], dtype=torch.float64)

    def test_with_the_default_penalty(self):
        found = attr.Lime(lambda x: 1e-3 * linear(x)).attribute(self.X, n_samples=50, seed=0)
        assert not found.any()

    @pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3])
    def test_with_a_penalty_of_one_s_own_choosing(self, scale: float):
        lime = attr.Lime(lambda x: scale * linear(x), Lasso(alpha=1e-9 * scale))
        found = lime.attribute(self.X, n_samples=50, seed=0)
        torch.testing.assert_close(found, scale * self.X * WEIGHTS[:4], rtol=1e-6, atol=0)


@every_game
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
class TestRow10WhatIsChosenDoesNotLeak:
    X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]], dtype=torch.float64)

    @pytest.mark.usefixtures("without_row_checks")
    def test_into_what_the_model_sees(self, name: str, value: float):
        seen = []

        def model(x: Tensor) -> Tensor:
            seen.append(x.clone())
            return x.nan_to_num(7.0, 7.0, 7.0).sum(1)

        GAMES[name](model, self.X, baselines=value)
        filled = torch.tensor(value, dtype=torch.float64)
        for point in torch.cat(seen):  # of the first example or the second
            given = (point == self.X) | point.isclose(filled, equal_nan=True)
            assert given.all(1).any()

    def test_into_attributions(self, name: str, value: float):
        found = GAMES[name](lambda x: x.nan_to_num(7.0, 7.0, 7.0).sum(1), self.X, baselines=value)
        torch.testing.assert_close(found, self.X - 7, rtol=1e-9, atol=1e-10)

    def test_of_an_input(self, name: str, value: float):
        x = self.X.clone()
        x[1, 2] = value
        found = GAMES[name](lambda x: x.nan_to_num(7.0, 7.0, 7.0).sum(1), x)
        expected = self.X.clone()
        expected[1, 2] = 7.0
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@every_game
class TestRow11:
    def test_float64_is_as_exact_as_that(self, name: str):
        x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        found = GAMES[name](lambda x: 1e8 + linear(x), x)
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, x * WEIGHTS[:6], rtol=0, atol=5e-7)  # 1e8 leaves eight digits
        found = GAMES[name](linear, x)
        torch.testing.assert_close(found, x * WEIGHTS[:6], rtol=0, atol=1e-10)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    def test_the_dtype_of_the_inputs_is_that_of_the_attributions(self, name: str, dtype: torch.dtype):
        x = torch.tensor([[1.0, 2.0, -3.0], [0.5, 4.0, 1.0]], dtype=dtype)
        found = GAMES[name](lambda x: x.sum(1), x)
        eps, of_fits = torch.finfo(dtype).eps, torch.finfo(torch.float64).eps
        # Fits are float64: a rounding of the largest output, 5.5, for each of the 60 samples.
        torch.testing.assert_close(found, x, rtol=2 * eps, atol=4 * eps + 60 * 5.5 * of_fits)


@every_game
@pytest.mark.parametrize("most", [None, 1, 3])
def test_row_14_features_that_change_nothing_are_not_evaluated(name: str, most: int | None):
    x = torch.zeros(2, 30, dtype=torch.float64)
    x[:, [3, 8]] = torch.tensor([[1.0, 2.0], [4.0, -1.0]], dtype=torch.float64)
    model = Counted(lambda x: x.sum(1))
    found = GAMES[name](model, x, perturbations_per_eval=most)
    # The coalitions of two features; Kernel SHAP asks for two again, and one example is looked at beside two others.
    assert sum(model.rows) <= 2 * 2**2 + 2 * 2 + 1
    if name != "Lime":
        torch.testing.assert_close(found, x, rtol=0, atol=1e-10)
