"""Baselines may be a function of the inputs, and a background may have rows for each example."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.registry import Case, cases, close, flat
from pellucid import attr, methods
from pellucid.errors import InvalidArgument
from pellucid.methods import Background, Problem

B, R = 3, 4
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(B, 4, generator=GENERATOR, dtype=torch.float64)
ROWS = torch.randn(B, R, 4, generator=GENERATOR, dtype=torch.float64)


def model(x: Tensor) -> Tensor:
    return torch.tanh(x[:, 0] * x[:, 1]) + x[:, 2] * x[:, 3] ** 2


@cases(lambda case: case.method.baselines is not None, quick=1)
def test_a_function_is_what_it_returns(case: Case):
    network, inputs = case.specimen.model(), case.specimen.inputs(2)
    arguments = case.arguments(inputs)
    expected = case(network, inputs, **case.seed(), baselines=arguments["baselines"])
    asked = []

    def function(given: Any) -> Any:
        asked.append(given)
        return arguments["baselines"]

    close(case(network, inputs, **case.seed(), baselines=function), expected, rtol=1e-12, atol=1e-14)
    assert asked
    for given in asked:
        assert all(map(torch.equal, flat(given), inputs))


def test_a_function_of_nothing_and_one_of_a_layer():
    expected = attr.IntegratedGradients(model).attribute(X, 0.5)
    torch.testing.assert_close(attr.IntegratedGradients(model).attribute(X, lambda: 0.5), expected, rtol=0, atol=0)
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    found = attr.LayerFeatureAblation(network, "1").attribute(X, lambda h: h.mean(0, keepdim=True), target=0)
    hidden = network[:2](X).detach()
    expected = attr.LayerFeatureAblation(network, "1").attribute(X, hidden.mean(0, keepdim=True), target=0)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "function",
    [
        torch.zeros_like,
        functools.partial(torch.full_like, fill_value=0.0),
        functools.partial(lambda value: value, value=0),
        Tensor.zero_,
    ],
    ids=["built in", "partly given", "of nothing, partly given", "in place"],
)
def test_functions_that_hide_what_they_take(function: Any):
    x = X.clone()
    for explainer in (attr.FeatureAblation, attr.IntegratedGradients):
        found = explainer(model).attribute(x, function)
        torch.testing.assert_close(found, explainer(model).attribute(X, 0), rtol=0, atol=0)
    assert torch.equal(x, X)


GAMES = {
    "FeatureAblation": methods.FeatureAblation(),
    "Occlusion": methods.Occlusion(sliding_window_shapes=(2,)),
    "ShapleyValues": methods.ShapleyValues(),
    "KernelShap": methods.KernelShap(),
    "DeepLiftShap": methods.DeepLiftShap(),
}


@pytest.mark.parametrize("method", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize("most", [None, 2])
def test_each_example_has_rows_of_its_own(method: Any, most: int | None):
    options = methods.Options(internal_batch_size=most)
    found = method(Problem(model, X, options=options), Background(ROWS, per_example=True)).values[0]
    for example in range(B):
        alone = method(Problem(model, X[example : example + 1]), Background(ROWS[example])).values[0]
        torch.testing.assert_close(found[example], alone[0])


@pytest.mark.parametrize(
    "method",
    [methods.GradientShap(n_samples=5, stdevs=0.1, seed=1), methods.DeepLiftShap()],
    ids=["GradientShap", "DeepLiftShap"],
)
def test_rows_of_each_that_are_those_of_all(method: Any):
    shared = method(Problem(model, X), Background(ROWS[0])).values
    of_each = method(Problem(model, X), Background(ROWS[:1].expand(B, R, 4), per_example=True)).values
    torch.testing.assert_close(of_each, shared, rtol=0, atol=0)
    torch.testing.assert_close(shared, method(Problem(model, X), ROWS[0]).values, rtol=0, atol=0)


def test_gradient_shap_draws_rows_of_several_inputs_together():
    def both(one: Tensor, two: Tensor) -> Tensor:
        return (one * two).sum(1)

    rows = (ROWS[0], -ROWS[0])
    result = attr.GradientShap(both).attribute(
        (X, X), Background(rows), n_samples=200, stdevs=0.0, seed=0, return_convergence_delta=True
    )
    attributions, delta = result
    starts = both(X, X) - sum(tensor.sum(1) for tensor in attributions)
    # A row b of the first input and -b of the second: the mean of the values -b^2, of a few hundred draws.
    torch.testing.assert_close(starts.mean(), -(ROWS[0] ** 2).sum(1).mean(), rtol=0.15, atol=0)
    assert delta.abs().max() > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Background(ROWS[:, :0], per_example=True), "rows must be at least one, as many for each input and"),
        (lambda: Background(torch.ones(3), per_example=True), "rows must be at least one"),
        (
            lambda: methods.FeatureAblation()(Problem(model, X), Background(ROWS[0], per_example=True)),
            r"must be a Background of \(3, rows, 4\): got \(4, 4\)",
        ),
        (
            lambda: methods.FeatureAblation()(Problem(model, X), Background(ROWS[:2], per_example=True)),
            r"baselines must be a Background of \(3, rows, 4\): got \(2, 4, 4\)",
        ),
        (
            lambda: methods.DeepLiftShap()(Problem(model, X), Background(ROWS[:, :1], per_example=True)),
            "baselines must be at least two",
        ),
        (
            lambda: methods.IntegratedGradients()(Problem(model, X), lambda x: "zeros"),
            "baselines must be tensors or numbers: got str",
        ),
    ],
    ids=["no rows", "no examples", "rows for all", "other examples", "one row", "a function of strings"],
)
def test_errors(make: Any, message: str):
    with pytest.raises(InvalidArgument, match=message):
        make()
