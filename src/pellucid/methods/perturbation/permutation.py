"""Permutation importance: the effects of exchanging features with those of other examples."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.examples import all_examples
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.games.game import ablation_effects
from pellucid.core.games.outcomes import evaluate_samples
from pellucid.core.games.outputs import apart
from pellucid.core.problem.attributions import Attributions
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors
from pellucid.errors import warn
from pellucid.methods.calling.attribution import attribution

Permutation: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Permutes a feature: (points (B, ...), bool mask of its elements) -> points with these taken from other examples."""

PermutedPoints: TypeAlias = Callable[[Tensor, slice], Tensors]
"""(features [k], range of n points) -> points (k * n, ...) with each of these permuted; below zero stands for none."""


@final
@dataclass(frozen=True, kw_only=True)
class FeaturePermutation(Summarized):
    """The decrease of the output when a feature is exchanged with that of other examples.

    a_i = F(x) - F(x with x_i of the examples permuted)

    A feature that is in a tensor of fewer than two rows is skipped: its attributions are zero, and a warning says so.

    Breiman, "Random forests", Machine Learning 45, 2001.

    Args:
        perm_func: How a feature is permuted, in each tensor by itself; None draws a permutation other than the
            identity, which is the same in all tensors of as many rows that the feature is in.
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

    perm_func: Permutation | None = None
    seed: int | None = None
    generator: torch.Generator | None = None

    @attribution
    async def __call__(self, f: ModelFunction, /, *, feature_mask: FeatureMask = None) -> Attributions:
        """The effects of permuting the features.

        Args:
            f: A function of points at the inputs or a layer, with any number of values per example.
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Attributions of the shapes of the source, one after another for each value of an output: (B * K, ...).
        """
        features = Features.of(f.x, mask_of_points(f, feature_mask))
        present = _exchangeable_features(features, f.x)
        if self.perm_func is None:
            permuted_points = self._random_permutations(f, features, set(present.tolist()))
        else:
            permuted_points = self._user_permutations(f, features, self.perm_func)

        def permute(permuted: Tensor) -> Awaitable[Tensor]:
            return evaluate_samples(
                f, len(permuted), lambda samples, point_range: permuted_points(permuted[samples], point_range)
            )

        effects = await ablation_effects(features, present, permute)
        return f.attributions(apart(f, features.spread(effects)), site="source", of_features=True)

    def _random_permutations(self, f: ModelFunction, features: Features, present: set[int]) -> PermutedPoints:
        """Points with features exchanged by random permutations of the examples, drawn in Captum's order.

        Where a feature is in several tensors of one length, they have the draw of the first; all draws are made, so
        that those of other features are Captum's.
        """
        generator = shared_generator(self.seed, self.generator)
        members = [set(torch.unique(mask).tolist()) for mask in features.masks]
        per_call = f.session.budget.max_samples or 1
        # A tensor that holds no examples, as sparse values do, has rows of its own that change places.
        permutations = [all_examples(len(x)).repeat(max(features.count, 1), 1) for x in f.x]
        first_draws: dict[tuple[int, int], Tensor] = {}
        for first in range(0, features.count, per_call):
            features_of_call = sorted(present.intersection(range(first, first + per_call)))
            for of_feature, features_in_tensor in zip(permutations, members, strict=True):
                for feature in features_of_call if features_in_tensor.intersection(features_of_call) else ():
                    drawn = _random_non_identity(of_feature.shape[1], generator)
                    if feature in features_in_tensor:
                        of_feature[feature] = first_draws.setdefault((feature, len(drawn)), drawn)

        def permuted_points(permuted: Tensor, point_range: slice) -> Tensors:
            rows = [
                of_feature[permuted.clamp(min=0)][:, point_range].to(x.device)
                for of_feature, x in zip(permutations, f.x, strict=True)
            ]
            triples = zip(features.masks_of(permuted, point_range), f.x, rows, strict=True)
            return tuple(torch.where(mask, x[index], x[point_range]).flatten(0, 1) for mask, x, index in triples)

        return permuted_points

    @staticmethod
    def _user_permutations(f: ModelFunction, features: Features, permutation: Permutation) -> PermutedPoints:
        """Points with features exchanged by the user's function."""

        def permute(feature: int, point_range: slice) -> Tensors:
            if feature < 0:
                return tuple(x[point_range] for x in f.x)
            masks = features.masks_of(torch.tensor([feature], device="cpu"), slice(None))
            # A copy, as the function may write its next result to the same memory.
            return tuple(
                permutation(x, mask[0])[point_range].clone() if mask.any() else x[point_range]
                for mask, x in zip(masks, f.x, strict=True)
            )

        def permuted_points(permuted: Tensor, point_range: slice) -> Tensors:
            points = [permute(feature, point_range) for feature in permuted.tolist()]
            return tuple(map(torch.cat, zip(*points, strict=True)))

        return permuted_points


def _exchangeable_features(features: Features, x: Tensors) -> Tensor:
    """The features that several rows of every tensor have that they are in, int64 [k]; warns of the others."""
    if all(len(tensor) < 2 for tensor in x):
        warn("inputs hold a single example, which has no other to be exchanged with: all attributions are zero.")
        return torch.arange(0, device="cpu")
    members = [torch.unique(mask).cpu() for mask in features.masks]
    in_rows = torch.cat([ids for ids, tensor in zip(members, x, strict=True) if len(tensor)])
    exchangeable = torch.ones(features.count, dtype=torch.bool, device="cpu")
    for index, (ids, tensor) in enumerate(zip(members, x, strict=True)):
        if len(tensor) > 1:
            continue
        exchangeable[ids] = False
        skipped = features.ids[
            ids[torch.isin(ids, in_rows)]
        ].tolist()  # of features without rows there is nothing to tell
        if skipped:
            rows = "one row, which has no other to be exchanged with" if len(tensor) else "no rows to be exchanged"
            warn(f"inputs[{index}] has {rows}: attributions of features {summary(skipped)} are zero.")
    return exchangeable.nonzero().flatten()


def _random_non_identity(examples: int, generator: torch.Generator | None) -> Tensor:
    """A random permutation other than the identity, int64 [examples]; of one example the identity."""
    while examples > 1:
        permutation = torch.randperm(examples, generator=generator, device="cpu")
        if not torch.equal(permutation, all_examples(examples)):
            return permutation
    return all_examples(examples)
