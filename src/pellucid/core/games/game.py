"""Games: the target's value as a function of the coalition of features that are present."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Hashable
from typing import Protocol, TypeAlias, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pellucid.core.evaluation.coalition_memory import ByIdentity, CoalitionMemory, ValuesOfExample, digest, packed
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.games.fill import PresentElements
from pellucid.core.games.imputer import Imputer, imputer_of
from pellucid.core.games.outcomes import evaluate_present
from pellucid.core.games.removal import RemovalLike
from pellucid.core.model.isolation import random_state
from pellucid.core.problem.baselines import Baselines
from pellucid.core.tensors import Tensors, as_floating, at_least_float32, is_floating
from pellucid.errors import warn

Coalitions: TypeAlias = Callable[[slice, slice], Tensor]
"""Says which features are present: (coalition range, point range) -> bool [k, 1 or n, features], for k coalitions: the
same for all n points, or each point's own."""

MOST_LISTED = 2**22
"""The most coalitions times features that are held at once, to look up the coalitions evaluated before."""


class FeatureSet(Protocol):
    """The players of a game: sets of elements of the points, which can be absent."""

    @property
    def count(self) -> int:
        """How many features there are."""
        ...

    def masks_of(self, features: Tensor, point_range: slice) -> Tensors:
        """The elements of each of these features, int64 [k]: bool (k, 1 or n, ...); none for a feature below zero."""
        ...

    def spread(self, values: Tensor) -> Tensors:
        """Values [m, features] of m outputs as values of the elements, (m, ...) for each tensor."""
        ...

    def changed_features(self, x: Tensors, reference: Tensors) -> Tensor:
        """The features in which two sets of points differ, int64 [k] in order."""
        ...


@final
class Game:
    """A cooperative game whose players are features: v(S) = f(x in the features of S, baselines elsewhere).

    It is one object for a batch: every example has a game of its own, with the same players and other values.
    Features that equal their baselines in all examples are dummies, which are not evaluated; the others are active.
    Coalitions are of active features alone.

    Args:
        f: The function.
        feature_mask: Which elements are one feature; see [FeatureMask][pellucid.methods.FeatureMask].
        baselines: What absent features are replaced by, at the source; see [Baselines][pellucid.methods.Baselines].
        removal: How they are taken away instead; see [RemovalLike][pellucid.methods.RemovalLike].

    Attributes:
        f: The function.
        imputer: What stands in the place of absent elements.
        features: The features, active or not.
        active_features: The indices of the active features, int64 [active].
    """

    def __init__(
        self, f: ModelFunction, feature_mask: FeatureMask, baselines: Baselines, removal: RemovalLike | None = None
    ) -> None:
        self.f, self.imputer = f, imputer_of(f, baselines, removal)
        self.features = Features.of(f.x, mask_of_points(f, feature_mask))
        self.active_features = active_features(self.features, f.x, self.imputer)
        self._dtype = torch.get_default_dtype()

    def select(self, which: Tensor) -> Game:
        """The same game, with the same active features, for the points with these indices, int64 [k]."""
        game = copy.copy(self)
        game.f = self.f.select(which)
        game.imputer = self.imputer.select(which)
        game.features = self.features.select(which)
        return game

    async def values(self, count: int, coalitions: Coalitions, *, silent: bool = False) -> Tensor:
        """The values v(S) of coalitions.

        Args:
            count: The number of coalitions.
            coalitions: Says which active features are in each.
            silent: Whether no progress bar counts them.

        Returns:
            [m, count], in at least float32, for the m = n * K values of a target (n, *K).
        """
        memory = self._memory if count * len(self.active_features) <= MOST_LISTED else None
        listed = None if memory is None else coalitions(slice(0, count), slice(None))
        if memory is not None and listed is not None and listed.shape[1] == 1:
            values = await self._remembered_values(memory, listed)
        else:
            values = await evaluate_present(
                self.f, count, self.imputer, self._present_elements(coalitions), silent=silent
            )
        (self._dtype,) = (tensor.dtype for tensor in as_floating((values[:0],)))
        if self._memory is not None:
            self._memory.dtypes[self._key] = self._dtype
        return at_least_float32(values) if is_floating(values) else values.double()

    def points(self, present: Tensor) -> Tensors:
        """The points (k * n, ...) of coalitions of features, active or not, bool [k, 1 or n, features]."""

        def present_elements(coalition_range: slice, point_range: slice) -> Tensors:
            return self.features.element_masks(present[coalition_range], point_range)

        return self.imputer.points(self.f.x, present_elements)(slice(0, len(present)), slice(None))

    def _present_elements(self, coalitions: Coalitions) -> PresentElements:
        """The masks of the elements that are present in coalitions of active features."""

        def masks(coalition_range: slice, point_range: slice) -> Tensors:
            active = coalitions(coalition_range, point_range)
            present = active.new_zeros(*active.shape[:2], self.features.count)
            present[:, :, self.active_features] = active
            return self.features.element_masks(present, point_range)

        return masks

    @property
    def _memory(self) -> CoalitionMemory | None:
        """The memory of an open session, which methods share; only for the points of the user's inputs."""
        of_user = self.f.own_tensors is None and not self.f.session.copies and not self.f.problem.options.create_graph
        return self.f.session.coalitions if of_user else None

    @property
    def _key(self) -> Hashable:
        """Equal for games of the same values."""
        evaluator = self.f.evaluator
        return evaluator.source, ByIdentity(evaluator.target), digest(self.features.masks), self.imputer.key

    def values_of_examples(self, examples: int) -> list[ValuesOfExample]:
        """The values of coalitions that these examples were asked before, each for itself."""
        return [{}] * examples if self._memory is None else self._memory.of_examples(self._key, examples)

    def remember_of_examples(self, values: list[ValuesOfExample]) -> None:
        """Keep the values of coalitions of each example while the session is open, as far as there is room."""
        if self._memory is not None:
            self._memory.remember_of_examples(self._key, values)

    async def _remembered_values(self, memory: CoalitionMemory, coalitions: Tensor) -> Tensor:
        """Values [m, k] of coalitions [k, 1, active]; those that are remembered are not evaluated again.

        Values are not remembered if the model drew random numbers, as dropout does.
        """
        game, keys = self._key, packed(coalitions[:, 0])
        known = memory.known(game)
        unknown = {key: index for index, key in enumerate(keys) if key not in known}
        if unknown:
            unknown_coalitions = coalitions[torch.tensor(list(unknown.values()), device="cpu")]
            device = self.f.problem.inputs[0].device
            state_before = random_state(device)
            present_elements = self._present_elements(lambda coalition_range, _: unknown_coalitions[coalition_range])
            values = await evaluate_present(self.f, len(unknown_coalitions), self.imputer, present_elements)
            if all(map(torch.equal, state_before, random_state(device))):
                memory.remember(game, list(unknown), values)
            known = known | dict(zip(unknown, values.T, strict=True))
        return torch.stack([known[key] for key in keys], dim=1)

    async def values_deduplicated(self, coalitions: Tensor) -> Tensor:
        """Values [m, k] of coalitions, bool [k, 1 or n, active]; equal coalitions are evaluated once."""
        if not len(self.active_features):
            return (await self.values(1, lambda *_: coalitions[:1, :1])).expand(-1, len(coalitions))
        unique, index = _unique_coalitions(coalitions)

        def unique_coalitions(coalition_range: slice, point_range: slice) -> Tensor:
            return unique[coalition_range, point_range if len(index) > 1 else slice(None)]

        values = await self.values(len(unique), unique_coalitions)
        return values.gather(1, index.to(values.device).repeat_interleave(len(values) // len(index), dim=0))

    def spread(self, values: Tensor) -> Tensors:
        """Values of all features [m, features], or of the active ones [m, active], as values of the elements."""
        feature_values = values
        if values.shape[1] != self.features.count:
            feature_values = values.new_zeros(len(values), self.features.count)
            feature_values[:, self.active_features.to(values.device)] = values
        return self.features.spread(self.as_output_dtype(feature_values))

    @property
    def output_dtype(self) -> torch.dtype:
        """The floating dtype of the model's output, which is known once values were asked, here or in the session."""
        return self._dtype if self._memory is None else self._memory.dtypes.get(self._key, self._dtype)

    def as_output_dtype(self, values: Tensor) -> Tensor:
        """Values in the floating dtype of the model's output."""
        return values.to(self._dtype)


def _unique_coalitions(coalitions: Tensor) -> tuple[Tensor, Tensor]:
    """The unique coalitions of each point, and for each original coalition the index of its unique copy.

    Args:
        coalitions: bool [k, e, features], for e points or one for all.

    Returns:
        Unique coalitions, [u, e, features], where u is the largest number of them at a point; points with fewer repeat
        some. And the indices, int64 [e, k].
    """
    bits = np.packbits(coalitions.numpy(), axis=2).transpose(1, 0, 2)
    keys = np.ascontiguousarray(bits).view(np.dtype((np.void, bits.shape[2])))[:, :, 0]
    unique = [np.unique(point_keys, return_index=True, return_inverse=True) for point_keys in keys]
    first = pad_sequence([torch.from_numpy(index) for _, index, _ in unique])
    index_of_unique = torch.stack([torch.from_numpy(inverse).view(-1) for _, _, inverse in unique])
    return coalitions[first, torch.arange(len(unique), device="cpu")], index_of_unique


def active_features(players: FeatureSet, x: Tensors, imputer: Imputer) -> Tensor:
    """The features that their absence may change in any example, int64 [k]; warns where there are none."""
    changed = imputer.changed_elements(x)
    active = players.changed_features(changed, tuple(map(torch.zeros_like, changed)))
    if players.count and not len(active):
        warn("baselines are equal to the inputs: all attributions are zero.")
    return active


async def ablation_effects(
    players: FeatureSet, present: Tensor, without: Callable[[Tensor], Awaitable[Tensor]]
) -> Tensor:
    """The effect of ablating each feature: F(x) - F(x without the feature).

    Args:
        players: The features.
        present: The active ones, int64 [k]; the effect of the others is zero.
        without: Evaluates ablations: (features [k]) -> values [m, k], each without one feature; F(x) for -1.

    Returns:
        Effects [m, features] for the m values of the target.
    """
    none_and_active = torch.cat([torch.tensor([-1], device="cpu"), present])
    values = await without(none_and_active)
    effects = values.new_zeros(len(values), players.count)
    effects[:, present.to(values.device)] = values[:, :1] - values[:, 1:]
    return effects
