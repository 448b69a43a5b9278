"""The weakest attack that succeeds: Captum's tries and results, and a search that is right by itself."""

from __future__ import annotations

import random

import captum.robust as captums
import pytest
import torch
from torch import Tensor

import pellucid.robust as ours
from pellucid.errors import InvalidArgument
from pellucid.robust import MinParamPerturbation


def above(threshold: float):
    """A model of two classes that changes its mind at a threshold."""

    def model(x: Tensor) -> Tensor:
        return torch.stack([(x[:, 0] < threshold - 1e-9).float(), (x[:, 0] >= threshold - 1e-9).float()], dim=1)

    return model


def search(module: object, settings: tuple, threshold: float, per: int = 1, **more: object) -> tuple[list, object]:
    """What is tried, and what is found."""
    tried = []

    def attack(x: Tensor, by: float) -> Tensor:
        tried.append(by)
        return x + by

    finder = module.MinParamPerturbation(above(threshold), attack, "by", *settings, **more)
    attacked, parameter = finder.evaluate(torch.zeros(1, 1, dtype=torch.float64), target=0, perturbations_per_eval=per)
    assert (attacked is None) == (parameter is None)
    assert attacked is None or attacked.item() == parameter
    return tried, parameter


def settings_of(seed: int) -> tuple[tuple, float]:
    chance = random.Random(seed)
    if seed % 2:
        low = chance.random()
        high = low + 1.0 + chance.random() * 3
        return (low, high, chance.choice([0.01, 0.05, 0.1, 0.3, 1 / 7])), chance.uniform(low - 0.1, high + 0.1)
    low = chance.randint(-5, 5)
    high = low + chance.randint(6, 40)
    return (low, high, chance.randint(1, 4)), chance.randint(low - 1, high + 1)


@pytest.mark.parametrize("mode", ["linear", "binary"])
@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("per", [1, 3])
def test_tries_and_results_are_those_of_captum(mode: str, attempts: int, per: int):
    for seed in range(60):
        settings, threshold = settings_of(seed)
        arguments = {"mode": mode, "num_attempts": attempts}
        expected = search(captums, settings, threshold, per, **arguments)
        assert search(ours, settings, threshold, per, **arguments) == expected


@pytest.mark.parametrize("seed", range(40))
def test_both_searches_find_the_first_of_all_that_succeed(seed: int):
    (low, high, step), threshold = settings_of(2 * seed)
    right = next((each for each in range(low, high, step) if each >= threshold), None)
    for mode in ("LINEAR", "Binary"):
        assert search(ours, (low, high, step), threshold, mode=mode)[1] == right


def test_groups_share_a_forward_and_rows_keep_their_arguments():
    calls = []

    def model(x: Tensor, offsets: Tensor, factor: float) -> Tensor:
        calls.append(len(x))
        return torch.cat([x + offsets, torch.full_like(x, 2.0 * factor)], dim=1)

    finder = MinParamPerturbation(model, lambda x, by: x - by, "by", 0, 10, 1)
    x, offsets = torch.tensor([[5.0], [7.0]]), torch.tensor([[1.0], [0.0]])
    attacked, parameter = finder.evaluate(x, (offsets, 1.0), target=torch.tensor([0, 0]), perturbations_per_eval=4)
    assert parameter == 5  # then 5 - 5 + 1 is below 2
    assert torch.equal(attacked, x - 5)
    assert calls == [8, 8]


@pytest.mark.parametrize("before", [False, True])
def test_preprocessing_is_before_the_attack_or_after_it(before: bool):
    def model(x: Tensor) -> Tensor:
        return torch.cat([x, 1 - x], dim=1)

    arguments = (model, lambda x, by: x + by, "by", 0, 10, 1)
    settings = {"preproc_fn": lambda x: 1 - x / 10, "apply_before_preproc": before}
    expected = captums.MinParamPerturbation(*arguments, **settings).evaluate(torch.tensor([[1.0]]), target=0)
    found = MinParamPerturbation(*arguments, **settings).evaluate(torch.tensor([[1.0]]), target=0)
    assert (found[1], found[0] is None) == (expected[1], expected[0] is None)
    if found[0] is not None:
        assert torch.equal(found[0], expected[0])
        assert found == (torch.tensor([[6.0]]), 5)


def test_a_function_of_ones_own_says_what_is_right():
    def is_right(output: Tensor, limit: float) -> bool:
        return bool((output < limit).all())

    finder = MinParamPerturbation(
        torch.nn.Identity(), lambda x, by, sign: x + sign * by, "by", 0, 2, 0.5, correct_fn=is_right
    )
    found = finder.evaluate(torch.zeros(2, 1), attack_kwargs={"sign": 1}, correct_fn_kwargs={"limit": 0.9})
    assert found[1] == 1.0
    nothing = finder.evaluate(torch.zeros(2, 1), attack_kwargs={"sign": -1}, correct_fn_kwargs={"limit": 0.9})
    assert nothing == (None, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "cubic"}, 'mode must be "linear" or "binary"'),
        ({"arg_max": 1}, "arg_max must be above arg_min"),
        ({"arg_step": 0}, "arg_step must be above 0"),
        ({"num_attempts": 0}, "num_attempts must be from 1 on"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict, said: str):
    arguments = {"arg_min": 0, "arg_max": 10, "arg_step": 1, **changes}
    with pytest.raises(InvalidArgument, match=said):
        MinParamPerturbation(above(3), lambda x, by: x + by, "by", **arguments)


def test_an_output_without_classes_is_refused():
    finder = MinParamPerturbation(lambda x: x[:, 0], lambda x, by: x + by, "by", 0, 10, 1)
    with pytest.raises(InvalidArgument, match=r"model must return an output \(B, K\).*Hint: correct_fn"):
        finder.evaluate(torch.zeros(1, 1), target=0)
    with pytest.raises(InvalidArgument, match="perturbations_per_eval must be from 1 on"):
        finder.evaluate(torch.zeros(1, 1), target=0, perturbations_per_eval=0)
