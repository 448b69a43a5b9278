"""Games: what the sink explains where some of the players are absent."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias, final

import numpy as np
import torch
from torch import Future, Tensor
from torch.nn.utils.rnn import pad_sequence

from pellucid.core.baselines import Baselines
from pellucid.core.budget import BatchCollapsed
from pellucid.core.expectation import Points, by_place, copied
from pellucid.core.fill import Fill, There
from pellucid.core.future import Arrival
from pellucid.core.gathered import Gathered
from pellucid.core.independence import Company
from pellucid.core.pathway import Pathway
from pellucid.core.players import FeatureMask, Features
from pellucid.core.tensors import Tensors, floating, floats, widened
from pellucid.errors import warn

Coalitions: TypeAlias = Callable[[slice, slice], Tensor]
"""Who is there: (samples, places) -> bool [k, 1 or n, players]: k coalitions, at n places alike or at each its own."""


MOST_AVERAGED = 2**22
"""So many evaluations of a place are kept until the means over their backgrounds are taken."""


class Players(Protocol):
    """The parts of the points that can be absent."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def belonging(self, players: Tensor, places: slice) -> Tensors:
        """Which elements belong to each of these players [k]: bool (k, 1 or n, ...); to none for one below zero."""
        ...

    def spread(self, values: Tensor) -> Tensors:
        """Values [m, players] of m outputs as values of the elements, (m, ...) for each tensor."""
        ...

    def differing(self, x: Tensors, other: Tensors) -> Tensor:
        """The players in which two sets of points differ, int64 [k] in order."""
        ...


async def outcomes(path: Pathway, samples: int, points: Points, *, silent: bool = False) -> Tensor:
    """What the sink explains at every sample of every point, no gradient needed.

    This is where futures are awaited, all of them at once, if the model answers with such.

    Args:
        path: The pathway.
        samples: Samples per point.
        points: Where to go.
        silent: Whether no progress bar counts this.

    Returns:
        Values [m, samples] for the m = n * K values of an output (n, *K), those of a point together; for a model that
        gives one value for the batch, [1, samples].

    Raises:
        InvalidArgument: The output has another number of values in different calls.
    """

    def run(some: slice, places: slice) -> tuple[int, Tensor]:
        rows = copied(path.rows, some, places)
        return len(rows), path(points(some, places), rows)

    read: Iterable[tuple[int, Tensor]]
    if path.in_future:
        read = await _answers(path, samples, points, silent)
    else:
        read = path.budget.blocks(samples, len(path), run, unit="evaluations", silent=silent)
    found = Gathered(samples * len(path))
    for rows, value in read:
        found.add(rows, (value if value.ndim else value.reshape(1),))
    (values,) = found.tensors
    path.seen.output = tuple(values.shape[1:])
    return by_place(found, samples)


async def _answers(path: Pathway, samples: int, points: Points, silent: bool) -> list[tuple[int, Tensor]]:
    """The rows and values of every block, of a model that answers later: all is asked before it answers."""
    looks: list[tuple[Company, Future[object], Tensor]] = []

    def ask(some: slice, places: slice) -> tuple[Tensor, Future[object]]:
        rows, at = copied(path.rows, some, places), points(some, places)
        company = None if looks else Company.of(path, rows)
        answer = path.ask(at, rows)
        if company is not None and company.can_tell(rows):
            others, beside = company.others(at, rows)
            looks.append((company, path.ask(others, beside), beside))
        return rows, answer

    asked = list(path.budget.blocks(samples, len(path), ask, unit="evaluations", silent=silent))
    await Arrival([*(answer for _, answer in asked), *(answer for _, answer, _ in looks)])
    try:
        read = [(len(rows), path.arrived(answer, rows)) for rows, answer in asked]
        for company, answer, beside in looks:
            first = next(value for (rows, _), (_, value) in zip(asked, read, strict=True) if path.holds_others(rows))
            company.told(company.alike(first, path.arrived(answer, beside)))
    except BatchCollapsed as collapsed:
        path.budget.whole = True  # once more, a forward for each sample
        return collapsed.settle(await _answers(path, samples, points, silent))
    return read


async def averages(path: Pathway, cases: int, fill: Fill, there: There, *, silent: bool = False) -> Tensor:
    """What the sink explains where only some elements are there, on average over what fills the others.

    Args:
        path: The pathway.
        cases: How many there are.
        fill: What takes the place of what is absent.
        there: Which elements are there in each case.
        silent: Whether no progress bar counts this.

    Returns:
        Values [m, cases]; see [outcomes][pellucid.core.game.outcomes].
    """
    means = []
    for first in range(0, cases, each := max(1, MOST_AVERAGED // fill.count)) if fill.count > 1 else ():
        count = min(each, cases - first)

        def some(part: slice, places: slice, first: int = first) -> Tensors:
            return there(slice(first + part.start, first + part.stop), places)

        values = await outcomes(path, count * fill.count, fill.points(path.x, some), silent=silent)
        (narrow,) = floating((values,))
        means.append(widened(narrow).view(len(values), count, fill.count).mean(2).to(narrow.dtype))
    return torch.cat(means, dim=1) if means else await outcomes(path, cases, fill.points(path.x, there), silent=silent)


@final
class Game:
    """The features of a pathway's points as players; a coalition is worth what the sink explains without the others.

    Features that equal what fills them, in all examples, make no difference; the others play.

    Args:
        path: The pathway.
        feature_mask: What is one feature; see [FeatureMask][pellucid.core.players.FeatureMask].
        baselines: What absent features are, at the source; see [Baselines][pellucid.core.baselines.Baselines].
    """

    def __init__(self, path: Pathway, feature_mask: FeatureMask, baselines: Baselines) -> None:
        self.path, self.fill = path, Fill.of(path, baselines)
        self.features = Features.of(path.x, feature_mask)
        self.playing = playing(self.features, path.x, self.fill)
        self._dtype = torch.get_default_dtype()

    def among(self, places: Tensor) -> Game:
        """The same game at some of the points, int64 [k], with the same who play."""
        part = copy.copy(self)
        part.path = self.path.among(places)
        part.fill = self.fill.among(places)
        part.features = self.features.among_points(places)
        return part

    async def values(self, count: int, coalitions: Coalitions, *, silent: bool = False) -> Tensor:
        """Values [m, count], in at least float32, of coalitions of those who play, for the m values of an output.

        Args:
            count: How many coalitions there are.
            coalitions: Says which.
            silent: Whether no progress bar counts them.
        """

        def there(some: slice, places: slice) -> Tensors:
            present = coalitions(some, places)
            every = present.new_zeros(*present.shape[:2], self.features.count)
            every[:, :, self.playing] = present
            return self.features.among(every, places)

        values = await averages(self.path, count, self.fill, there, silent=silent)
        (self._dtype,) = (each.dtype for each in floating((values[:0],)))
        return widened(values) if floats(values) else values.double()

    async def values_of(self, coalitions: Tensor) -> Tensor:
        """Values [m, k] of these coalitions, bool [k, 1 or n, playing], each of which is evaluated once."""
        if not len(self.playing):
            return (await self.values(1, lambda *_: coalitions[:1, :1])).expand(-1, len(coalitions))
        distinct, which = _each_once(coalitions)
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


def _each_once(coalitions: Tensor) -> tuple[Tensor, Tensor]:
    """The different ones among coalitions [k, e, players], [most, e, players], and which of them each is, [e, k].

    Of those who have fewer different ones than others, some come again.
    """
    packed = np.packbits(coalitions.numpy(), axis=2).transpose(1, 0, 2)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[2])))[:, :, 0]
    found = [np.unique(own, return_index=True, return_inverse=True) for own in keys]
    first = pad_sequence([torch.from_numpy(index) for _, index, _ in found])
    which = torch.stack([torch.from_numpy(inverse).view(-1) for _, _, inverse in found])
    return coalitions[first, torch.arange(len(found), device="cpu")], which


def playing(players: Players, x: Tensors, fill: Fill) -> Tensor:
    """The players that make a difference, int64 [k]; where none does, a warning."""
    unlike = fill.unlike(x)
    differing = players.differing(unlike, tuple(map(torch.zeros_like, unlike)))
    if players.count and not len(differing):
        warn("baselines are equal to the inputs: all attributions are zero.")
    return differing


def mixed(masks: Tensors, inside: Tensors, outside: Tensors, places: slice) -> Tensors:
    """Points (k * n, ...) at n places: those inside each of k masks, (k, 1 or n, ...), and those outside."""
    return tuple(
        torch.where(mask, one[places], other[places]).flatten(0, 1)
        for mask, one, other in zip(masks, inside, outside, strict=True)
    )


async def effects(players: Players, present: Tensor, without: Callable[[Tensor], Awaitable[Tensor]]) -> Tensor:
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
