"""Sampling until intervals are narrow enough."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, Protocol, TypeVar, final

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.examples import all_examples
from pellucid.core.problem.attributions import Attributions
from pellucid.core.tensors import Tensors, flatten_examples
from pellucid.errors import InvalidArgument, check_count, warn

INITIAL_DRAWS = 32
"""So many draws tell a standard error to about an eighth."""

MOST_SAMPLES = 2**16
"""Where sampling gives up, unless the user chooses."""

MAX_SAMPLES_PER_ROUND = 256
"""As many samples of a point are held at once where each has numbers of its own for every element."""

Z_95 = 1.96
"""How many standard errors half a 95 % interval has."""


class HasPoints(Protocol):
    """What is about points, of which some can be chosen."""

    def among(self: OfPoints, which: Tensor, /) -> OfPoints:
        """The same of some of the points, int64 [k]."""
        ...


OfPoints = TypeVar("OfPoints", bound=HasPoints)


class ToleranceSettings(Protocol):
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
class AdaptiveSampler:
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
        goal: ToleranceSettings,
        *,
        per_draw: int = 1,
        first: int | None = None,
        at_once: int | None = None,
        name: str = "n_samples",
    ) -> None:
        self._f, self._goal, self._at_once = f, goal, at_once
        self.places, self.done = all_examples(len(f)), 0
        self.still = self.places  # which of the places before these are
        self.converged: Tensor | None = None
        self.n_evaluations: Tensor | None = None
        if samples != "auto":
            self.count = check_count(name, samples)
            return
        if not goal.tolerance > 0:
            raise InvalidArgument(f"tolerance must be above zero: got {goal.tolerance}.")
        self._most = check_count("most_samples", goal.most_samples, 2 * per_draw)
        self.count = min(INITIAL_DRAWS * per_draw if first is None else first, self._most // per_draw * per_draw)
        self.converged = torch.zeros(len(f), dtype=torch.bool, device="cpu")
        self.n_evaluations = torch.zeros(len(f), dtype=torch.int64, device="cpu")

    @property
    def everyone(self) -> bool:
        """Whether nobody is done yet."""
        return len(self.places) == len(self._f)

    def at(self, which: slice) -> slice | Tensor:
        """Some of the places as places of the whole pathway."""
        return which if self.everyone else self.places[which]

    @property
    def numbers(self) -> slice:
        """The numbers of the samples that are next."""
        return slice(self.done, self.done + self.count)

    def global_range(self, samples: slice) -> slice:
        """The numbers of these of the samples that are next."""
        return slice(self.done + samples.start, self.done + samples.stop)

    def among(self, game: OfPoints) -> OfPoints:
        """The same, such as a game, of those who are next."""
        return game if self.everyone else game.among(self.places)

    def update(self, values: Tensors, stderr: Tensors | None) -> None:
        """Take in what is known now, of all places: (B, ...) each, or (1, ...) where the batch has one value."""
        self.done += self.count
        if self.converged is None or self.n_evaluations is None:
            self.count = 0
            return
        sizes = _largest_sizes(values)
        goal = self._goal.tolerance * (sizes if self._goal.relative else torch.ones_like(sizes))
        finite = sizes.isfinite()  # nothing else becomes narrow
        widths = torch.full_like(sizes, math.inf) if stderr is None else Z_95 * _largest_sizes(stderr)
        wide = widths > goal
        apart = len(finite) == len(self._f) and not self._f.session.whole_batch
        reached, open_ = (
            each[self.places] if apart else each.all().expand(len(self.places))
            for each in (finite & ~wide, finite & wide)
        )
        self.n_evaluations[self.places], self.converged[self.places] = self.done, reached
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

    def annotate(self, result: Attributions) -> Attributions:
        """Attributions that tell how many samples they took, and whether these were enough."""
        return dataclasses.replace(result, n_evaluations=self.n_evaluations, converged=self.converged)


def _largest_sizes(numbers: Tensors) -> Tensor:
    """The largest sizes [n] of numbers (n, ...), zero where there are none; one for all where they have several n."""
    apart = len({len(each) for each in numbers}) == 1
    flat = [each.detach().abs().cpu().double() for each in numbers]
    sizes = torch.cat([flatten_examples(each) if apart else each.reshape(1, -1) for each in flat], dim=1)
    return functional.pad(sizes, (0, 1)).amax(1)
