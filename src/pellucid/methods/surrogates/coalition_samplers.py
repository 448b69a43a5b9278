"""Coalitions for the Shapley kernel, which counts those of a size s of n as 1 / (s (n - s)) together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Protocol, final

import torch
from torch import Tensor

from pellucid.errors import InvalidArgument
from pellucid.methods.surrogates.design import consume_captum_fit_draws

FEW_PLAYERS = 10
"""All coalitions of so many players are few."""


GOLDEN_RATIO = (1 + math.sqrt(5)) / 2
"""The sizes with the smallest fractional parts of their multiples of it, however many, are spread evenly."""


def first_samples(players: int) -> int:
    """How many coalitions the search for narrow intervals begins with: all, where they are few."""
    return 2**players if players <= FEW_PLAYERS else 4 * players + 64


class CoalitionSampler(Protocol):
    """Where coalitions come from; those of none and of all are the first."""

    @property
    def weights(self) -> Tensor:
        """What each of the coalitions so far counts, [k]; those of none and of all nothing, as they hold exactly."""
        ...

    @property
    def draws(self) -> Tensor:
        """By which random draw each came, int64 [k]; below zero where by none."""
        ...

    @property
    def left(self) -> Tensor:
        """What share of the coalitions for which each stands is not there, [k]."""
        ...

    def more(self, samples: int) -> Tensor:
        """So many more of them, bool [k, 1 or g, players]."""
        ...


@final
class PairedSampler:
    """Coalitions, each with its complement, which are one draw: of all sizes in turn, after all of a single player.

    A size s of n and n - s are one, and take their turn until all their coalitions are there: at random, without
    replacement. The same number of each is what leverage asks for, as the kernel's weight of a size times the spread of
    its coalitions, s (n - s) / n, is the same for all. The coalitions of a size share its weight as if there were at
    least n of them, as there are of a single player: a handful never outweighs all those.

    Musco, Witter, "Provably accurate Shapley value estimation via leverage score sampling", 2025,
    https://arxiv.org/abs/2410.01917.

    Args:
        players: How many players there are.
        generator: Draws the random ones.
    """

    def __init__(self, players: int, generator: torch.Generator | None) -> None:
        self._players, self._generator = players, generator
        inner = sorted(range(2, players // 2 + 1), key=lambda size: size * GOLDEN_RATIO % 1)
        nobody = torch.zeros(0, players, dtype=torch.bool, device="cpu")
        self._balanced_coalitions = dict.fromkeys(
            [1, *inner] if players > 1 else [], nobody
        )  # of each pair one, by its size
        self._samples = 0
        self._sizes = self._pairs = torch.full((2,), -1, device="cpu")  # of each coalition, if of a pair

    @property
    def weights(self) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler]."""
        players = self._players
        return self._spread(
            {
                size: 1 / (size * (players - size)) / max(self._count(size), players)
                for size in self._balanced_coalitions
            }
        )

    @property
    def draws(self) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler]."""
        found = self._numbered(self.left > 0)
        alone = (self._sizes <= 1).all()  # of a single player only: nothing tells how far the others are from these
        return found.clamp(max=0) if alone else found

    @property
    def left(self) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler].

        Those of a single player stand for the others too, as far as these count less than by the kernel.
        """
        left = {
            size: 1 - len(half) / _pairs_of(self._players, size) for size, half in self._balanced_coalitions.items()
        }
        inner = [min(self._count(size) / self._players, 1) for size in left if size > 1]
        return self._spread(left | {1: (1 - sum(inner) / len(inner)) ** 2 if inner else 0})

    def of_pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, draws and what is left, likewise, for the interactions of pairs.

        Coalitions of a size s of n count 1 / (s (s - 1) (n - s) (n - s - 1)) together; those of a single player hold
        exactly.
        """
        players = self._players
        inner = [size for size in self._balanced_coalitions if size > 1]
        every = players * (players - 1) // 2
        weights = {
            size: 1 / (size * (size - 1) * (players - size) * (players - size - 1)) / max(self._count(size), every)
            for size in inner
        }
        left = self._spread(
            {size: 1 - len(self._balanced_coalitions[size]) / _pairs_of(players, size) for size in inner}
        )
        return self._spread(weights), self._numbered(left > 0), left

    def more(self, samples: int) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler].

        Raises:
            InvalidArgument: The first samples are too few for all of a single player, without which the answer is not
                determined.
        """
        players = self._players
        least = min(2**players, 2 * players + 2)
        if self._samples + samples < least:
            raise InvalidArgument(
                f"n_samples must be at least {least} to determine the attributions of {players} features: "
                f"got {samples}."
            )
        chosen = [_ends(players)[: 0 if self._samples else 2]]
        self._samples += samples
        for size, count in self._turns(self._samples // 2 - 1).items():
            new = self._drawn(size, count)
            chosen += [new, ~new]
            pairs = int(self._pairs.max()) + 1 + torch.arange(len(new), device="cpu")
            self._pairs = torch.cat([self._pairs, pairs, pairs])
            self._sizes = torch.cat([self._sizes, torch.full((2 * len(new),), size, device="cpu")])
        return torch.cat(chosen).unsqueeze(1)

    def _turns(self, pairs: int) -> dict[int, int]:
        """How many of so many pairs are of each size."""
        counts = dict.fromkeys(self._balanced_coalitions, 0)
        most = {size: _pairs_of(self._players, size) for size in counts}
        if counts:
            counts[1] = most[1]
            pairs -= most[1]
        while pairs and (left := [size for size in counts if counts[size] < most[size]]):
            turns = max(min(pairs // len(left), *(most[size] - counts[size] for size in left)), 1)
            for size in left[:pairs]:
                counts[size] += turns
                pairs -= turns
        return counts

    def _drawn(self, size: int, count: int) -> Tensor:
        """One of each new pair of a size, until there are so many of them."""
        half, players, generator = self._balanced_coalitions[size], self._players, self._generator
        known, most = len(half), _pairs_of(players, size)
        while len(half) < count:
            if 2 * count < most:
                missing = count - len(half)
                order = torch.rand(missing, players, generator=generator, device="cpu").argsort(1).argsort(1)
                new = order < size
            else:
                new = _all_of(players, size)
                if count < most:
                    new = new[torch.randperm(len(new), generator=generator, device="cpu")]
            if 2 * size == players:  # of each pair the one with the first player
                new = new ^ ~new[:, :1]
            half = _distinct(torch.cat([half, new]))[:count]
        self._balanced_coalitions[size] = half
        return half[known:]

    def _numbered(self, random: Tensor) -> Tensor:
        """The pairs of random coalitions, from zero on, int64 [k]; the others are below zero."""
        found = torch.full_like(self._pairs, -1)
        found[random] = torch.unique(self._pairs[random], return_inverse=True)[1]
        return found

    def _count(self, size: int) -> int:
        """How many coalitions of a size there are so far; of its complement as many."""
        return len(self._balanced_coalitions[size]) * (2 if 2 * size == self._players else 1)

    def _spread(self, by_size: dict[int, float]) -> Tensor:
        """Numbers of all coalitions, [k], by their sizes; zero of those of none and of all."""
        numbers = [by_size.get(size, 0) for size in range(self._players // 2 + 1)]
        return torch.tensor(numbers, dtype=torch.float64, device="cpu")[self._sizes.clamp(min=0)]


@final
class CaptumSampler:
    """Coalitions as Captum draws them: sizes by the Shapley kernel, and random ones of these.

    Args:
        columns: How many columns there are.
        games: How many games draw their own, one after another, where there is no generator; with one they share them.
        generator: Draws them.
    """

    def __init__(self, columns: int, games: int, generator: torch.Generator | None) -> None:
        self._columns, self._generator = columns, generator
        self._games = games if generator is None else 1
        self._drawn = 0

    @property
    def weights(self) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler]."""
        return (self.draws >= 0).double()

    @property
    def draws(self) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler]."""
        return torch.cat([torch.full((2,), -1, device="cpu"), torch.arange(self._drawn, device="cpu")])

    @property
    def left(self) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler]."""
        return torch.ones_like(self.weights)

    def more(self, samples: int) -> Tensor:
        """See [CoalitionSampler][pellucid.methods.surrogates.coalition_samplers.CoalitionSampler]."""
        ends = [] if self._drawn else [_ends(self._columns).unsqueeze(1).expand(-1, self._games, -1)]
        count = max(samples - 2 * len(ends), 0)
        drawn = torch.empty(2, self._games, count, self._columns, device="cpu")
        for of_game in drawn.unbind(1):
            _draw(of_game, self._generator)
            consume_captum_fit_draws(self._columns, self._generator)
        self._drawn += count
        return torch.cat([*ends, _chosen(drawn).transpose(0, 1)])


def _ends(players: int) -> Tensor:
    """The coalitions of none and of all, bool [2, players]."""
    return torch.tensor([[False], [True]], device="cpu").expand(2, players)


def _all_of(players: int, size: int) -> Tensor:
    members = torch.tensor(list(itertools.combinations(range(players), size)), device="cpu")
    return torch.zeros(len(members), players, dtype=torch.bool, device="cpu").scatter(1, members, True)


def _pairs_of(players: int, size: int) -> int:
    """How many coalitions of a size, or pairs of them where their complements are among them."""
    return math.comb(players, size) // (2 if 2 * size == players else 1)


def _distinct(rows: Tensor) -> Tensor:
    """The rows without repetitions, in the order in which they come first."""
    _, which = torch.unique(rows, dim=0, return_inverse=True)
    first = torch.full((int(which.max()) + 1,), len(rows), device="cpu")
    return rows[first.scatter_reduce(0, which, torch.arange(len(rows), device="cpu"), "amin").sort().values]


def captum_samples(columns: int, device: torch.device) -> Iterator[Tensor]:
    """Coalitions one by one, as Captum's generator yields them, float (1, columns): all, none, then random ones."""
    yield torch.ones(1, columns, device=device)
    yield torch.zeros(1, columns, device=device)
    while True:
        _draw(drawn := torch.empty(2, 1, columns, device="cpu"), None)
        yield _chosen(drawn).to(device, torch.float32)


def _draw(numbers: Tensor, generator: torch.Generator | None) -> None:
    """Fill [2, samples, columns] with exponential and normal numbers, both for one sample after the other."""
    for race, chance in zip(*(each.unbind() for each in numbers), strict=True):
        race.exponential_(generator=generator)
        chance.normal_(generator=generator)


def _chosen(numbers: Tensor) -> Tensor:
    """Who is in each coalition, bool (..., columns): of a size by the Shapley kernel, those of the largest chances.

    A size is drawn as torch.multinomial draws one, by the largest of the probabilities over exponential numbers.
    """
    races, chances = numbers
    columns = races.shape[-1]
    sizes = torch.arange(1, columns, device="cpu")
    kernel = torch.cat([torch.zeros(1, device="cpu"), (columns - 1) / (sizes * (columns - sizes))])
    size = (kernel / kernel.sum() / races).argmax(-1, keepdim=True)
    least = chances.sort(-1, descending=True).values.gather(-1, (size - 1).clamp(min=0))
    return torch.logical_and(chances >= least, size > 0)
