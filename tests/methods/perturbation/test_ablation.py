"""What holds for methods that take features away."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from laws.counting import Counted
from pellucid import attr
from pellucid.errors import InvalidArgument, PellucidWarning

pytestmark = pytest.mark.usefixtures("without_row_checks")

X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0], [0.7, 0.9, -0.3]], dtype=torch.float64)
W = torch.tensor([2.0, -1.0, 4.0], dtype=torch.float64)


def linear(x: Tensor) -> Tensor:
    return x @ W.to(x.dtype)


def squares(x: Tensor) -> Tensor:
    return (x**2).nansum(1)


METHODS: dict[str, Any] = {
    "FeatureAblation": lambda model, x, **more: attr.FeatureAblation(model).attribute(x, **more),
    "Occlusion": lambda model, x, **more: attr.Occlusion(model).attribute(x, (1,), **more),
    "FeaturePermutation": lambda model, x, **more: attr.FeaturePermutation(model).attribute(x, seed=0, **more),
}
every_method = pytest.mark.parametrize("name", METHODS)
with_baselines = pytest.mark.parametrize("name", ["FeatureAblation", "Occlusion"])


@with_baselines
def test_nan_in_a_baseline_stays_with_its_feature(name: str):
    baselines = torch.tensor([[float("nan"), 0, 0]], dtype=torch.float64)
    with pytest.warns(PellucidWarning, match="NaN"):
        found = METHODS[name](linear, X, baselines=baselines)
    assert found[:, 0].isnan().all()
    torch.testing.assert_close(found[:, 1:], (X * W)[:, 1:])


@with_baselines
def test_nan_in_another_feature_stays_there(name: str):
    x = X.clone()
    x[:, 0] = float("nan")
    torch.testing.assert_close(METHODS[name](squares, x)[:, 1:], X[:, 1:] ** 2)


@every_method
def test_forwards_see_no_gradient_and_results_have_none(name: str):
    seen = []

    def model(x: Tensor) -> Tensor:
        seen.append(torch.is_grad_enabled() or x.requires_grad)
        return linear(x)

    found = METHODS[name](model, X.clone().requires_grad_())
    assert not found.requires_grad
    assert seen
    assert not any(seen)


@every_method
def test_float64_is_exact(name: str):
    found = METHODS[name](linear, X)
    assert found.dtype == torch.float64
    if name != "FeaturePermutation":
        torch.testing.assert_close(found, X * W, rtol=1e-14, atol=1e-14)


@every_method
@pytest.mark.parametrize("size", [None, 1, 3])
def test_a_model_outside_torch(name: str, size: int | None):
    """One that takes and gives arrays, as scikit-learn's do."""

    def model(x: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(x.numpy() @ W.numpy()))

    close = METHODS[name](linear, X, perturbations_per_eval=size)
    torch.testing.assert_close(METHODS[name](model, X, perturbations_per_eval=size), close)


def test_the_target_of_a_layer_s_permutation():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    for target in (0, 1, [1, 0, 1]):
        found = attr.LayerFeaturePermutation(model, model[0]).attribute(X, target=target, seed=5)
        hidden = model[0](X).detach()
        expected = attr.FeaturePermutation(model[1:]).attribute(hidden, target=target, seed=5)
        torch.testing.assert_close(found, expected)
        assert found.any()


@pytest.mark.parametrize("perm_func", [None, lambda x, mask: x])
def test_one_example_has_nothing_to_be_exchanged_with(perm_func: Any):
    model = Counted(linear)
    with pytest.warns(PellucidWarning, match="single example"):
        found = attr.FeaturePermutation(model, perm_func).attribute(X[:1])
    assert found.shape == (1, 3)
    assert not found.any()
    assert len(model.rows) == 1


@with_baselines
def test_inputs_that_are_their_baselines(name: str):
    model = Counted(linear)
    with pytest.warns(PellucidWarning, match="baselines are equal to the inputs"):
        found = METHODS[name](model, X, baselines=X.clone())
    assert found.shape == X.shape
    assert not found.any()
    assert model.rows == [3]


@with_baselines
@pytest.mark.parametrize("size", [None, 1])
def test_features_equal_to_their_baselines_are_not_evaluated(name: str, size: int | None):
    x = X.clone()
    x[:, 1] = 0
    model = Counted(linear)
    torch.testing.assert_close(METHODS[name](model, x, perturbations_per_eval=size), x * W)
    assert sum(model.rows) == 3 * (1 + 2)


def test_features_equal_in_some_examples_are_evaluated():
    x = X.clone()
    x[:2, 1] = 0
    model = Counted(linear)
    mask = torch.tensor([[0, 1, 2], [0, 1, 0], [3, 3, 3]])
    attr.FeatureAblation(model).attribute(x, feature_mask=mask)
    assert sum(model.rows) == 3 * (1 + 3)  # feature 1 is at its baseline wherever it is


@every_method
@pytest.mark.parametrize("size", [1, 2])
def test_outputs_whose_size_changes(name: str, size: int):
    sizes = iter([2, 3, 2, 3, 2, 3, 2])

    def model(x: Tensor) -> Tensor:
        return x[:, :1].expand(-1, next(sizes))

    with pytest.raises(InvalidArgument, match="outputs of one size for inputs of one size"):
        METHODS[name](model, X, perturbations_per_eval=size)


def test_shared_features_of_two_inputs_leave_together():
    masks = torch.tensor([[0, 1, 2]]), torch.tensor([[1, 0, 7]])
    found = attr.FeatureAblation(lambda a, b: linear(a) * linear(b)).attribute((X, X.flip(0)), feature_mask=masks)
    a, b = X, X.flip(0)
    without = linear(a) * linear(b) - linear(a * torch.tensor([0, 1, 1])) * linear(b * torch.tensor([1, 0, 1]))
    torch.testing.assert_close(found[0][:, 0], without)
    torch.testing.assert_close(found[1][:, 1], without)


def test_a_model_may_return_a_number_of_numpy():
    x = torch.rand(3, 4)
    found = attr.FeatureAblation(lambda x: x.numpy().sum()).attribute(x)
    torch.testing.assert_close(found, attr.FeatureAblation(lambda x: x.sum()).attribute(x))


def test_a_permutation_may_return_memory_that_it_writes_again():
    x = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    memory = torch.empty_like(x)

    def permuted(points: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask, points.roll(1, 0), points, out=memory)

    found = attr.FeaturePermutation(lambda x, y: (x + y).sum(1), permuted).attribute((x, x.clone()))
    for each in found:
        torch.testing.assert_close(each, torch.tensor([[-2.0, -20.0], [1.0, 10.0], [1.0, 10.0]]))
