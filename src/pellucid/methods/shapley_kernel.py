"""Coalitions drawn by the Shapley kernel, which counts those of a size s of n as 1 / (s (n - s)) together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Protocol, final

import torch
from torch import Tensor

from pellucid.errors import InvalidArgument
from pellucid.methods.surrogate import drawn_by_fits

FEW_PLAYERS = 10
"""All coalitions of so many players are few."""


def first_samples(players: int) -> int:
    """How many coalitions the search for narrow intervals begins with: all, where they are few."""
    return 2**players if players <= FEW_PLAYERS else 4 * players + 64


class Source(Protocol):
    """Where coalitions come from; those of none and of all are the first."""

    @property
    def weights(self) -> Tensor:
        """What each of the coalitions so far counts, [k]; those of none and of all nothing, as they hold exactly."""
        ...

    @property
    def draws(self) -> Tensor:
        """By which random draw each came, int64 [k]; below zero where by none."""
        ...

    def more(self, samples: int) -> Tensor:
        """So many more of them, bool [k, 1 or g, players]."""
        ...


@final
class Paired:
    """Coalitions by their sizes, which come in pairs, s and players - s, from the outside in.

    All coalitions of a pair, while the first samples suffice for them; of the sizes that are left, drawn by the Shapley
    kernel, random ones and their complements, both of one draw.

    Args:
        players: How many players there are.
        generator: Draws the random ones.
    """

    def __init__(self, players: int, generator: torch.Generator | None) -> None:
        self._players, self._generator = players, generator
        self._shares = {size: 1 / (size * (players - size)) for size in range(1, players)}
        self._weights: list[Tensor] = []  # of the coalitions that are not random
        self._pairs: list[int] = []

    @property
    def weights(self) -> Tensor:
        """See [Source][pellucid.methods.shapley_kernel.Source]."""
        pairs = 2 * sum(self._pairs)
        share = torch.tensor(sum(self._shares.values()) / max(pairs, 1), dtype=torch.float64, device="cpu")
        return torch.cat([*self._weights, share.expand(pairs)])

    @property
    def draws(self) -> Tensor:
        """See [Source][pellucid.methods.shapley_kernel.Source]."""
        drawn = [torch.full((sum(map(len, self._weights)),), -1, device="cpu")]
        for pairs, after in zip(self._pairs, itertools.accumulate(self._pairs), strict=True):
            drawn += [torch.arange(after - pairs, after, device="cpu")] * 2
        return torch.cat(drawn)

    def more(self, samples: int) -> Tensor:
        """See [Source][pellucid.methods.shapley_kernel.Source].

        Raises:
            InvalidArgument: The first samples are too few for the first pair, without which the answer is not
                determined.
        """
        chosen = [] if self._weights else self._first(samples)
        pairs = (samples - sum(map(len, chosen))) // 2 if self._shares else 0
        self._pairs.append(pairs)
        if pairs:
            kernel = torch.tensor(list(self._shares.values()), dtype=torch.float64, device="cpu")
            drawn = torch.multinomial(kernel, pairs, replacement=True, generator=self._generator)
            order = torch.rand(pairs, self._players, generator=self._generator, device="cpu").argsort(1).argsort(1)
            some = order < torch.tensor(list(self._shares), device="cpu")[drawn][:, None]
            chosen += [some, ~some]
        return torch.cat(chosen).unsqueeze(1)

    def _first(self, samples: int) -> list[Tensor]:
        players = self._players
        least = min(2**players, 2 * players + 2)
        if samples < least:
            raise InvalidArgument(
                f"n_samples must be at least {least} to determine the attributions of {players} features: "
                f"got {samples}."
            )
        chosen, left = [_ends(players)], samples - 2
        self._weights.append(torch.zeros(2, dtype=torch.float64, device="cpu"))
        for size in range(1, players // 2 + 1):
            sizes = sorted({size, players - size})
            if sum(math.comb(players, each) for each in sizes) > left:
                break
            for each in sizes:
                chosen.append(_all_of(players, each))
                count = len(chosen[-1])
                self._weights.append(
                    torch.full((count,), self._shares.pop(each) / count, dtype=torch.float64, device="cpu")
                )
                left -= count
        return chosen


@final
class AsCaptum:
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
        """See [Source][pellucid.methods.shapley_kernel.Source]."""
        return (self.draws >= 0).double()

    @property
    def draws(self) -> Tensor:
        """See [Source][pellucid.methods.shapley_kernel.Source]."""
        return torch.cat([torch.full((2,), -1, device="cpu"), torch.arange(self._drawn, device="cpu")])

    def more(self, samples: int) -> Tensor:
        """See [Source][pellucid.methods.shapley_kernel.Source]."""
        ends = [] if self._drawn else [_ends(self._columns).unsqueeze(1).expand(-1, self._games, -1)]
        count = max(samples - 2 * len(ends), 0)
        drawn = torch.empty(2, self._games, count, self._columns, device="cpu")
        for of_game in drawn.unbind(1):
            _draw(of_game, self._generator)
            drawn_by_fits(self._columns, self._generator)
        self._drawn += count
        return torch.cat([*ends, _chosen(drawn).transpose(0, 1)])


def _ends(players: int) -> Tensor:
    """The coalitions of none and of all, bool [2, players]."""
    return torch.tensor([[False], [True]], device="cpu").expand(2, players)


def _all_of(players: int, size: int) -> Tensor:
    members = torch.tensor(list(itertools.combinations(range(players), size)), device="cpu")
    return torch.zeros(len(members), players, dtype=torch.bool, device="cpu").scatter(1, members, True)


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
