"""Features exchanged with those of other examples."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.examples import all_examples
from pellucid.core.games.features import FeatureMask, Features
from pellucid.core.games.game import ablation_effects
from pellucid.core.games.outcomes import evaluate_samples
from pellucid.core.problem.attributions import Attributions
from pellucid.core.random_streams import shared_generator
from pellucid.core.tensors import Tensors
from pellucid.errors import warn
from pellucid.methods.calling.attribution import attribution

Permutation: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Permutes a feature: (points (B, ...), which elements are of the feature) -> points with these of other examples."""

Without: TypeAlias = Callable[[Tensor, slice], Tensors]
"""(players [k], places) -> points (k * n, ...) without each of these players; with all of them for one below zero."""


@final
@dataclass(frozen=True, kw_only=True)
class FeaturePermutation:
    """How much the output falls when a feature is exchanged with that of other examples.

    a_i = F(x) - F(x with x_i of the examples permuted)

    Breiman, "Random forests", Machine Learning 45, 2001.

    Args:
        permutation: How a feature is permuted; None draws, for each tensor it is in, from the permutations that move
            an example.
        seed: Seeds these draws; None draws from torch's global generator.
        generator: Gives the seed.

    Examples:
        >>> import torch
        >>> from pellucid.methods import FeaturePermutation, Problem
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[1.0, 5.0], [2.0, 5.0]]))
        >>> FeaturePermutation()(problem).values
        (tensor([[-1.,  0.],
                [ 1.,  0.]]),)
    """

    permutation: Permutation | None = None
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(self, f: ModelFunction, /, *, feature_mask: FeatureMask = None) -> Attributions:
        """The effects of the features' permutations.

        Args:
            f: From the inputs or a layer; to any number of values per example.
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).
        """
        features = Features.of(f.x, feature_mask)
        if len(f) < 2:
            warn("inputs hold a single example, which has no other to be exchanged with: all attributions are zero.")
        present = torch.arange(features.count if len(f) > 1 else 0, device="cpu")
        permuted = self._drawn(f, features, len(present)) if self.permutation is None else self._called(f, features)

        def without(moved: Tensor) -> Awaitable[Tensor]:
            return evaluate_samples(f, len(moved), lambda some, places: permuted(moved[some], places))

        found = features.spread(await ablation_effects(features, present, without))
        return f.attributions(found, at="source")

    def _drawn(self, f: ModelFunction, features: Features, count: int) -> Without:
        """Points with features exchanged by orders of the examples in which one of them moves, drawn as Captum does."""
        generator = shared_generator(self.seed, self.generator)
        members = [set(torch.unique(mask).tolist()) for mask in features.masks]
        per_call = f.session.budget.most_samples or 1
        # A tensor that holds no examples, as sparse values do, has rows of its own that change places.
        orders = [all_examples(len(x)).repeat(max(count, 1), 1) for x in f.x]
        for first in range(0, count, per_call):
            together = range(first, min(first + per_call, count))
            for order, member in zip(orders, members, strict=True):
                for feature in together if member.intersection(together) else ():
                    order[feature] = _order(order.shape[1], generator)

        def without(moved: Tensor, point_range: slice) -> Tensors:
            others = [
                order[moved.clamp(min=0)][:, point_range].to(x.device) for order, x in zip(orders, f.x, strict=True)
            ]
            triples = zip(features.masks_of(moved, point_range), f.x, others, strict=True)
            return tuple(torch.where(mask, x[other], x[point_range]).flatten(0, 1) for mask, x, other in triples)

        return without

    def _called(self, f: ModelFunction, features: Features) -> Without:
        """Points with features exchanged by the user's function."""

        def exchanged(feature: int, point_range: slice) -> Tensors:
            if feature < 0:
                return tuple(each[point_range] for each in f.x)
            masks = features.masks_of(torch.tensor([feature], device="cpu"), slice(None))
            # A copy, as the function may write its next result to the same memory.
            return tuple(
                self.permutation(each, mask[0])[point_range].clone()
                if self.permutation and mask.any()
                else each[point_range]
                for mask, each in zip(masks, f.x, strict=True)
            )

        def without(moved: Tensor, point_range: slice) -> Tensors:
            points = [exchanged(feature, point_range) for feature in moved.tolist()]
            return tuple(map(torch.cat, zip(*points, strict=True)))

        return without


def _order(examples: int, generator: torch.Generator | None) -> Tensor:
    while examples > 1:
        order = torch.randperm(examples, generator=generator, device="cpu")
        if not torch.equal(order, all_examples(examples)):
            return order
    return all_examples(examples)
