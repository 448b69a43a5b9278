"""Sampling that goes on, example by example, until what is found is as exact as wanted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, final

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.attributions import Attributions
from pellucid.core.game import Game
from pellucid.core.model_function import ModelFunction
from pellucid.core.moments import Moments
from pellucid.core.rows import everyone
from pellucid.core.tensors import Tensors, in_rows
from pellucid.errors import InvalidArgument, check_count, warn
from pellucid.methods.coalitions import added_along, attributions, outputs_of
from pellucid.methods.surrogate import by_game, games_of

FIRST_DRAWS = 32
"""So many draws tell a standard error to about an eighth."""

MOST_SAMPLES = 2**16
"""Where sampling gives up, unless the user chooses."""

FEW_AT_ONCE = 256
"""As many samples of a point are held at once where each has numbers of its own for every element."""

DEVIATIONS = 1.96
"""How many standard errors half a 95 % interval has."""


class Tolerant(Protocol):
    """The parameters of a method that may sample until it is exact enough."""

    @property
    def tolerance(self) -> float:
        """Half the width of a 95 % interval that is narrow enough."""
        ...

    @property
    def relative(self) -> bool:
        """Whether this is a share of the example's largest attribution."""
        ...

    @property
    def most_samples(self) -> int:
        """Where sampling gives up."""
        ...


@final
class Narrowing:
    """Who is sampled next, and how often: every time as many samples again as so far, of those who are not done.

        while narrowing.count:
            ...  # take the samples, of the points at narrowing.places
            narrowing.saw(values, stderr)

    A given number of samples is taken at once, of everyone.

    Args:
        f: The function.
        samples: How many samples, or "auto": as many as each example needs.
        goal: How many those are.
        each: How many samples come of one independent draw.
        first: The first samples, with "auto"; None is 32 draws.
        at_once: The most samples of a point that are taken before the next look.
        name: What users call the samples.

    Raises:
        InvalidArgument: The number of samples is below one, or the tolerance not above zero.
    """

    def __init__(
        self,
        f: ModelFunction,
        samples: int | Literal["auto"],
        goal: Tolerant,
        *,
        each: int = 1,
        first: int | None = None,
        at_once: int | None = None,
        name: str = "n_samples",
    ) -> None:
        self._f, self._goal, self._at_once = f, goal, at_once
        self.places, self.done = everyone(len(f)), 0
        self.still = self.places  # which of the places before these are
        self.reached: Tensor | None = None
        self.evaluations: Tensor | None = None
        if samples != "auto":
            self.count = check_count(name, samples)
            return
        if not goal.tolerance > 0:
            raise InvalidArgument(f"tolerance must be above zero: got {goal.tolerance}.")
        self._most = check_count("most_samples", goal.most_samples, 2 * each)
        self.count = min(FIRST_DRAWS * each if first is None else first, self._most // each * each)
        self.reached = torch.zeros(len(f), dtype=torch.bool, device="cpu")
        self.evaluations = torch.zeros(len(f), dtype=torch.int64, device="cpu")

    @property
    def everyone(self) -> bool:
        """Whether nobody is done yet."""
        return len(self.places) == len(self._f)

    def at(self, places: slice) -> slice | Tensor:
        """Some of the places as places of the whole pathway."""
        return places if self.everyone else self.places[places]

    @property
    def numbers(self) -> slice:
        """The numbers of the samples that are next."""
        return slice(self.done, self.done + self.count)

    def numbered(self, samples: slice) -> slice:
        """The numbers of these of the samples that are next."""
        return slice(self.done + samples.start, self.done + samples.stop)

    def among(self, game: Game) -> Game:
        """The game of those who are next."""
        return game if self.everyone else game.among(self.places)

    def saw(self, values: Tensors, stderr: Tensors | None) -> None:
        """Take in what is known now, of all places: (B, ...) each, or (1, ...) where the batch has one value."""
        self.done += self.count
        if self.reached is None or self.evaluations is None:
            self.count = 0
            return
        sizes = _largest(values)
        goal = self._goal.tolerance * (sizes if self._goal.relative else torch.ones_like(sizes))
        finite = sizes.isfinite()  # nothing else becomes narrow
        widths = torch.full_like(sizes, math.inf) if stderr is None else DEVIATIONS * _largest(stderr)
        wide = widths > goal
        apart = len(finite) == len(self._f) and not self._f.session.whole_batch
        reached, open_ = (
            each[self.places] if apart else each.all().expand(len(self.places))
            for each in (finite & ~wide, finite & wide)
        )
        self.evaluations[self.places], self.reached[self.places] = self.done, reached
        self.still = open_.nonzero().flatten()
        self.places = self.places[self.still]
        self.count = min(self.done, self._at_once or self.done) if len(self.still) else 0
        if self.done + self.count > self._most and self.count:
            rows = self._f.examples[self.places].tolist()
            widest = float((widths[self.places] if apart else widths).max())
            warn(
                f"tolerance is not reached in {self.done} samples for examples {rows}: the widest interval is "
                f"{widest:.2g} to either side. Hint: a larger tolerance, or relative=True, or more as most_samples."
            )
            self.count = 0

    def told(self, found: Attributions) -> Attributions:
        """Attributions that tell how many samples they took, and whether these were enough."""
        return dataclasses.replace(found, evaluations=self.evaluations, reached=self.reached)


async def added_by_orders(game: Game, narrowing: Narrowing, draw: Callable[[int], Tensor], each: int) -> Attributions:
    """What those who play add when they join those before them, on average over sampled orders.

    Args:
        game: The game.
        narrowing: Who is next.
        draw: So many more orders of those who play, int64 [samples, playing], those of one independent draw together.
        each: How many orders these are.
    """

    async def of_draws(part: Game, samples: int) -> Tensor:
        added = await added_along(part, draw(samples))
        return added.view(len(added), added.shape[1] // each, each, added.shape[2]).mean(2)

    return narrowing.told(attributions(game, *await averaged(game, narrowing, of_draws)))


async def averaged(
    game: Game, narrowing: Narrowing, sample: Callable[[Game, int], Awaitable[Tensor]]
) -> tuple[Tensor, Tensor | None]:
    """The mean over independent draws.

    Args:
        game: The game.
        narrowing: Who is next.
        sample: (game of those who are next, so many more samples) -> what each draw says, [m, draws, ...].

    Returns:
        Means [m, ...] and standard errors, where several draws can tell.
    """
    moments = Moments(len(game.f), orders=2)
    while narrowing.count:
        part = narrowing.among(game)
        found = await sample(part, narrowing.count)
        examples, *columns = outputs_of(part, found)
        draws = found.view(examples, math.prod(columns), *found.shape[1:]).movedim(2, 0)
        moments.add(narrowing.numbers, narrowing.at(slice(None)), (draws,))
        narrowing.saw(moments.mean, moments.stderr)
    (worth,), errors = moments.mean, moments.stderr
    return worth.flatten(0, 1), None if errors is None else errors[0].flatten(0, 1)


async def learnt(
    game: Game,
    narrowing: Narrowing,
    draw: Callable[[int], Tensor],
    learn: Callable[[Game, Tensor, Tensor], tuple[Tensor, Tensor | None]],
    columns: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """What is learnt from the values of sampled coalitions: of all samples so far, for those who are not done.

    Args:
        game: The game.
        narrowing: Who is next.
        draw: So many more coalitions, bool [k, 1 or g, columns].
        learn: (game of those who are next, coalitions [s, 1 or g, columns], outputs [g, s, K]) -> what is learnt of
            the columns, [g, columns, K], and standard errors, if they can be told.
        columns: Which columns say who plays, int64 [playing].

    Returns:
        What was learnt, [g, columns, K], and standard errors.
    """
    present = outputs = worth = stderr = torch.zeros(0, device="cpu")
    while narrowing.count:
        part, first = narrowing.among(game), not narrowing.done
        new = draw(narrowing.count)
        values = await part.values_of(new[:, :, columns])
        told = by_game(values, games_of(part.f, values))
        present = new if first else torch.cat([present, new])
        known = outputs[narrowing.still] if len(outputs) > 1 else outputs
        outputs = told if first else torch.cat([known, told], dim=1)
        found, error = learn(part, present, outputs)
        error = torch.full_like(found, torch.inf) if error is None else error
        error = torch.where(found.isnan(), found, error)
        if first:
            worth, stderr = torch.empty_like(found), torch.empty_like(error)
        at = narrowing.at(slice(None))
        worth[at], stderr[at] = found, error
        narrowing.saw((worth,), (stderr,))
    return worth, stderr if stderr.isfinite().any() else None


def _largest(numbers: Tensors) -> Tensor:
    """The largest sizes [n] of numbers (n, ...), zero where there are none; one for all where they have several n."""
    apart = len({len(each) for each in numbers}) == 1
    flat = [each.detach().abs().cpu().double() for each in numbers]
    sizes = torch.cat([in_rows(each) if apart else each.reshape(1, -1) for each in flat], dim=1)
    return functional.pad(sizes, (0, 1)).amax(1)
