"""Banzhaf and Owen values and interactions agree with their slow and obvious versions, and with those of shapiq."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from laws.baselines import by_example
from laws.registry import close
from pellucid import methods
from pellucid.methods import Problem
from reference.by_example import EXAMPLES
from reference.games import bare, game_of, masks_of, one_by_one
from reference.shapley import all_orders, alone, banzhaf, banzhaf_of, interactions, owen, shapley, unbroken
from reference.slow import Inputs
from zoo.specimens import SPECIMENS, Specimen, Tensors

Slow = tuple[Callable[[Inputs], Tensor], Inputs, Inputs, Inputs]
SOME = ("reused", "two-inputs", "lstm")
on_some_models = pytest.mark.parametrize("specimen", [SPECIMENS[name] for name in SOME], ids=SOME)


def found(method: Any, specimen: Specimen, masks: Tensors) -> Any:
    """What a method returns for the examples of a model; it explains one value of each."""
    inputs, arguments = specimen.inputs(EXAMPLES), specimen.arguments(EXAMPLES)
    target = {"target": Tensor.flatten if arguments["target"] is None else arguments["target"]}
    problem = Problem(specimen.model(), bare(inputs), **(arguments | target))
    return method(problem, bare(by_example(inputs)), feature_mask=bare(masks))


def grouped(masks: Tensors) -> Tensors:
    """Three features in one group, the others alone."""
    return tuple(torch.where(mask < 3, 7, mask) for mask in masks)


@on_some_models
@pytest.mark.parametrize("each_its_own", [False, True])
class TestOnModels:
    def test_banzhaf(self, specimen: Specimen, each_its_own: bool):
        masks = masks_of(specimen, 4, each_its_own=each_its_own)
        close(found(methods.BanzhafValues(), specimen, masks).values, one_by_one(specimen, banzhaf, masks))

    def test_owen(self, specimen: Specimen, each_its_own: bool):
        masks = masks_of(specimen, 5, each_its_own=each_its_own)

        def slowly(*part: Inputs) -> Inputs:
            return owen(*part, groups=list(grouped(tuple(part[-1]))))

        method = methods.OwenValues(groups=bare(grouped(masks)))
        close(found(method, specimen, masks).values, one_by_one(specimen, slowly, masks))


@on_some_models
def test_interactions_on_models(specimen: Specimen):
    masks = masks_of(specimen, 4, each_its_own=False)
    expected = one_by_one(specimen, lambda *part: [interactions(*part)[None]], masks)
    values = found(methods.ShapleyInteractions(), specimen, masks).values
    close((values - values.diagonal(dim1=-2, dim2=-1).diag_embed(),), expected)


@pytest.mark.parametrize("players", range(1, 6))
@pytest.mark.parametrize("seed", range(2))
class TestRandomGames:
    def game(
        self, players: int, seed: int
    ) -> tuple[Problem, tuple[Callable[[Inputs], Tensor], Inputs, Inputs, Inputs]]:
        """A game as a pathway, and as what the slow versions take."""
        table = torch.randn(2**players, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        x, play = torch.ones(1, players, dtype=torch.float64), game_of(table)
        return Problem(play, x), (lambda inputs: play(*inputs), [x], [torch.zeros_like(x)], alone([x]))

    def test_banzhaf(self, players: int, seed: int):
        problem, slow = self.game(players, seed)
        close(methods.BanzhafValues()(problem).values, tuple(banzhaf(*slow)))

    @pytest.mark.parametrize("samples", [2, 3, 8])
    def test_sampled_banzhaf(self, players: int, seed: int, samples: int):
        problem, slow = self.game(players, seed)
        torch.manual_seed(seed)
        coin, *drawn = [torch.rand(players) for _ in range(samples + 1)]
        places = torch.stack(drawn).argsort(0).argsort(0)
        present = (places % 2 == 0) == (coin >= 0.5)
        assert set(present.sum(0).tolist()) <= {samples // 2, (samples + 1) // 2}
        torch.manual_seed(seed)
        found = methods.BanzhafValueSampling(n_samples=samples)(problem)
        coalitions = [row.nonzero().flatten().tolist() for row in present]
        close(found.values, tuple(banzhaf_of(*slow, coalitions=coalitions)))

    @pytest.mark.parametrize("divisor", [1, 2, 3, 6])
    def test_owen(self, players: int, seed: int, divisor: int):
        problem, slow = self.game(players, seed)
        groups = torch.arange(players)[None].flip(1) // divisor
        close(methods.OwenValues(groups=groups)(problem).values, tuple(owen(*slow, groups=[groups])))
        close(methods.OwenValues(groups=groups % 2)(problem).values, tuple(owen(*slow, groups=[groups % 2])))
        if divisor in (1, 6):
            assert unbroken(slow[-1], [groups]) == all_orders(slow[-1])

    def test_sampled_owen(self, players: int, seed: int):
        problem, slow = self.game(players, seed)
        groups = torch.arange(players)[None] % 2
        torch.manual_seed(seed)
        orders = [torch.randperm(players).tolist() for _ in range(4)]
        of_groups = [torch.randperm(min(players, 2)).tolist() for _ in range(4)]
        together = [
            [each for group in first for each in order if each % 2 == group]
            for order, first in zip(orders, of_groups, strict=True)
        ]
        torch.manual_seed(seed)
        found = methods.OwenValueSampling(groups=groups, n_samples=4)(problem)
        close(found.values, tuple(shapley(*slow, orders=together)))

    def test_interactions(self, players: int, seed: int):
        problem, slow = self.game(players, seed)
        found = methods.ShapleyInteractions(index="SII")(problem).values[0]
        (worth,) = shapley(*slow, orders=all_orders(slow[-1]))
        close((found,), (interactions(*slow) + worth[0].diag(),))
        less = methods.ShapleyInteractions(index="k-SII")(problem).values[0]
        close((less,), (interactions(*slow) + (worth[0] - interactions(*slow).sum(1) / 2).diag(),))


def polynomial(x: Tensor) -> Tensor:
    a, b, c, d, e = x.unbind(1)
    return 3 * a - 2 * b * c + 4 * a * d * e + b * e - a * b * c * d * e + c / 2


class TestAgainstShapiq:
    """What ExactComputer of shapiq 1.4.1 returns for the polynomial of five players who are there or not."""

    problem = Problem(polynomial, torch.ones(1, 5, dtype=torch.float64))
    SHAPLEY = (62 / 15, -0.7, -0.7, 17 / 15, 49 / 30)
    BANZHAF = (3.9375, -0.5625, -0.5625, 0.9375, 1.4375)
    ALONE = (79 / 30, 0.3, 0.8, -11 / 30, -11 / 30)
    PAIRS = (-0.25, -0.25, 1.75, 1.75, -2.25, -0.25, 0.75, -0.25, -0.25, 1.75)

    def test_banzhaf_values(self):
        close(methods.BanzhafValues()(self.problem).values, (torch.tensor([self.BANZHAF], dtype=torch.float64),))

    @pytest.mark.parametrize(("index", "alone"), [("SII", SHAPLEY), ("k-SII", ALONE)])
    def test_interactions(self, index: Any, alone: tuple[float, ...]):
        expected = torch.zeros(5, 5, dtype=torch.float64)
        expected[torch.triu_indices(5, 5, 1).unbind()] = torch.tensor(self.PAIRS, dtype=torch.float64)
        expected += expected.T.clone() + torch.tensor(alone, dtype=torch.float64).diag()
        close((methods.ShapleyInteractions(index=index)(self.problem).values[0],), (expected,))
