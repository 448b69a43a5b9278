"""What a model says without some of its features: the evaluations that all metrics of faithfulness share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.futures import to_completion
from pellucid.core.games.each_example import MOST_HELD, values_of_each
from pellucid.core.games.features import FeatureMask
from pellucid.core.games.game import Game
from pellucid.core.games.removal import RemovalLike
from pellucid.core.problem.baselines import Baselines
from pellucid.core.problem.problem import Problem
from pellucid.core.random_streams import random_source
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, unwrap_single
from pellucid.metrics.given import AttributionsLike, are_of_features, movable, of_features, score, span_of
from pellucid.metrics.scores import Metric, Scores

TIES = 0
"""The seed of the order of features with equal attributions, which is random: that of the inputs would not be fair."""

ROUNDINGS = 4
"""How many units of rounding of the output a change must be to be one."""


@final
@dataclass(frozen=True, eq=False)
class Removals(Summarized):
    """A model, its features, and what was attributed to them.

    Args:
        game: The output as a function of which features are there.
        attributions: Of the features, float64 [n, features].
        elements: Those of the elements that they were made of, (n, ...) each.
        feature_mask: What the user says is one feature.
        as_paper: Whether the user leaves it to the metric how features are taken away.
    """

    game: Game
    attributions: Tensor
    elements: Tensors
    feature_mask: FeatureMask = None
    as_paper: bool = False

    @property
    def f(self) -> ModelFunction:
        """The function."""
        return self.game.f

    @property
    def features(self) -> int:
        """How many features there are."""
        return self.game.features.count

    @property
    def means(self) -> Tensor:
        """The mean attributions of the elements of each feature, float64 [n, features]."""
        return self.game.features.sum_per_feature(self.elements) / self.sizes

    @cached_property
    def sizes(self) -> Tensor:
        """How many elements each feature has, [n or 1, features]; at least one."""
        ones = tuple(torch.ones_like(mask, dtype=torch.float64) for mask in self.game.features.masks)
        rows = max(map(len, ones))
        return self.game.features.sum_per_feature(tuple(one.expand(rows, *one.shape[1:]) for one in ones)).clamp(min=1)

    def taken_away(self, baselines: Baselines = None, removal: RemovalLike | None = None) -> Removals:
        """The same with another way of taking features away."""
        game = Game(self.f, self.feature_mask, baselines, removal)
        return Removals(game, self.attributions, self.elements, self.feature_mask)

    def ways(self, samples: int, seed: int | None) -> list[Removals]:
        """The user's way of taking features away; or, for papers that have it so, several noises in their place.

        Args:
            samples: How many noises.
            seed: Seeds them; None draws from the global generators.
        """
        count = check_count("n_samples", samples)
        return list(self._under_noise(count, seed)) if self.as_paper else [self]

    def _under_noise(self, samples: int, seed: int | None) -> Iterator[Removals]:
        """Features replaced by uniform noise, from the least to the largest number of the example's input."""
        with random_source(seed, self.f.ids) as draws:
            for _ in range(samples):
                noises = []
                for x in movable(self.f):
                    numbers = draws.uniform(len(x), x[:1].numel()).to(x.device, x.dtype).view(x.shape)
                    low, high = span_of(x)
                    noises.append(low + (high - low) * numbers)
                yield self.taken_away(unwrap_single(tuple(noises)))

    def values(self, present: Tensor) -> Tensor:
        """The outputs, float64 [n, k], where these features are there, bool [k, 1 or n, features]."""
        return to_completion(values_of_each)(self.game, present.expand(-1, len(self.attributions), -1))

    @cached_property
    def prediction(self) -> Tensor:
        """The outputs where all features are there, [n]."""
        return self.values(torch.ones(1, 1, self.features, dtype=torch.bool, device="cpu"))[:, 0]

    def drops(self, absent: Tensor) -> Tensor:
        """By how much the output drops, [n, k], without these features, bool [k, 1 or n, features].

        What may be rounding is zero.
        """
        drops = self.prediction[:, None] - self.values(~absent)
        rounding = ROUNDINGS * torch.finfo(self.game.output_dtype).eps * self.prediction.abs()[:, None]
        return drops.masked_fill(drops.abs() <= rounding, 0.0)

    def drops_by_group(self, groups: Tensor, count: int) -> Tensor:
        """By how much the output drops without each group of features by itself, [n, count].

        Args:
            groups: The group of each feature, int64 [n or 1, features].
            count: How many groups there are.
        """
        most = max(1, MOST_HELD // max(1, groups.numel()))
        some = torch.split(torch.arange(count, device="cpu"), most)
        return torch.cat([self.drops(groups[None] == numbers[:, None, None]) for numbers in some], dim=1)

    @cached_property
    def without_all(self) -> Tensor:
        """The outputs where none is there, [n]."""
        return self.values(torch.zeros(1, 1, self.features, dtype=torch.bool, device="cpu"))[:, 0]

    @cached_property
    def ranks(self) -> Tensor:
        """The rank of each feature, from 0 for the largest attribution on, int64 [n, features]."""
        return ranks_of(self.attributions)

    def counts(self, steps: int | None) -> Tensor:
        """How many features are gone after each step, int64 [S] from 0 to all.

        Args:
            steps: The most steps; None for one for each feature.
        """
        most = self.features if steps is None else min(check_count("steps", steps), self.features)
        shares = torch.linspace(0, 1, most + 1, dtype=torch.float64, device="cpu")
        counts: Tensor = torch.unique((shares * self.features).round().long())
        return counts

    def without_first(self, ranks: Tensor, counts: Tensor) -> Tensor:
        """The outputs, [n, S], without the first features of an order.

        Args:
            ranks: The place of each feature in the order, int64 [n or 1, features].
            counts: How many of them, int64 [S], or of each example int64 [n, S].
        """
        return self.values(ranks[None] >= _by_step(counts))

    def with_first(self, ranks: Tensor, counts: Tensor) -> Tensor:
        """The outputs with nothing but the first features of an order; see `without_first`."""
        return self.values(ranks[None] < _by_step(counts))


def ranks_of(values: Tensor) -> Tensor:
    """The place of each value in decreasing order, int64 [n, features]; equal ones are in a random order."""
    generator = torch.Generator(device="cpu").manual_seed(TIES)
    shuffled = torch.randperm(values.shape[1], generator=generator, device="cpu")
    order = shuffled[values[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    places = torch.arange(values.shape[1], device="cpu").expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def random_ranks(features: int, orders: int, generator: torch.Generator) -> Tensor:
    """The place of each feature in random orders, int64 [orders, features]."""
    return torch.rand(orders, features, generator=generator, dtype=torch.float64, device="cpu").argsort(1).argsort(1)


def _by_step(counts: Tensor) -> Tensor:
    """Counts, [S] or [n, S], as [S, 1 or n, 1]."""
    return counts.reshape(-1, counts.shape[-1]).T[:, :, None]


@dataclass(frozen=True, kw_only=True)
class FaithfulnessMetric(Metric, ABC):
    """A metric that takes features away, and looks at what the model says then."""

    def __call__(
        self,
        problem: Problem | ModelFunction,
        attributions: AttributionsLike,
        /,
        *,
        baselines: Baselines = None,
        feature_mask: FeatureMask = None,
        removal: RemovalLike | None = None,
    ) -> Scores:
        """The scores of attributions.

        Args:
            problem: What they answer.
            attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
            baselines: What takes the place of features that are gone, at the source; see
                [Baselines][pellucid.methods.Baselines].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask]. Where its elements have
                attributions of their own, a feature has the sum.
            removal: How features are taken away, in the place of baselines; see
                [RemovalLike][pellucid.methods.RemovalLike].

        Returns:
            Scores of the B examples.

        Raises:
            InvalidArgument: An argument is not what is described here.
            NotScalar: There is more than one value to explain for an example.
            WrongShape: The attributions do not have the shapes of the source.
        """

        def scored(f: ModelFunction, tensors: Tensors) -> Scores:
            mask = self.default_features(f) if feature_mask is None else feature_mask
            game = Game(f, mask, baselines, removal)
            values = of_features(game.features, tensors, are_of_features(attributions))
            as_paper = baselines is None and removal is None
            return self.scores(Removals(game, values, tensors, mask, as_paper))

        return score(self, problem, attributions, scored, feature_mask)

    def default_features(self, f: ModelFunction) -> FeatureMask:
        """What is one feature where users do not say: each element, or what the source says."""
        return None

    @abstractmethod
    def scores(self, removals: Removals) -> Scores:
        """The scores, as the paper has them.

        Args:
            removals: What the model says without features, and their attributions.
        """
