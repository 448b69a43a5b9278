"""KernelSHAP-IQ: the interactions of pairs, exactly where all coalitions are taken and close where few are."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from laws.counting import Counted
from laws.problems import problem_of
from pellucid import methods
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import KernelShapIQ, Problem

INDICES = pytest.mark.parametrize("index", ["k-SII", "SII"])


def game_of(players: int, seed: int = 0) -> Any:
    """Two outputs in which all players act together."""
    weights = torch.randn(players, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return lambda x: torch.stack([(x @ weights).tanh().prod(1), (x @ weights / math.sqrt(players)).exp().sum(1)], 1)


def of_few(players: int, terms: int, most: int, seed: int) -> tuple[Any, Tensor]:
    """A game of sets of players, and its interactions: each set is shared by its pairs, c / (size - 1)."""
    generator = torch.Generator().manual_seed(seed)
    exact = torch.zeros(players, players, dtype=torch.float64)
    sets, worth = [], torch.randn(terms, generator=generator, dtype=torch.float64)
    for each in worth:
        size = int(torch.randint(1, most + 1, (), generator=generator))
        sets.append(torch.randperm(players, generator=generator)[:size])
        for one, other in itertools.permutations(sets[-1].tolist(), 2):
            exact[one, other] += each / (size - 1)
    return lambda x: sum(c * x[:, some].prod(1) for c, some in zip(worth, sets, strict=True)), exact


def of_players(model: Any, players: int, **arguments: Any) -> Problem:
    return problem_of(model, torch.ones(1, players, dtype=torch.float64), **arguments)


def off_diagonal(matrix: Tensor) -> Tensor:
    return matrix - torch.diag_embed(matrix.diagonal(dim1=-2, dim2=-1))


@INDICES
@pytest.mark.parametrize("players", range(1, 9))
def test_all_coalitions_give_the_interactions(players: int, index: Any):
    x = torch.randn(2, players, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = KernelShapIQ(index=index)(Problem(game_of(players), x))
    exact = methods.ShapleyInteractions(index=index)(Problem(game_of(players), x))
    torch.testing.assert_close(found.values, exact.values, rtol=1e-9, atol=1e-10)
    assert torch.equal(found.features, exact.features)
    assert not found.stderr.any()


def test_of_nobody():
    with pytest.warns(PellucidWarning, match="baselines are equal to the inputs"):
        assert not KernelShapIQ()(Problem(lambda x: x.sum(1), torch.zeros(2, 3))).values.any()


def test_features_of_a_mask_and_at_their_baselines():
    x = torch.tensor([[2.0, 0, 4, 5], [1, 2, 0, 1]], dtype=torch.float64)
    arguments: dict[str, Any] = {
        "feature_mask": torch.tensor([[9, 4, 4, 6]]),
        "baselines": torch.tensor([[0.0, 0, 0, 1]]),
    }
    found, exact = (
        method()(Problem(lambda x: (x + 1).prod(1), x), **arguments)
        for method in (KernelShapIQ, methods.ShapleyInteractions)
    )
    torch.testing.assert_close(found.values, exact.values)


@INDICES
@pytest.mark.parametrize("players", [8, 11, 14])
@pytest.mark.parametrize("seed", range(3))
def test_games_of_pairs_need_no_more_than_determine_the_answer(players: int, seed: int, index: Any):
    game, exact = of_few(players, 60, 2, seed)
    least = players * (players - 1) + 2
    found = KernelShapIQ(n_samples=2 * least, index="SII", seed=seed)(of_players(game, players)).values[0]
    torch.testing.assert_close(off_diagonal(found), exact, rtol=0, atol=1e-9)
    with pytest.raises(InvalidArgument, match=rf"samples must be at least {least} .*Hint: ShapleyInteractionSampling"):
        KernelShapIQ(n_samples=least - 1)(of_players(game, players))


def test_what_hardly_determines_the_answer_is_told_of():
    game, _ = of_few(12, 60, 3, 0)
    with pytest.warns(PellucidWarning, match=r"n_samples must be larger: 134 .* 12 features.*Hint: n_samples=268"):
        found = KernelShapIQ(n_samples=134, seed=0)(of_players(game, 12))
    assert found.stderr is None


@INDICES
@pytest.mark.parametrize("players", [9, 10])
def test_come_close_and_their_errors_say_how_close(players: int, index: Any):
    game = game_of(players)
    exact = methods.ShapleyInteractions(index=index)(of_players(game, players)).values
    found = [KernelShapIQ(n_samples=250, index=index, seed=seed)(of_players(game, players)) for seed in range(60)]
    values, errors = (torch.stack([getattr(each, of)[0] for each in found]) for of in ("values", "stderr"))
    spread = values.std(0)
    off = (values - exact).square().mean(0).sqrt()
    assert (off <= 1.5 * spread + 1e-12).all()
    ratio = errors.square().mean(0).sqrt() / spread
    assert 0.6 < ratio.nanmedian() < 1.6


def test_the_interactions_of_a_feature_add_up_exactly():
    game = game_of(10)
    found = KernelShapIQ(n_samples=300, index="SII", seed=0)(of_players(game, 10, target=0)).values[0]
    exact = methods.ShapleyInteractions(index="SII")(of_players(game, 10, target=0)).values[0]
    torch.testing.assert_close(off_diagonal(found).sum(1), off_diagonal(exact).sum(1), rtol=1e-9, atol=1e-10)
    ksii = KernelShapIQ(n_samples=300, seed=0)(of_players(game, 10, target=0)).values[0]
    x = torch.ones(1, 10, dtype=torch.float64)
    torch.testing.assert_close(ksii.triu().sum(), (game(x) - game(0 * x))[0, 0])


@pytest.mark.parametrize("players", [12, 16, 20])
def test_where_few_act_together_it_needs_fewer_evaluations_than_orders(players: int):
    off: dict[Any, list[float]] = {}
    for seed in range(3):
        game, exact = of_few(players, 60, 4, seed)
        model = Counted(game)
        orders = methods.ShapleyInteractionSampling(n_samples=3 * players, index="SII", seed=seed)
        by_orders = orders(of_players(model, players, whole_batch=False)).values[0]
        by_pairs = KernelShapIQ(n_samples=sum(model.rows), index="SII", seed=seed)(of_players(game, players)).values[0]
        for name, found in (("orders", by_orders), ("pairs", by_pairs)):
            off.setdefault(name, []).append(float((off_diagonal(found) - exact).square().mean().sqrt()))
    assert sum(off["pairs"]) < 0.6 * sum(off["orders"])


def test_goes_on_until_it_is_exact_enough():
    weights = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 3
    x = torch.ones(3, 12).double() * torch.tensor([[0.0], [0.5], [1.0]]).double()
    problem = Problem(lambda x: (x @ weights).exp(), x)
    found = KernelShapIQ(n_samples="auto", tolerance=0.02, seed=0)(problem)
    exact = methods.ShapleyInteractions()(problem)
    assert found.converged.all()
    assert (found.values - exact.values).abs().max() <= 0.04
    assert (1.96 * found.stderr <= 0.02).all()


@pytest.mark.parametrize("given", [{"index": "STII"}, {"n_samples": 0}, {"n_samples": "auto", "max_samples": 20}])
def test_what_it_refuses(given: dict[str, Any]):
    with pytest.raises(InvalidArgument, match=r"index must|samples must"):
        KernelShapIQ(**given)(of_players(game_of(6), 6))
