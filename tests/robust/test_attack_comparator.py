"""Metrics with and without attacks: Captum's results and summaries."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import captum.robust as captums
import pytest
import torch
from torch import Tensor

import pellucid.robust as ours
from pellucid.errors import InvalidArgument, PellucidWarning

BATCHES = [torch.tensor([[0.5], [0.2], [-0.1]]), torch.tensor([[0.5], [0.2]])]


def model(x: Tensor) -> Tensor:
    return x.repeat(1, 2) * torch.tensor([1.0, -1.0])


class Measured(NamedTuple):
    """A share and the first column."""

    right: Tensor
    first: Tensor


def accuracy(output: Tensor, target: int) -> float:
    return (output.argmax(1) == target).float().mean().item()


def several(output: Tensor, target: int) -> Measured:
    return Measured((output.argmax(1) == target).float().mean(), output[:, target])


def pair(output: Tensor, target: int) -> tuple[Tensor, float]:
    return output[:, target], output.mean().item()


def noise(x: Tensor) -> Tensor:
    return x - torch.rand(len(x), 1)


def same(found: Any, expected: Any) -> None:
    """Of one structure, and the same numbers."""
    if isinstance(expected, dict):
        assert set(found) == set(expected)
        for name in expected:
            same(found[name], expected[name])
    elif isinstance(expected, tuple):
        assert len(found) == len(expected)
        assert getattr(found, "_fields", ()) == getattr(expected, "_fields", ())
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        assert torch.allclose(found, expected.detach(), atol=1e-6)
        assert not found.requires_grad


@pytest.mark.parametrize("metric", [accuracy, several, pair])
@pytest.mark.parametrize("per", [1, 2, 5])
def test_results_and_summaries_are_those_of_captum(metric: object, per: int):
    comparators = [module.AttackComparator(model, metric) for module in (ours, captums)]
    results = []
    for comparator, module in zip(comparators, (ours, captums), strict=True):
        torch.manual_seed(0)
        comparator.add_attack(lambda x: x - 0.3, "minus")
        comparator.add_attack(noise, num_attempts=3)
        fgsm = module.FGSM(model, lambda output, target: output[:, target])
        comparator.add_attack(fgsm, attack_kwargs={"epsilon": 0.1}, additional_attack_arg_names=["target"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append([comparator.evaluate(x, target=0, perturbations_per_eval=per) for x in BATCHES])
    for found, expected in zip(*results, strict=True):
        same(found, expected)
    same(comparators[0].summary(), comparators[1].summary())
    comparators[0].reset()
    assert comparators[0].summary() == {}
    assert list(comparators[0].evaluate(BATCHES[0], target=0)) == ["Original", "minus", "function", "FGSM"]


def test_preprocessing_and_further_arguments():
    def scaled(x: Tensor, factor: Tensor) -> Tensor:
        return x * factor

    comparator = ours.AttackComparator(scaled, lambda output: output[:, 0], preproc_fn=lambda x: x * 10)
    comparator.add_attack(lambda x: x + 1, "before")
    comparator.add_attack(lambda x: x + 1, "after", apply_before_preproc=False)
    x, factor = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [3.0]])
    for per in (1, 3):
        results = comparator.evaluate(x, factor, perturbations_per_eval=per)
        assert results["Original"].tolist() == [10, 60]
        assert results["before"]["mean"].tolist() == [20, 90]
        assert results["after"]["mean"].tolist() == [11, 63]


def test_results_have_no_gradients():
    layer = torch.nn.Linear(1, 2)
    result = ours.AttackComparator(layer, lambda output: output).evaluate(BATCHES[0])
    assert not result["Original"].requires_grad


def test_what_cannot_be_is_refused():
    comparator = ours.AttackComparator(model, lambda output: "good")
    comparator.add_attack(noise)
    with pytest.raises(RuntimeError, match="name must be another"):
        comparator.add_attack(noise)
    with pytest.raises(InvalidArgument, match="num_attempts must be from 1 on"):
        comparator.add_attack(noise, "none", num_attempts=0)
    with pytest.raises(TypeError, match="metric must return a number, a tensor, or a tuple"):
        comparator.evaluate(BATCHES[0])
    lacking = ours.AttackComparator(model, lambda output: output)
    lacking.add_attack(lambda x, eps=0.1: x + eps, "shift", additional_attack_arg_names=["eps"])
    with pytest.warns(PellucidWarning, match="eps, which attack 'shift' takes, is no argument of evaluate"):
        lacking.evaluate(BATCHES[0])
