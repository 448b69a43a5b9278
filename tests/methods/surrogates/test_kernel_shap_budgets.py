"""Kernel SHAP gets better with every sample, and knows how good it is: on both sides of every whole coalition size."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from pellucid.methods import Attributions, KernelShap, Problem
from pellucid.methods.surrogates.coalition_samplers import PairedSampler
from pellucid.methods.surrogates.least_squares import constrained_least_squares

GAMES = 6


class Triples:
    """Random sums of products of three, each of which its members share."""

    def __init__(self, players: int) -> None:
        generator = torch.Generator().manual_seed(players)
        self.members = torch.rand(3 * players, players, generator=generator).argsort(1).argsort(1) < 3
        self.worths = torch.randn(3 * players, GAMES, generator=generator, dtype=torch.float64)
        self.problem = Problem(self, torch.ones(1, players, dtype=torch.float64))

    def __call__(self, x: Tensor) -> Tensor:
        return (x @ self.members.double().mT == 3).double() @ self.worths

    @property
    def values(self) -> Tensor:
        """Shapley values, [games, players]."""
        return (self.members.double().mT @ self.worths / 3).mT

    def estimates(self, samples: int, repetitions: int = 12) -> list[Attributions]:
        return [KernelShap(n_samples=samples, seed=seed)(self.problem) for seed in range(repetitions)]

    def error(self, samples: int) -> float:
        off = [each.values[0] - self.values for each in self.estimates(samples)]
        return torch.stack(off).square().mean().sqrt().item()

    def coverage(self, samples: int) -> float:
        """How often 95 % intervals hold the values."""
        inside = [(found.values[0] - self.values).abs() <= 1.96 * found.stderr[0] for found in self.estimates(samples)]
        return torch.stack(inside).double().mean().item()


def budgets(players: int, most: int) -> list[int]:
    """From the fewest that are accepted: few, those around every whole size, and the default."""
    least = 2 * players + 2
    found = [least, least + 2, 3 * players, 4 * players, 6 * players, 10 * players, least + 2046]
    whole = least
    for size in range(2, players // 2 + 1):
        whole += math.comb(players, size) * (1 if 2 * size == players else 2)
        found += [whole - 2, whole, whole + 2, whole + 8, whole + 40]
    return sorted({each for each in found if least <= each <= min(most, 2**players)})


@pytest.mark.parametrize(
    ("players", "most"),
    [
        (8, 256),
        (12, 2100),
        (60, 700),
        *(pytest.param(*case, marks=pytest.mark.large) for case in ((18, 2100), (30, 1000), (45, 2200))),
    ],
)
def test_the_error_never_grows_with_samples(players: int, most: int):
    game = Triples(players)
    errors = [game.error(samples) for samples in budgets(players, most)]
    for before, after in itertools.pairwise(errors):
        assert after <= 1.05 * before  # 12 repetitions of 6 games tell an error to 3 to 5 %
    assert errors[-1] < 0.5 * errors[0]


@pytest.mark.parametrize(
    ("players", "samples"),
    [(12, 160), (12, 600), (18, 342), (18, 346), (18, 1978), (30, 932), (30, 1000), (45, 2070), (45, 2080), (45, 2138)],
)
def test_intervals_hold_the_answer_around_whole_sizes(players: int, samples: int):
    assert 0.93 <= Triples(players).coverage(samples) <= 0.97


@pytest.mark.parametrize(("players", "samples"), [(12, 32), (18, 40), (18, 54), (45, 94), (45, 135), (60, 240)])
def test_intervals_of_few_samples_are_not_too_narrow(players: int, samples: int):
    """Those of one player count too much there, and what this may do to the answer is part of the error."""
    assert Triples(players).coverage(samples) >= 0.93


@pytest.mark.parametrize("players", [4, 8, 45])
@pytest.mark.parametrize("more", [0, 1])
def test_coalitions_of_one_player_alone_tell_of_no_error(players: int, more: int):
    assert KernelShap(n_samples=2 * players + 2 + more)(Triples(players).problem).stderr is None


@pytest.mark.parametrize("players", [5, 12, 45, 60])
@pytest.mark.parametrize("more", [2, 10, 300, 2048])
def test_none_counts_more_than_one_of_a_single_player(players: int, more: int):
    source = PairedSampler(players, torch.Generator().manual_seed(0))
    sizes, weights = source.sample(2 * players + 2 + more)[:, 0].sum(1), source.sample_weights.values
    pull = weights * sizes * (players - sizes)  # that of a coalition, up to a factor
    assert pull.max() <= pull[2] * (1 + 1e-12)
    assert weights.max() == weights[2]


@pytest.mark.parametrize("players", [1, 2, 3, 4, 7, 12, 45])
@pytest.mark.parametrize("parts", [(92, 1, 7, 0, 1024), (2000, 100, 3000)])
def test_samples_that_come_one_after_another_are_those_that_come_at_once(players: int, parts: tuple[int, ...]):
    """As many of each size, none twice, with the same weights; and none is random where all are there."""
    gradually, at_once = (PairedSampler(players, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    there = torch.cat([gradually.sample(samples) for samples in parts])[:, 0]
    other = at_once.sample(sum(parts))[:, 0]
    assert len(there) == len(torch.unique(there, dim=0)) == min(sum(parts) // 2 * 2, 2**players)
    weights, other_weights = gradually.sample_weights, at_once.sample_weights
    for one, two in (
        (there.sum(1), other.sum(1)),
        (weights.values, other_weights.values),
        (weights.unsampled, other_weights.unsampled),
    ):
        torch.testing.assert_close(one.sort().values, two.sort().values)
    assert weights.draws.max() == other_weights.draws.max()
    assert (weights.draws < 0).all() == (len(there) == 2**players)
    for draw in range(int(weights.draws.max()) + 1):
        one, two = there[weights.draws == draw]
        assert torch.equal(one, ~two)


def test_samples_that_come_one_after_another_are_as_good():
    game, off = Triples(12), []
    for seed in range(12):
        source = PairedSampler(12, torch.Generator().manual_seed(seed))
        present = torch.cat([source.sample(samples) for samples in (40, 60, 60)])
        outputs = game(present[:, 0].double())[None]
        found = constrained_least_squares(present.transpose(0, 1), outputs, source.sample_weights)
        off.append(found.coefficients[0].mT - game.values)
    assert torch.stack(off).square().mean().sqrt() <= 1.1 * game.error(160)
