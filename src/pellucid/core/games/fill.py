"""What replaces absent elements of the points: a baseline, or the rows of a background."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.evaluation.coalition_memory import digest
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import PointSampler
from pellucid.core.problem.baselines import Background, Baselines, given_baselines, resolve_baselines
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, unwrap_single

PresentElements: TypeAlias = Callable[[slice, slice], Tensors]
"""Masks of present elements: (coalition range, point range) -> bool (k, 1 or n, ...), for k coalitions of n points."""


@final
@dataclass(frozen=True, eq=False)
class Fill(Summarized):
    """An imputer of values: of a single baseline, or of each row of a background in turn.

    Args:
        rows: R rows of values, (R, 1 or n, ...) for points (n, ...).
    """

    rows: Tensors

    @classmethod
    def of(cls, f: ModelFunction, baselines: Baselines) -> Fill:
        """The fill for a function's own points.

        Args:
            f: The function.
            baselines: See [Baselines][pellucid.methods.Baselines]; at the source.

        Raises:
            InvalidArgument: They do not fit the points.
        """
        baselines, batch_size = given_baselines(baselines, unwrap_single(f.x)), f.problem.batch_size
        examples = f.session.other_rows(f.examples)
        if isinstance(baselines, Background):
            return cls(baselines.rows_like(f.x, examples, batch_size))
        resolved = resolve_baselines(baselines, f.x, examples, batch_size, fills=True)
        return cls(tuple(tensor.detach().unsqueeze(0) for tensor in resolved))

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.rows[0])

    @property
    def key(self) -> Hashable:
        """The values."""
        return digest(self.rows)

    @property
    def baseline(self) -> Tensors:
        """The single row where there is no background, (n, ...) each."""
        return tuple(rows[0] for rows in self.rows)

    def select(self, which: Tensor) -> Fill:
        """The same for the points with these indices, int64 [k]."""
        return Fill(self._at(which))

    def changed_elements(self, x: Tensors) -> Tensors:
        """Which elements of the points any of the rows changes, bool (n, ...)."""
        return tuple((tensor != rows[0]) | (rows != rows[:1]).any(0) for tensor, rows in zip(x, self.rows, strict=True))

    def _at(self, which: slice | Tensor) -> Tensors:
        return tuple(rows if rows.shape[1] == 1 else rows[:, which] for rows in self.rows)

    def points(self, x: Tensors, present_elements: PresentElements) -> PointSampler:
        """The points of coalitions: sample c * R + r is coalition c, whose absent elements are filled by row r of R.

        Args:
            x: The points, (n, ...) each.
            present_elements: The masks of present elements of a range of coalitions.
        """
        count = self.count

        def filled_points(samples: slice, point_range: slice) -> Tensors:
            first_coalition = samples.start // count
            masks = present_elements(slice(first_coalition, -(-samples.stop // count)), point_range)
            start, stop = samples.start - first_coalition * count, samples.stop - first_coalition * count
            # Samples come in up to three runs: the end of a coalition, whole coalitions, the beginning of another.
            whole_coalitions = min(-(-start // count) * count, stop), max(stop // count * count, start)
            runs = list(pairwise(sorted({start, *whole_coalitions, stop})))
            filled = [
                [_fill_absent(mask, tensor, rows, run, count) for run in runs]
                for mask, tensor, rows in zip(
                    masks, (tensor[point_range] for tensor in x), self._at(point_range), strict=True
                )
            ]
            return tuple(points[0] if len(points) == 1 else torch.cat(points) for points in filled)

        return filled_points


def _fill_absent(mask: Tensor, x: Tensor, rows: Tensor, sample_range: tuple[int, int], count: int) -> Tensor:
    """The points ((stop - start) * n, ...) of a run of samples; see `Fill.points`."""
    start, stop = sample_range
    present = mask[start // count : -(-stop // count)].unsqueeze(1)
    return torch.where(present, x, rows[start % count : (stop - 1) % count + 1]).flatten(0, 2)
