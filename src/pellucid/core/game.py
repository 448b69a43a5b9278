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
from pellucid.core.coalition_memory import CoalitionMemory, digest, packed
from pellucid.core.fill import Fill, There
from pellucid.core.future import Arrival
from pellucid.core.gathered import Gathered
from pellucid.core.independence import Company
from pellucid.core.isolation import random_state
from pellucid.core.model_function import ModelFunction
from pellucid.core.players import FeatureMask, Features
from pellucid.core.points import Points
from pellucid.core.restarts import BatchCollapsed
from pellucid.core.sweep import PointSampler, by_place, repeated
from pellucid.core.tensors import Tensors, floating, floats, widened
from pellucid.errors import warn

Coalitions: TypeAlias = Callable[[slice, slice], Tensor]
"""Who is there: (samples, places) -> bool [k, 1 or n, players]: k coalitions, at n places alike or at each its own."""


MOST_LISTED = 2**22
"""So many coalitions times players are listed at once, to see which of them are remembered."""

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


async def outcomes(f: ModelFunction, samples: int, sampler: PointSampler, *, silent: bool = False) -> Tensor:
    """What is explained at every sample of every point, no gradient needed.

    This is where futures are awaited, all of them at once, if the model answers with such.

    Args:
        f: The function.
        samples: Samples per point.
        sampler: Where to go.
        silent: Whether no progress bar counts this.

    Returns:
        Values [m, samples] for the m = n * K values of an output (n, *K), those of a point together; for a model that
        gives one value for the batch, [1, samples].

    Raises:
        InvalidArgument: The output has another number of values in different calls.
    """

    def run(sample_range: slice, point_range: slice) -> tuple[int, Tensor]:
        points = Points(sampler(sample_range, point_range), repeated(f.examples, sample_range, point_range))
        return len(points), f(points)

    blocks: Iterable[tuple[int, Tensor]]
    if f.problem.options.returns_futures:
        blocks = await _answers(f, samples, sampler, silent)
    else:
        blocks = f.session.blocks(samples, len(f), run, unit="evaluations", silent=silent)
    gathered = Gathered(samples * len(f))
    for rows, value in blocks:
        gathered.add(rows, (value if value.ndim else value.reshape(1),))
    (values,) = gathered.tensors
    f.session.observed.output = tuple(values.shape[1:])
    return by_place(gathered, samples)


async def _answers(f: ModelFunction, samples: int, sampler: PointSampler, silent: bool) -> list[tuple[int, Tensor]]:
    """The rows and values of every block, of a model that answers later: all is asked before it answers."""
    session, evaluator = f.session, f.evaluator
    looks: list[tuple[Company, Future[object], Tensor]] = []

    def ask(sample_range: slice, point_range: slice) -> tuple[Tensor, Future[object]]:
        points = Points(sampler(sample_range, point_range), repeated(f.examples, sample_range, point_range))
        company = None if looks else Company.of(session, evaluator.way, points.examples, lambda: f.points)
        answer = evaluator.ask(points)
        if company is not None and company.can_tell(points.examples):
            others = company.others(points)
            looks.append((company, evaluator.ask(others), others.examples))
        return points.examples, answer

    asked = list(session.blocks(samples, len(f), ask, unit="evaluations", silent=silent))
    await Arrival([*(answer for _, answer in asked), *(answer for _, answer, _ in looks)])
    try:
        blocks = [(examples, evaluator.answered(answer, examples)) for examples, answer in asked]
        for company, answer, beside in looks:
            first = next(value for examples, value in blocks if session.holds_others(examples))
            company.told(company.alike(first, evaluator.answered(answer, beside)))
    except BatchCollapsed as collapsed:
        session.whole_batch = True  # once more, a forward for each sample
        return collapsed.settle(await _answers(f, samples, sampler, silent))
    return [(len(examples), value) for examples, value in blocks]


async def averages(f: ModelFunction, cases: int, fill: Fill, there: There, *, silent: bool = False) -> Tensor:
    """What is explained where only some elements are there, on average over what fills the others.

    Args:
        f: The function.
        cases: How many there are.
        fill: What takes the place of what is absent.
        there: Which elements are there in each case.
        silent: Whether no progress bar counts this.

    Returns:
        Values [m, cases]; see [outcomes][pellucid.core.game.outcomes].
    """
    means = []
    most = max(1, MOST_AVERAGED // fill.count)
    for first in range(0, cases, most):
        count = min(most, cases - first)

        def some(part: slice, places: slice, first: int = first) -> Tensors:
            return there(slice(first + part.start, first + part.stop), places)

        values = await outcomes(f, count * fill.count, fill.points(f.x, some), silent=silent)
        (narrow,) = floating((values,))
        means.append(widened(narrow).view(len(values), count, fill.count).mean(2).to(narrow.dtype))
    return torch.cat(means, dim=1)


async def filled_outcomes(f: ModelFunction, cases: int, fill: Fill, there: There) -> Tensor:
    """The same, whether one row fills what is absent or many do."""
    if fill.count > 1:
        return await averages(f, cases, fill, there)
    return await outcomes(f, cases, fill.points(f.x, there))


@final
class Game:
    """The features of a function's points as players; a coalition is worth what is explained without the others.

    Features that equal what fills them, in all examples, make no difference; the others play.

    Args:
        f: The function.
        feature_mask: What is one feature; see [FeatureMask][pellucid.core.players.FeatureMask].
        baselines: What absent features are, at the source; see [Baselines][pellucid.core.baselines.Baselines].
    """

    def __init__(self, f: ModelFunction, feature_mask: FeatureMask, baselines: Baselines) -> None:
        self.f, self.fill = f, Fill.of(f, baselines)
        self.features = Features.of(f.x, feature_mask)
        self.playing = playing(self.features, f.x, self.fill)
        self._dtype = torch.get_default_dtype()

    def among(self, places: Tensor) -> Game:
        """The same game at some of the points, int64 [k], with the same who play."""
        part = copy.copy(self)
        part.f = self.f.select(places)
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
        memory = self._memory if count * len(self.playing) <= MOST_LISTED else None
        listed = None if memory is None else coalitions(slice(0, count), slice(None))
        if memory is not None and listed is not None and listed.shape[1] == 1:
            values = await self._recalled(memory, listed)
        elif self.fill.count > 1:
            values = await averages(self.f, count, self.fill, self._there(coalitions), silent=silent)
        else:
            values = await outcomes(self.f, count, self.fill.points(self.f.x, self._there(coalitions)), silent=silent)
        (self._dtype,) = (narrow.dtype for narrow in floating((values[:0],)))
        return widened(values) if floats(values) else values.double()

    def _there(self, coalitions: Coalitions) -> There:
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
        own = self.f.own is None and not self.f.session.copies and not self.f.problem.options.create_graph
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
            values = await filled_outcomes(self.f, len(new), self.fill, self._there(lambda samples, _: new[samples]))
            if all(map(torch.equal, drawn_from, random_state(device))):
                memory.remember(game, list(places), values)
            known = known | dict(zip(places, values.T, strict=True))
        return torch.stack([known[key] for key in keys], dim=1)

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
