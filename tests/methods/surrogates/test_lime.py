"""What holds for LIME of which only some parts are the user's."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid import attr
from pellucid.methods import ExponentialKernel

X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
MASKS = {"none": None, "gaps": torch.tensor([[5, 0, 2]]), "each its own": torch.tensor([[0, 1, 2], [2, 2, 0]])}


def products(x: Tensor) -> Tensor:
    return 3 * x[:, 0] * x[:, 1] + x[:, 2] ** 2


class Remembering:
    """Learns what it was fitted to."""

    def fit(self, data: Any) -> None:
        ((self.present, self.outputs, self.weights),) = data

    def representation(self) -> Tensor:
        return (self.present * (self.outputs * self.weights)[:, None]).mean(0, keepdim=True)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("baselines", [None, 0.5, X.flip(0)])
@pytest.mark.parametrize("kernel", [ExponentialKernel(), ExponentialKernel("euclidean", 2.0)])
@pytest.mark.parametrize("output", [products, lambda x: products(x).sum()], ids=["each", "of the batch"])
def test_a_model_of_the_users_gets_weights_of_all_samples_at_once(
    monkeypatch: pytest.MonkeyPatch, mask: Tensor | None, baselines: Any, kernel: ExponentialKernel, output: Any
):
    if mask is not None and mask.ndim and len(mask) > 1 and output is not products:
        pytest.skip("one value for the batch needs one mask for all examples")
    found, calls, theirs = [], [], []
    one_by_one = ExponentialKernel.__call__
    monkeypatch.setattr(ExponentialKernel, "__call__", lambda *given: calls.append(1) or one_by_one(*given))
    for similarity in (kernel, lambda *given, **_: theirs.append(1) or kernel(*given)):
        torch.manual_seed(0)
        lime = attr.Lime(output, Remembering(), similarity)
        found.append(lime.attribute(X, baselines, feature_mask=mask, n_samples=40))
        found.append(lime.interpretable_model.weights)
    assert calls == theirs != []
    torch.testing.assert_close(found[:2], found[2:], rtol=1e-5, atol=1e-6)


def test_a_perturbation_of_the_users_gets_them_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ExponentialKernel, "__call__", None)
    lime = attr.Lime(products, perturb_func=lambda _, **named: torch.ones(1, named["num_interp_features"]))
    assert lime.attribute(X, n_samples=5).eq(0).all()


def test_the_data_of_a_model_of_the_users_are_one_batch():
    class Looking(Remembering):
        def fit(self, data: Any) -> None:
            super().fit(data)
            assert (len(data), data.batch_size, len(data.dataset)) == (1, 30, 30)

    attr.Lime(products, Looking()).attribute(X, n_samples=30)


def test_functions_may_return_memory_that_they_write_again():
    present, weights, found = torch.empty(1, 3), torch.empty((), dtype=torch.float64), []

    def perturb(original: Tensor, **named: Any) -> Tensor:
        return torch.bernoulli(torch.full((1, 3), 0.5))

    def weigh(original: Tensor, near: Tensor, sample: Tensor, **named: Any) -> Tensor:
        return 1 + sample.double().sum()

    def into(memory: Tensor, function: Any) -> Any:
        return lambda *given, **named: memory.copy_(function(*given, **named))

    for parts in ((weigh, perturb), (into(weights, weigh), into(present, perturb))):
        torch.manual_seed(0)
        lime = attr.Lime(products, Remembering(), *parts)
        found.append(torch.cat([lime.attribute(X[:1], n_samples=30)[0], lime.interpretable_model.weights]))
    torch.testing.assert_close(*found, rtol=0, atol=0)
