"""Shapley values agree with their slow and obvious versions: on every model, and on random games."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from laws.baselines import by_example
from laws.registry import close
from pellucid import attr
from reference.by_example import EXAMPLES
from reference.games import bare, game_of, masks_of, one_by_one
from reference.shapley import Order, all_orders, alone, by_subsets, numbers, shapley
from zoo.specimens import SPECIMENS, Specimen, Tensors

on_every_model = pytest.mark.parametrize("specimen", SPECIMENS.values(), ids=lambda specimen: specimen.name)


def run(method: Any, specimen: Specimen, expected: Tensors, **more: Any) -> None:
    """The method gives what is expected; where the model returns (B, 1), so do attributions."""
    inputs = specimen.inputs(EXAMPLES)
    baselines = bare(by_example(inputs))
    found = method.attribute(bare(inputs), baselines, **specimen.arguments(EXAMPLES), **more)
    found = found if isinstance(found, tuple) else (found,)
    close(tuple(map(Tensor.reshape, found, [each.shape for each in expected])), expected)


@on_every_model
@pytest.mark.parametrize("each_its_own", [False, True])
def test_exact(specimen: Specimen, each_its_own: bool):
    masks = masks_of(specimen, 4, each_its_own=each_its_own)
    given = bare(masks if each_its_own else tuple(each[:1] for each in masks))
    expected = one_by_one(specimen, lambda *part: shapley(*part, all_orders(part[-1])), masks)
    close(one_by_one(specimen, by_subsets, masks), expected)
    run(attr.ShapleyValues(specimen.model()), specimen, expected, feature_mask=given)


@on_every_model
@pytest.mark.parametrize("each_its_own", [False, True])
def test_sampled(specimen: Specimen, each_its_own: bool):
    masks = masks_of(specimen, 5, each_its_own=each_its_own)
    torch.manual_seed(3)
    orders: list[Order] = [torch.randperm(5).tolist() for _ in range(4)]
    expected = one_by_one(specimen, lambda *part: shapley(*part, orders), masks)
    given = bare(masks if each_its_own else tuple(each[:1] for each in masks))
    torch.manual_seed(3)
    run(attr.ShapleyValueSampling(specimen.model()), specimen, expected, feature_mask=given, n_samples=4)


@on_every_model
def test_sampled_by_element(specimen: Specimen):
    inputs = specimen.inputs(EXAMPLES)
    masks = tuple(torch.cat([each] * EXAMPLES) for each in alone([x[:1] for x in inputs]))
    torch.manual_seed(3)
    orders: list[Order] = [torch.randperm(len(numbers([*masks]))).tolist() for _ in range(2)]
    expected = one_by_one(specimen, lambda *part: shapley(*part, orders), masks)
    torch.manual_seed(3)
    run(attr.ShapleyValueSampling(specimen.model()), specimen, expected, n_samples=2)


@functools.cache
def random_game(players: int, seed: int) -> tuple[Callable[[Tensor], Tensor], Tensor, Tensor]:
    """A game, the input in which all play, and what they are worth."""
    table = torch.randn(2**players, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x, play = torch.ones(1, players, dtype=torch.float64), game_of(table)
    masks = alone([x])
    (expected,) = shapley(lambda inputs: play(*inputs), [x], [torch.zeros_like(x)], masks, all_orders(masks))
    return play, x, expected


@pytest.mark.parametrize("players", range(1, 7))
@pytest.mark.parametrize("seed", range(2))
class TestRandomGames:
    def test_exact(self, players: int, seed: int):
        play, x, expected = random_game(players, seed)
        close((attr.ShapleyValues(play).attribute(x),), (expected,))
        slowly = by_subsets(lambda inputs: play(*inputs), [x], [torch.zeros_like(x)], alone([x]))
        close(tuple(slowly), (expected,))

    def test_all_orders_as_samples(self, players: int, seed: int, monkeypatch: pytest.MonkeyPatch):
        play, x, expected = random_game(players, seed)
        orders = map(torch.tensor, itertools.permutations(range(players)))
        with monkeypatch.context() as patch:
            patch.setattr(torch, "randperm", lambda *_, **__: next(orders))
            found = attr.ShapleyValueSampling(play).attribute(x, n_samples=math.factorial(players))
        close((found,), (expected,))
