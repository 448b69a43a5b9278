"""Shapley values: what each feature is worth, on average over all orders in which features can come."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.baselines import Baselines
from pellucid.core.game import Game
from pellucid.core.pathway import Pathway
from pellucid.core.players import FeatureMask
from pellucid.core.randomness import shared
from pellucid.errors import InvalidArgument, check_count
from pellucid.methods.edge import attribution
from pellucid.methods.result import Attributions

BITS = 62
"""Coalitions of so many features are numbers by which equal ones are found."""

MOST_EXACT = 25
"""More features than this are refused exact values: every one doubles the evaluations."""


@final
@dataclass(frozen=True, kw_only=True)
class ShapleyValueSampling:
    """Shapley values, by sampled orders: what each feature adds when it joins those before it.

    a_i = mean over orders of F(x with the features up to i, x' elsewhere) - F(the same without i)

    The attributions of an example add up to F(x) - F(x'). A coalition that comes up several times is evaluated once.

    Castro, Gomez, Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009,
    https://doi.org/10.1016/j.cor.2008.04.004;
    Strumbelj, Kononenko, "An efficient explanation of individual classifications using game theory", 2010.

    Args:
        samples: Orders, the same for all examples.
        seed: Seeds the orders; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Pathway, ShapleyValueSampling
        >>> path = Pathway.of(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> ShapleyValueSampling(samples=100, seed=0)(path).values[0].sum()
        tensor(6.)
    """

    samples: int = 25
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self, path: Pathway, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The sampled Shapley values.

        Args:
            path: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.core.baselines.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.core.players.FeatureMask].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...).
        """
        check_count("n_samples", self.samples)
        game = Game(path, feature_mask, baselines)
        orders = _orders(game, self.samples, shared(self.seed, self.generator))
        steps = torch.arange(len(game.playing) + 1, device="cpu")
        ranks = orders.argsort(1)
        if len(game.playing) <= BITS:
            bits = (1 << orders).cumsum(1)
            codes = torch.cat([bits.new_zeros(len(bits), 1), bits], dim=1)
        else:  # seldom equal, but for those without anyone and with everyone
            codes = 2 + torch.arange(len(orders) * len(steps), device="cpu").view(len(orders), -1)
            codes[:, 0], codes[:, -1] = 0, 1
        _, which = torch.unique(codes.flatten(), return_inverse=True)
        chosen = torch.zeros(int(which.max()) + 1, dtype=torch.int64, device="cpu")
        chosen[which] = torch.arange(len(which), device="cpu")

        def coalitions(some: slice, _: slice) -> Tensor:
            order, step = chosen[some] // len(steps), chosen[some] % len(steps)
            return (ranks[order] < step[:, None]).unsqueeze(1)

        values = await game.values(len(chosen), coalitions)
        added = values[:, which.to(values.device)].view(len(values), *codes.shape).diff(dim=2)
        index = orders.to(values.device).expand(len(values), -1, -1)
        worth = values.new_zeros(len(values), len(orders), len(game.playing)).scatter_(2, index, added)
        return _attributions(game, worth.mean(1))


@final
@dataclass(frozen=True, kw_only=True)
class ShapleyValues:
    """Shapley values, exactly: by the values of all coalitions of the features, 2^n of them.

    a_i = sum over coalitions S without i of |S|! (n - |S| - 1)! / n! * (F(S and i) - F(S)), where F(S) is the output
    for x in the features of S and x' elsewhere

    Shapley, "A value for n-person games", 1953.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Pathway, ShapleyValues
        >>> path = Pathway.of(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> ShapleyValues()(path).values
        (tensor([[3., 3.]]),)
    """

    @attribution
    async def __call__(
        self, path: Pathway, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The Shapley values.

        Args:
            path: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.core.baselines.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.core.players.FeatureMask].

        Returns:
            Attributions (B, *K, ...) for outputs (B, *K) and each tensor at the source (B, ...).

        Raises:
            InvalidArgument: There are too many features.
        """
        game = Game(path, feature_mask, baselines)
        players = len(game.playing)
        if players > MOST_EXACT:
            raise InvalidArgument(
                f"feature_mask must leave at most {MOST_EXACT} features for exact Shapley values: got {players}. "
                "Hint: sample them with ShapleyValueSampling, or join features by a mask."
            )
        digits = torch.arange(players, device="cpu")

        def coalitions(some: slice, _: slice) -> Tensor:
            return (torch.arange(some.start, some.stop, device="cpu").view(-1, 1, 1) >> digits) & 1 == 1

        values = await game.values(2**players, coalitions)
        every = torch.arange(2**players, device="cpu")
        sizes = sum(((every >> digit) & 1 for digit in range(players)), torch.zeros_like(every))
        weights = _weights(players).to(values)[sizes.to(values.device)]
        worth = [_worth(values, weights, player) for player in range(players)]
        return _attributions(game, torch.stack(worth, dim=1) if worth else values[:, :0])


def _weights(players: int) -> Tensor:
    """|S|! (n - |S| - 1)! / n! by the size of S; none for the coalition of all."""
    of_size = [1 / (players * math.comb(players - 1, size)) for size in range(players)]
    return torch.tensor([*of_size, 0.0], dtype=torch.float64, device="cpu")


def _worth(values: Tensor, weights: Tensor, player: int) -> Tensor:
    """A player's Shapley values [m], of the values [m, 2^n] of all coalitions."""
    without, beside = values.view(len(values), -1, 2, 2**player).unbind(2)
    return ((beside - without) * weights.view(-1, 2, 2**player)[:, 0]).sum((1, 2))


def _orders(game: Game, samples: int, generator: torch.Generator | None) -> Tensor:
    """Random orders of those who play, int64 [samples, playing], drawn for all numbers up to the highest."""
    names, highest = game.features.names, game.features.numbers.stop
    place = torch.full((highest,), -1, device="cpu")
    place[names[game.playing]] = torch.arange(len(game.playing), device="cpu")
    drawn = [place[torch.randperm(highest, generator=generator, device="cpu")] for _ in range(samples)]
    return torch.stack([order[order >= 0] for order in drawn])


def _attributions(game: Game, worth: Tensor) -> Attributions:
    """What those who play are worth, [m, playing], as attributions (n, *K, ...) for outputs (n, *K)."""
    output = game.path.seen.output
    outputs = (len(worth) // math.prod(output), *output)
    found = tuple(each.view(*outputs, *each.shape[1:]) for each in game.spread(worth))
    return Attributions(found, structure=game.path.source_structure)
