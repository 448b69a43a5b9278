"""Sampling coalitions for the Shapley kernel, whose weight of all coalitions of a size s of n is 1 / (s (n - s))."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Protocol, final

import torch
from torch import Tensor

from pellucid.errors import InvalidArgument
from pellucid.methods.surrogates.design import consume_captum_fit_draws
from pellucid.methods.surrogates.least_squares import SampleWeights

FEW_PLAYERS = 10
"""With at most so many players, the first round of adaptive sampling takes all coalitions."""


GOLDEN_RATIO = (1 + math.sqrt(5)) / 2
"""Sizes in the order of the fractional parts of their multiples of it: any number of the first are spread evenly."""


def first_samples(players: int) -> int:
    """How many coalitions the first round of adaptive sampling takes."""
    return 2**players if players <= FEW_PLAYERS else 4 * players + 64


class CoalitionSampler(Protocol):
    """Samples coalitions; the empty and the grand coalition are the first two."""

    def sample(self, samples: int) -> Tensor:
        """Further coalitions, bool [samples, 1 or g, players]."""
        ...

    @property
    def sample_weights(self) -> SampleWeights:
        """The weights of all coalitions so far; zero for the empty and the grand one, which hold exactly."""
        ...


@final
class PairedSampler:
    """Samples pairs of a coalition and its complement: all of a single player, then of all sizes in turn.

    Sizes s and n - s are one. They take turns until all their coalitions are sampled: at random, without replacement.
    The same number of each is what leverage asks for, as the kernel's weight of a size times the variance of its
    coalitions, s (n - s) / n, is the same for all. The coalitions of a size share its weight as if there were at least
    n of them, as there are of a single player, so that a handful never outweighs all those. The two coalitions of a
    pair are one random draw.

    Musco, Witter, "Provably accurate Shapley value estimation via leverage score sampling", 2025,
    https://arxiv.org/abs/2410.01917.

    Args:
        players: How many players there are.
        generator: Draws the random ones.
    """

    def __init__(self, players: int, generator: torch.Generator | None) -> None:
        self._players, self._generator = players, generator
        inner_sizes = sorted(range(2, players // 2 + 1), key=lambda size: size * GOLDEN_RATIO % 1)
        sizes = [1, *inner_sizes] if players > 1 else []
        no_coalition = torch.zeros(0, players, dtype=torch.bool, device="cpu")
        self._representatives = dict.fromkeys(sizes, no_coalition)  # by size, one coalition of each pair
        self._samples = 0
        # The size and the pair of each coalition so far, -1 for the empty and the grand one.
        self._sizes = self._pairs = torch.full((2,), -1, device="cpu")

    def sample(self, samples: int) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler].

        Raises:
            InvalidArgument: The first samples are too few for all coalitions of a single player, without which the
                Shapley values are not determined.
        """
        players = self._players
        least = min(2**players, 2 * players + 2)
        if self._samples + samples < least:
            raise InvalidArgument(
                f"n_samples must be at least {least} to determine the attributions of {players} features: "
                f"got {samples}."
            )
        coalitions = [_empty_and_grand(players)[: 0 if self._samples else 2]]
        self._samples += samples
        for size, count in self._pairs_per_size(self._samples // 2 - 1).items():
            representatives = self._new_representatives(size, count)
            coalitions += [representatives, ~representatives]
            pairs = int(self._pairs.max()) + 1 + torch.arange(len(representatives), device="cpu")
            self._pairs = torch.cat([self._pairs, pairs, pairs])
            self._sizes = torch.cat([self._sizes, torch.full((2 * len(representatives),), size, device="cpu")])
        return torch.cat(coalitions).unsqueeze(1)

    @property
    def sample_weights(self) -> SampleWeights:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler].

        Coalitions of a single player are all sampled. They count as a sample of the other sizes too, as far as these
        have less weight than by the kernel.
        """
        players = self._players
        weights = {
            size: 1 / (size * (players - size)) / max(self._count(size), players) for size in self._representatives
        }
        unsampled = {size: self._unsampled_share(size) for size in self._representatives}
        shares = [min(self._count(size) / players, 1) for size in unsampled if size > 1]
        unsampled |= {1: (1 - sum(shares) / len(shares)) ** 2 if shares else 0}
        of_coalitions = self._by_coalition(unsampled)
        draws = self._draws(of_coalitions > 0)
        if (self._sizes <= 1).all():  # a single draw, which gives no errors: no other size says how far off these are
            draws = draws.clamp(max=0)
        return SampleWeights(self._by_coalition(weights), draws, of_coalitions)

    @property
    def pair_weights(self) -> SampleWeights:
        """The weights of all coalitions so far for the interactions of pairs of players.

        All coalitions of a size s of n have the weight 1 / (s (s - 1) (n - s) (n - s - 1)); those of a single player
        hold exactly.
        """
        players = self._players
        inner_sizes = [size for size in self._representatives if size > 1]
        unknowns = players * (players - 1) // 2
        weights = {
            size: 1 / (size * (size - 1) * (players - size) * (players - size - 1)) / max(self._count(size), unknowns)
            for size in inner_sizes
        }
        unsampled = self._by_coalition({size: self._unsampled_share(size) for size in inner_sizes})
        return SampleWeights(self._by_coalition(weights), self._draws(unsampled > 0), unsampled)

    def _pairs_per_size(self, pairs: int) -> dict[int, int]:
        """How many of so many pairs are of each size."""
        counts = dict.fromkeys(self._representatives, 0)
        limits = {size: _count_pairs(self._players, size) for size in counts}
        if counts:
            counts[1] = limits[1]
            pairs -= limits[1]
        while pairs and (open_sizes := [size for size in counts if counts[size] < limits[size]]):
            rounds = max(min(pairs // len(open_sizes), *(limits[size] - counts[size] for size in open_sizes)), 1)
            for size in open_sizes[:pairs]:
                counts[size] += rounds
                pairs -= rounds
        return counts

    def _new_representatives(self, size: int, count: int) -> Tensor:
        """One coalition of each new pair of a size, until there are so many."""
        representatives, players, generator = self._representatives[size], self._players, self._generator
        known, limit = len(representatives), _count_pairs(players, size)
        while len(representatives) < count:
            if 2 * count < limit:
                missing = count - len(representatives)
                ranks = torch.rand(missing, players, generator=generator, device="cpu").argsort(1).argsort(1)
                candidates = ranks < size
            else:
                candidates = _all_of_size(players, size)
                if count < limit:
                    candidates = candidates[torch.randperm(len(candidates), generator=generator, device="cpu")]
            if 2 * size == players:  # the complement has the same size: take the one with the first player
                candidates = candidates ^ ~candidates[:, :1]
            representatives = _distinct(torch.cat([representatives, candidates]))[:count]
        self._representatives[size] = representatives
        return representatives[known:]

    def _draws(self, is_random: Tensor) -> Tensor:
        """The random draw of each coalition, int64 [k]: its pair, numbered from zero among those that are random."""
        draws = torch.full_like(self._pairs, -1)
        draws[is_random] = torch.unique(self._pairs[is_random], return_inverse=True)[1]
        return draws

    def _count(self, size: int) -> int:
        """How many coalitions of a size there are so far, and as many of its complement."""
        return len(self._representatives[size]) * (2 if 2 * size == self._players else 1)

    def _unsampled_share(self, size: int) -> float:
        """The share of the coalitions of a size that is not sampled so far."""
        return 1 - len(self._representatives[size]) / _count_pairs(self._players, size)

    def _by_coalition(self, by_size: dict[int, float]) -> Tensor:
        """A number of each coalition so far, [k], by its size; zero for the empty and the grand coalition."""
        numbers = [by_size.get(size, 0) for size in range(self._players // 2 + 1)]
        return torch.tensor(numbers, dtype=torch.float64, device="cpu")[self._sizes.clamp(min=0)]


@final
class CaptumSampler:
    """Samples coalitions as Captum does: their sizes by the Shapley kernel, and random ones of these.

    Args:
        columns: How many columns there are.
        games: How many games have coalitions of their own, drawn one game after another; with a generator they share
            them.
        generator: Draws them.
    """

    def __init__(self, columns: int, games: int, generator: torch.Generator | None) -> None:
        self._columns, self._generator = columns, generator
        self._games = games if generator is None else 1
        self._drawn = 0

    def sample(self, samples: int) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler]."""
        first = [] if self._drawn else [_empty_and_grand(self._columns).unsqueeze(1).expand(-1, self._games, -1)]
        count = max(samples - 2 * len(first), 0)
        numbers = torch.empty(2, self._games, count, self._columns, device="cpu")
        for game_numbers in numbers.unbind(1):
            _draw_numbers(game_numbers, self._generator)
            consume_captum_fit_draws(self._columns, self._generator)
        self._drawn += count
        return torch.cat([*first, _coalitions_from_numbers(numbers).transpose(0, 1)])

    @property
    def sample_weights(self) -> SampleWeights:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler]."""
        draws = torch.cat([torch.full((2,), -1, device="cpu"), torch.arange(self._drawn, device="cpu")])
        weights = (draws >= 0).double()
        return SampleWeights(weights, draws, torch.ones_like(weights))


def _empty_and_grand(players: int) -> Tensor:
    """The empty and the grand coalition, bool [2, players]."""
    return torch.tensor([[False], [True]], device="cpu").expand(2, players)


def _all_of_size(players: int, size: int) -> Tensor:
    """All coalitions of a size, bool [k, players]."""
    members = torch.tensor(list(itertools.combinations(range(players), size)), device="cpu")
    return torch.zeros(len(members), players, dtype=torch.bool, device="cpu").scatter(1, members, True)


def _count_pairs(players: int, size: int) -> int:
    """How many pairs of a coalition of a size and its complement there are."""
    return math.comb(players, size) // (2 if 2 * size == players else 1)


def _distinct(rows: Tensor) -> Tensor:
    """The rows without repetitions, in the order of their first occurrences."""
    _, index = torch.unique(rows, dim=0, return_inverse=True)
    first = torch.full((int(index.max()) + 1,), len(rows), device="cpu")
    return rows[first.scatter_reduce(0, index, torch.arange(len(rows), device="cpu"), "amin").sort().values]


def captum_samples(columns: int, device: torch.device) -> Iterator[Tensor]:
    """Coalitions as Captum's generator yields them, float (1, columns): grand, empty, then random ones without end."""
    yield torch.ones(1, columns, device=device)
    yield torch.zeros(1, columns, device=device)
    while True:
        _draw_numbers(numbers := torch.empty(2, 1, columns, device="cpu"), None)
        yield _coalitions_from_numbers(numbers).to(device, torch.float32)


def _draw_numbers(numbers: Tensor, generator: torch.Generator | None) -> None:
    """Fill [2, samples, columns] with exponential and normal numbers, sample by sample first the former."""
    for exponentials, normals in zip(*(kind.unbind() for kind in numbers), strict=True):
        exponentials.exponential_(generator=generator)
        normals.normal_(generator=generator)


def _coalitions_from_numbers(numbers: Tensor) -> Tensor:
    """Coalitions, bool (..., columns), from exponential and normal numbers (2, ..., columns).

    The size is the argmax of the Shapley kernel over the exponential numbers, as in torch.multinomial. The members are
    the columns with the largest normal numbers.
    """
    exponentials, normals = numbers
    columns = exponentials.shape[-1]
    sizes = torch.arange(1, columns, device="cpu")
    kernel = torch.cat([torch.zeros(1, device="cpu"), (columns - 1) / (sizes * (columns - sizes))])
    size = (kernel / kernel.sum() / exponentials).argmax(-1, keepdim=True)
    threshold = normals.sort(-1, descending=True).values.gather(-1, (size - 1).clamp(min=0))
    return torch.logical_and(normals >= threshold, size > 0)
