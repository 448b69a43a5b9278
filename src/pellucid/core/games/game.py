"""Games: what is explained where some of the players are absent."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pellucid.core.evaluation.coalition_memory import CoalitionMemory, digest, packed
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask, Features
from pellucid.core.games.fill import Fill, PresentElements
from pellucid.core.games.outcomes import average_over_background, evaluate_present, evaluate_samples
from pellucid.core.model.isolation import random_state
from pellucid.core.problem.baselines import Baselines
from pellucid.core.tensors import Tensors, as_floating, at_least_float32, is_floating
from pellucid.errors import warn

Coalitions: TypeAlias = Callable[[slice, slice], Tensor]
"""Who is there: (samples, places) -> bool [k, 1 or n, players]: k coalitions, at n places alike or at each its own."""

MOST_LISTED = 2**22
"""So many coalitions times players are listed at once, to see which of them are remembered."""


class FeatureSet(Protocol):
    """The parts of the points that can be absent."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def masks_of(self, players: Tensor, point_range: slice) -> Tensors:
        """Which elements belong to each of these players [k]: bool (k, 1 or n, ...); to none for one below zero."""
        ...

    def spread(self, values: Tensor) -> Tensors:
        """Values [m, players] of m outputs as values of the elements, (m, ...) for each tensor."""
        ...

    def changed_features(self, x: Tensors, reference: Tensors) -> Tensor:
        """The players in which two sets of points differ, int64 [k] in order."""
        ...


@final
class Game:
    """The features of a function's points as players; a coalition is worth what is explained without the others.

    Features that equal what fills them, in all examples, make no difference; the others play.

    Args:
        f: The function.
        feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].
        baselines: What absent features are, at the source; see [Baselines][pellucid.methods.Baselines].
    """

    def __init__(self, f: ModelFunction, feature_mask: FeatureMask, baselines: Baselines) -> None:
        self.f, self.fill = f, Fill.of(f, baselines)
        self.features = Features.of(f.x, feature_mask)
        self.playing = active_features(self.features, f.x, self.fill)
        self._dtype = torch.get_default_dtype()

    def among(self, which: Tensor) -> Game:
        """The same game at some of the points, int64 [k], with the same who play."""
        part = copy.copy(self)
        part.f = self.f.select(which)
        part.fill = self.fill.among(which)
        part.features = self.features.among_points(which)
        return part

    async def values(self, count: int, coalitions: Coalitions, *, silent: bool = False) -> Tensor:
        """Values [m, count], in at least float32, of coalitions of those who play, for the m values of an output.

        Args:
            count: How many coalitions there are.
            coalitions: Says which.
            silent: Whether no progress bar counts them.
        """
        memory = self._memory if count * len(self.playing) <= MOST_LISTED else None
        listed = None if memory is None else coalitions(slice(0, count), slice(None))
        if memory is not None and listed is not None and listed.shape[1] == 1:
            values = await self._recalled(memory, listed)
        elif self.fill.count > 1:
            values = await average_over_background(
                self.f, count, self.fill, self._present_elements(coalitions), silent=silent
            )
        else:
            values = await evaluate_samples(
                self.f, count, self.fill.points(self.f.x, self._present_elements(coalitions)), silent=silent
            )
        (self._dtype,) = (narrow.dtype for narrow in as_floating((values[:0],)))
        return at_least_float32(values) if is_floating(values) else values.double()

    def _present_elements(self, coalitions: Coalitions) -> PresentElements:
        """Which elements are there in coalitions of those who play."""

        def there(sample_range: slice, point_range: slice) -> Tensors:
            present = coalitions(sample_range, point_range)
            every = present.new_zeros(*present.shape[:2], self.features.count)
            every[:, :, self.playing] = present
            return self.features.among(every, point_range)

        return there

    @property
    def _memory(self) -> CoalitionMemory | None:
        """Where values are kept for other methods: in a session that is open, of the problem's own points."""
        own = self.f.own_tensors is None and not self.f.session.copies and not self.f.problem.options.create_graph
        return self.f.session.coalitions if own else None

    async def _recalled(self, memory: CoalitionMemory, coalitions: Tensor) -> Tensor:
        """Values [m, k] of coalitions [k, 1, playing], of which only those are evaluated that are not remembered.

        What was answered by chance, as by dropout, is not.
        """
        evaluator = self.f.evaluator
        game = (evaluator.source, id(evaluator.target), digest(self.features.masks), digest(self.fill.rows))
        keys, known = packed(coalitions[:, 0]), memory.known(game)
        places = {key: place for place, key in enumerate(keys) if key not in known}
        if places:
            new = coalitions[torch.tensor(list(places.values()), device="cpu")]
            device = self.f.problem.inputs[0].device
            drawn_from = random_state(device)
            values = await evaluate_present(
                self.f, len(new), self.fill, self._present_elements(lambda samples, _: new[samples])
            )
            if all(map(torch.equal, drawn_from, random_state(device))):
                memory.remember(game, list(places), values)
            known = known | dict(zip(places, values.T, strict=True))
        return torch.stack([known[key] for key in keys], dim=1)

    async def values_deduplicated(self, coalitions: Tensor) -> Tensor:
        """Values [m, k] of these coalitions, bool [k, 1 or n, playing], each of which is evaluated once."""
        if not len(self.playing):
            return (await self.values(1, lambda *_: coalitions[:1, :1])).expand(-1, len(coalitions))
        distinct, which = _unique_coalitions(coalitions)
        values = await self.values(
            len(distinct), lambda samples, places: distinct[samples, places if len(which) > 1 else slice(None)]
        )
        return values.gather(1, which.to(values.device).repeat_interleave(len(values) // len(which), dim=0))

    def spread(self, worth: Tensor) -> Tensors:
        """What the features are worth [m, features], or those who play [m, playing], as values of the elements."""
        every = worth
        if worth.shape[1] != self.features.count:
            every = worth.new_zeros(len(worth), self.features.count)
            every[:, self.playing.to(worth.device)] = worth
        return self.features.spread(self.narrowed(every))

    def narrowed(self, worth: Tensor) -> Tensor:
        """Numbers in the floating dtype of the output, which was seen when values were asked for."""
        return worth.to(self._dtype)


def _unique_coalitions(coalitions: Tensor) -> tuple[Tensor, Tensor]:
    """The different ones among coalitions [k, e, players], [most, e, players], and which of them each is, [e, k].

    Of those who have fewer different ones than others, some come again.
    """
    packed = np.packbits(coalitions.numpy(), axis=2).transpose(1, 0, 2)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[2])))[:, :, 0]
    found = [np.unique(own, return_index=True, return_inverse=True) for own in keys]
    first = pad_sequence([torch.from_numpy(index) for _, index, _ in found])
    which = torch.stack([torch.from_numpy(inverse).view(-1) for _, _, inverse in found])
    return coalitions[first, torch.arange(len(found), device="cpu")], which


def active_features(players: FeatureSet, x: Tensors, fill: Fill) -> Tensor:
    """The players that make a difference, int64 [k]; where none does, a warning."""
    unlike = fill.unlike(x)
    differing = players.changed_features(unlike, tuple(map(torch.zeros_like, unlike)))
    if players.count and not len(differing):
        warn("baselines are equal to the inputs: all attributions are zero.")
    return differing


def masked_points(masks: Tensors, inside: Tensors, outside: Tensors, point_range: slice) -> Tensors:
    """Points (k * n, ...) at n places: those inside each of k masks, (k, 1 or n, ...), and those outside."""
    return tuple(
        torch.where(mask, one[point_range], other[point_range]).flatten(0, 1)
        for mask, one, other in zip(masks, inside, outside, strict=True)
    )


async def ablation_effects(
    players: FeatureSet, present: Tensor, without: Callable[[Tensor], Awaitable[Tensor]]
) -> Tensor:
    """How much the values change as one player after another becomes absent: F(x) - F(x without the player).

    Args:
        players: The players.
        present: Those that make a difference, int64 [k]; the others have no effect.
        without: (players [k]) -> values [m, k] without each of these players; with all of them for one below zero.

    Returns:
        Effects [m, players] for the m values of an output.
    """
    everyone = torch.cat([torch.tensor([-1], device="cpu"), present])
    values = await without(everyone)
    changes = values.new_zeros(len(values), players.count)
    changes[:, present.to(values.device)] = values[:, :1] - values[:, 1:]
    return changes
