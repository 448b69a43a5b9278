"""Kernel SHAP: Shapley values as the coefficients of a linear model, by few coalitions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid.core.baselines import Baselines
from pellucid.core.game import Game
from pellucid.core.pathway import Pathway
from pellucid.core.players import FeatureMask
from pellucid.core.randomness import shared
from pellucid.errors import InvalidArgument, check_count, warn
from pellucid.methods.edge import attribution
from pellucid.methods.linear import constrained
from pellucid.methods.result import Attributions
from pellucid.methods.surrogate import Design, by_game, drawn_by_fits, games_of

Sampling = Literal["auto", "captum"]
"""Which coalitions are evaluated, all examples or each its own.

* `"auto"`: all, where `samples` allows for them; otherwise all of the smallest and their complements, as far as they
  go, and of the others random ones, each with its complement. The same for all examples.
* `"captum"`: sizes drawn by the Shapley kernel, and random coalitions of these; for each example in turn, as Captum
  does, or with a seed the same for all.
"""

MORE_SAMPLES = 2048
"""Coalitions beside those that determine the answer, unless the user chooses."""


@final
@dataclass(frozen=True, kw_only=True)
class KernelShap:
    """Shapley values, as the solution of a weighted least-squares problem over coalitions.

    minimise over a: sum over coalitions S of (n - 1) / (C(n, |S|) |S| (n - |S|)) * (F(S) - F(none) - sum of a_i in S)^2
    with the sum of all a_i = F(all) - F(none)

    The condition holds exactly. With all coalitions these are the Shapley values; of an additive model, with any that
    determine them.

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874;
    Covert, Lee, "Improving KernelSHAP", 2021, https://arxiv.org/abs/2012.01536.

    Args:
        samples: How many coalitions, those of none and of all among them; None is 2 n + 2048 for n features that make
            a difference. Never more than there are are evaluated.
        sampling: Which coalitions; see [Sampling][pellucid.methods.kernel_shap.Sampling].
        per_feature: Whether the attributions are one for each number of a feature, (B, numbers), in place of the
            shapes of the source.
        seed: Seeds the coalitions, which all examples then share; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import KernelShap, Pathway
        >>> path = Pathway.of(lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]))
        >>> KernelShap()(path).values
        (tensor([[3., 3., 1.]]),)
    """

    samples: int | None = None
    sampling: Sampling = "auto"
    per_feature: bool = False
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(
        self, path: Pathway, /, baselines: Baselines = None, *, feature_mask: FeatureMask = None
    ) -> Attributions:
        """The Shapley values, or estimates of them.

        Args:
            path: From the inputs or a layer; to any number of values per example.
            baselines: What absent features are, at the source; see [Baselines][pellucid.core.baselines.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.core.players.FeatureMask].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).

        Raises:
            InvalidArgument: Something does not fit; with `"auto"`, the samples are too few to determine the answer.
        """
        if self.sampling not in ("auto", "captum"):
            raise InvalidArgument(f'sampling must be "auto" or "captum": got {self.sampling!r}.')
        game = Game(path, feature_mask, baselines)
        design = Design(game)
        auto = self.sampling == "auto"
        columns = design.of_feature[game.playing] if auto else torch.arange(design.columns, device="cpu")
        samples = check_count("n_samples", 2 * len(columns) + MORE_SAMPLES if self.samples is None else self.samples)
        generator = shared(self.seed, self.generator)
        nobody_and_all = torch.tensor([False, True], device="cpu").view(2, 1, 1).expand(2, 1, len(game.playing))
        ends = await game.values(2, lambda some, _: nobody_and_all[some], silent=True)
        if auto:
            chosen, weights, drawn = coalitions(len(columns), samples, generator)
            present = torch.zeros(len(chosen), 1, design.columns, dtype=torch.bool, device="cpu")
            present[:, :, columns] = chosen[:, None]
        else:
            present = captum_coalitions(design.columns, max(samples - 2, 0), games_of(path, ends), generator)
            weights, drawn = torch.ones(len(present), device="cpu"), torch.arange(len(present), device="cpu")
        values = await design.values(present) if len(present) else ends[:, :0]
        games = present.shape[1]
        none, every = by_game(ends, games).unbind(1)
        outputs = by_game(values, games) - none[:, None]
        solution = constrained(present[:, :, columns].transpose(0, 1), outputs, weights, every - none, drawn)
        if solution.told_apart < len(columns):
            warn(
                f"n_samples must be larger to determine the attributions: {samples} coalitions tell apart "
                f"{solution.told_apart} of {len(columns)} features, and the smallest attributions that fit are given. "
                'Hint: sampling="auto" chooses better ones.'
            )

        def of_all(some: Tensor) -> Tensor:
            return some.new_zeros(games, design.columns, some.shape[2]).index_copy_(1, columns, some)

        stderr = None if solution.stderr is None else of_all(solution.stderr)
        return design.attributions(of_all(solution.coefficients), stderr, per_feature=self.per_feature)


def coalitions(players: int, samples: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
    """Coalitions but those of none and of all, bool [k, players], what each counts [k], and its draw, int64 [k].

    Sizes come in pairs, s and players - s, from the outside in: all coalitions of a pair while there are samples for
    them; of the sizes that are left, drawn by the Shapley kernel, random ones and their complements, both of one draw.
    Those that were not drawn have a draw of -1.

    Raises:
        InvalidArgument: The samples are too few for the first pair, without which the answer is not determined.
    """
    least = min(2**players, 2 * players + 2)
    if samples < least:
        raise InvalidArgument(
            f"n_samples must be at least {least} to determine the attributions of {players} features: got {samples}."
        )
    left, chosen, weights = samples - 2, [], []
    shares = {size: 1 / (size * (players - size)) for size in range(1, players)}
    for size in range(1, players // 2 + 1):
        sizes = sorted({size, players - size})
        if sum(math.comb(players, each) for each in sizes) > left:
            break
        for each in sizes:
            chosen.append(_all_of(players, each))
            weights.append(
                torch.full((len(chosen[-1]),), shares.pop(each) / len(chosen[-1]), dtype=torch.float64, device="cpu")
            )
            left -= len(chosen[-1])
    pairs = left // 2 if shares else 0
    if pairs:
        kernel = torch.tensor(list(shares.values()), dtype=torch.float64, device="cpu")
        drawn = torch.multinomial(kernel, pairs, replacement=True, generator=generator)
        order = torch.rand(pairs, players, generator=generator, device="cpu").argsort(1).argsort(1)
        some = order < torch.tensor(list(shares), device="cpu")[drawn][:, None]
        chosen += [some, ~some]
        weights += [kernel.sum().expand(len(some)) / (2 * len(some))] * 2
    draws = [
        torch.full((sum(map(len, weights)) - 2 * pairs,), -1, device="cpu"),
        *[torch.arange(pairs, device="cpu")] * 2,
    ]
    nobody = torch.zeros(0, players, dtype=torch.bool, device="cpu")
    nothing = torch.zeros(0, dtype=torch.float64, device="cpu")
    return torch.cat([nobody, *chosen]), torch.cat([nothing, *weights]), torch.cat(draws)


def _all_of(players: int, size: int) -> Tensor:
    members = torch.tensor(list(itertools.combinations(range(players), size)), device="cpu")
    return torch.zeros(len(members), players, dtype=torch.bool, device="cpu").scatter(1, members, True)


def captum_coalitions(columns: int, samples: int, games: int, generator: torch.Generator | None) -> Tensor:
    """Coalitions as Captum draws them, bool [samples, games, columns].

    Without a generator every game has its own, drawn one after another; with one they share them.
    """
    drawn = torch.empty(2, games if generator is None else 1, samples, columns, device="cpu")
    for of_game in drawn.unbind(1):
        _draw(of_game, generator)
        drawn_by_fits(columns, generator)
    return _chosen(drawn).transpose(0, 1)


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
