"""Adaptive sampling: until the confidence intervals are narrow enough."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, Protocol, TypeVar, final

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.examples import all_examples
from pellucid.core.problem.attributions import Attributions
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, flatten_examples
from pellucid.errors import InvalidArgument, warn

INITIAL_DRAWS = 32
"""Draws of the first round; a standard error from so many is known to about an eighth."""

MOST_SAMPLES = 2**16
"""The default of `max_samples`: where sampling gives up."""

MAX_SAMPLES_PER_ROUND = 256
"""The most samples per point in a round, for methods that hold a random number per element of every sample."""

Z_95 = 1.96
"""Half the width of a 95 % confidence interval, in standard errors."""


class HasPoints(Protocol):
    """Whatever holds data per point, such as a game, and can be restricted to some of the points."""

    def select(self: OfPoints, which: Tensor, /) -> OfPoints:
        """The same for the points with these indices, int64 [k]."""
        ...


OfPoints = TypeVar("OfPoints", bound=HasPoints)


class ToleranceSettings(Protocol):
    """The hyperparameters of a method that can sample adaptively."""

    @property
    def tolerance(self) -> float:
        """The half-width at which a 95 % confidence interval is narrow enough."""
        ...

    @property
    def relative(self) -> bool:
        """Whether the tolerance is a share of the example's largest attribution."""
        ...

    @property
    def max_samples(self) -> int:
        """The most samples per point."""
        ...


@final
class AdaptiveSampler:
    """Adaptive sampling: doubles the samples of the points whose 95 % confidence interval is wider than the tolerance.

        while sampler.count:
            ...  # draw sampler.count samples for each of the points sampler.active_points
            sampler.update(values, stderr)

    A fixed number of samples is taken in a single round, for all points.

    Args:
        f: The function.
        samples: The number of samples per point, or "auto": as many as each point needs.
        goal: The tolerance, and the most samples: the method itself, which has them as fields.
        per_draw: How many samples one independent draw gives: 2 for a permutation and its reverse.
        first: The samples of the first round, with "auto"; None for 32 draws.
        at_once: The most samples per point in a later round.
        name: What users call the number of samples, for errors.

    Attributes:
        count: How many samples per point come next; 0 when sampling is over.
        done: How many samples the points of this round have already.
        active_points: The indices of the points that are sampled next, int64 [k].
        positions_in_last_round: Their positions in the `active_points` of the round before, int64 [k].
        converged: Which points are narrow enough, bool [n]; None for a fixed number of samples.
        n_evaluations: How many samples each point has taken, int64 [n]; None likewise.
        rounds: How many samples a point had taken after each round, and the widest half of an interval then.

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
        self.active_points, self.done = all_examples(len(f)), 0
        self.positions_in_last_round = self.active_points
        self.converged: Tensor | None = None
        self.n_evaluations: Tensor | None = None
        self.rounds: tuple[tuple[int, float], ...] = ()
        if samples != "auto":
            self.count = check_count(name, samples)
            return
        if not goal.tolerance > 0:
            raise InvalidArgument(f"tolerance must be above zero: got {goal.tolerance}.")
        self._most = check_count("max_samples", goal.max_samples, 2 * per_draw)
        self.count = min(INITIAL_DRAWS * per_draw if first is None else first, self._most // per_draw * per_draw)
        self.converged = torch.zeros(len(f), dtype=torch.bool, device="cpu")
        self.n_evaluations = torch.zeros(len(f), dtype=torch.int64, device="cpu")

    @property
    def all_active(self) -> bool:
        """Whether all points are still being sampled."""
        return len(self.active_points) == len(self._f)

    def point_indices(self, which: slice) -> slice | Tensor:
        """A slice of the points that are sampled next, as indices of the function's points."""
        return which if self.all_active else self.active_points[which]

    @property
    def sample_range(self) -> slice:
        """The range of samples that comes next."""
        return slice(self.done, self.done + self.count)

    def global_range(self, samples: slice) -> slice:
        """A range within the samples that come next, as a range of all samples."""
        return slice(self.done + samples.start, self.done + samples.stop)

    def select_active(self, game: OfPoints) -> OfPoints:
        """A game, for example, restricted to the points that are sampled next."""
        return game if self.all_active else game.select(self.active_points)

    def update(self, values: Tensors, stderr: Tensors | None) -> None:
        """Choose the points of the next round, given the estimates for all points so far.

        Args:
            values: The estimates, (n, ...) each; (1, ...) where the model returns one value for the batch.
            stderr: Their standard errors; None while these are unknown, which counts as infinite.
        """
        self.done += self.count
        if self.converged is None or self.n_evaluations is None:
            self.count = 0
            return
        sizes = _largest_sizes(values)
        goal = self._goal.tolerance * (sizes if self._goal.relative else torch.ones_like(sizes))
        widths = torch.full_like(sizes, math.inf) if stderr is None else Z_95 * _largest_sizes(stderr)
        self.rounds += ((self.done, float(widths.amax())),)
        if len(sizes) == len(self._f):
            sizes, goal, widths = sizes[self.active_points], goal[self.active_points], widths[self.active_points]
        # The interval of an estimate that is not finite never narrows, nor does one that is NaN itself.
        can_narrow, wide = sizes.isfinite() & ~widths.isnan(), widths > goal
        self.n_evaluations[self.active_points], self.converged[self.active_points] = self.done, can_narrow & ~wide
        unfinished = can_narrow & wide
        too_wide = unfinished.expand(len(self.active_points))
        # A batch that cannot be divided goes on as long as any of its examples has to.
        goes_on = unfinished.any().expand(len(self.active_points)) if self._f.session.whole_batch else too_wide
        rows = self._f.examples[self.active_points[too_wide]].tolist()
        self.positions_in_last_round = goes_on.nonzero().flatten()
        self.active_points = self.active_points[self.positions_in_last_round]
        self.count = min(self.done, self._at_once or self.done) if len(self.positions_in_last_round) else 0
        if self.done + self.count > self._most and self.count:
            warn(
                f"tolerance is not reached in {self.done} samples for examples {summary(rows)}: the widest interval is "
                f"{float(widths[unfinished].max()):.2g} to either side. "
                "Hint: a larger tolerance, or relative=True, or more as max_samples."
            )
            self.count = 0

    def annotate(self, result: Attributions) -> Attributions:
        """Attributions with `n_evaluations`, `converged` and `rounds`."""
        return dataclasses.replace(
            result, n_evaluations=self.n_evaluations, converged=self.converged, rounds=self.rounds
        )


def _largest_sizes(values: Tensors) -> Tensor:
    """The largest absolute value per row of values (n, ...), float64 [n]; [1] where the tensors differ in n."""
    per_row = len({len(tensor) for tensor in values}) == 1
    sizes = [tensor.detach().abs().cpu().double() for tensor in values]
    rows = torch.cat([flatten_examples(tensor) if per_row else tensor.reshape(1, -1) for tensor in sizes], dim=1)
    return functional.pad(rows, (0, 1)).amax(1)  # zero where there are no values
