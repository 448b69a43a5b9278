"""What takes the place of parts of the points that are absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import PointSampler
from pellucid.core.problem.baselines import Background, Baselines, resolve_baselines
from pellucid.core.tensors import Tensors

PresentElements: TypeAlias = Callable[[slice, slice], Tensors]
"""Which elements are there: (cases, places) -> bool (k, 1 or n, ...): k cases at n places, alike or each its own."""


@final
@dataclass(frozen=True, eq=False)
class Fill:
    """One value for each element of the points, or those of each row of a background in turn.

    Args:
        rows: (R, 1 or n, ...) for points (n, ...).
    """

    rows: Tensors

    @classmethod
    def of(cls, f: ModelFunction, baselines: Baselines) -> Fill:
        """What fills the own points of a function.

        Args:
            f: The function.
            baselines: See [Baselines][pellucid.methods.Baselines]; at the source.

        Raises:
            InvalidArgument: They do not fit.
        """
        if isinstance(baselines, Background):
            return cls(tuple(each.detach().unsqueeze(1) for each in baselines.like(f.x)))
        rows = None if f.session.is_whole_batch(f.examples) else f.examples
        one = resolve_baselines(baselines, f.x, rows, f.problem.batch_size, fills=True)
        return cls(tuple(each.detach().unsqueeze(0) for each in one))

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows[0])

    @property
    def alone(self) -> Tensors:
        """The one row where there is no background, (n, ...) each."""
        return tuple(each[0] for each in self.rows)

    def among(self, which: Tensor) -> Fill:
        """The same for some of the points, int64 [k]."""
        return Fill(self._at(which))

    def unlike(self, x: Tensors) -> Tensors:
        """Which elements of the points it ever changes, bool (n, ...)."""
        return tuple((one != rows[0]) | (rows != rows[:1]).any(0) for one, rows in zip(x, self.rows, strict=True))

    def _at(self, which: slice | Tensor) -> Tensors:
        return tuple(each if each.shape[1] == 1 else each[:, which] for each in self.rows)

    def points(self, x: Tensors, present_elements: PresentElements) -> PointSampler:
        """Where to go where only some elements are there: each case with one row after another for the others."""
        count = self.count

        def filled(samples: slice, point_range: slice) -> Tensors:
            first = samples.start // count
            masks = present_elements(slice(first, -(-samples.stop // count)), point_range)
            start, stop = samples.start - first * count, samples.stop - first * count
            # The rest of a case, whole cases and the beginning of another.
            whole = min(-(-start // count) * count, stop), max(stop // count * count, start)
            parts = list(pairwise(sorted({start, *whole, stop})))
            triples = zip(masks, (each[point_range] for each in x), self._at(point_range), strict=True)
            found = [[_fill_absent(*each, part, count) for part in parts] for each in triples]
            return tuple(each[0] if len(each) == 1 else torch.cat(each) for each in found)

        return filled


def _fill_absent(mask: Tensor, x: Tensor, rows: Tensor, sample_range: tuple[int, int], count: int) -> Tensor:
    """Points ((stop - start) * n, ...) from the first sample of a part up to the last."""
    start, stop = sample_range
    cases = mask[start // count : -(-stop // count)].unsqueeze(1)
    return torch.where(cases, x, rows[start % count : (stop - 1) % count + 1]).flatten(0, 2)
