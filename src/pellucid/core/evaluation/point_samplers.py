"""Point samplers of sweeps: points on lines, points computed before, points drawn as they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.sweep import PointSampler
from pellucid.core.tensors import Tensors, lerp


def straight_line(start: Tensors, end: Tensors, nodes: Tensor) -> PointSampler:
    """Samples on the straight lines from `start` to `end`, (points, ...) each: at the nodes [samples] in [0, 1]."""

    def points_on_lines(samples: slice, point_range: slice) -> Tensors:
        starts, ends = (tuple(tensor[None, point_range] for tensor in points) for points in (start, end))
        return lerp(starts, ends, nodes[samples])

    return points_on_lines


def select_block(points: Tensors, samples: slice, point_range: slice) -> Tensors:
    """A block (k, n, ...), k samples of n points, out of tensors (points, samples, ...)."""
    return tuple(tensor[point_range, samples].transpose(0, 1) for tensor in points)


def precomputed_points(points: Tensors) -> PointSampler:
    """Samples that have been computed before, (points, samples, ...) each."""
    return lambda samples, point_range: tuple(
        block.flatten(0, 1) for block in select_block(points, samples, point_range)
    )


@final
class DrawnOnDemand:
    """Samples that are drawn as the sweep comes to them, so that no more are held than a block needs.

    Args:
        draw: Given a number of samples, draws as many more for every point, (points, samples, ...) each.
    """

    def __init__(self, draw: Callable[[int], Tensors]) -> None:
        self._draw = draw
        self._held: Tensors = ()
        self._start = self._stop = 0

    def __call__(self, samples: slice, point_range: slice) -> Tensors:
        """The points of a block; a block that did not fit into memory comes again in parts, which reuse its draws."""
        if samples.start >= self._stop:
            self._start, self._held = samples.start, ()  # freed before more are drawn
        if samples.stop > self._stop:
            drawn = self._draw(samples.stop - self._stop)
            unused = tuple(tensor[:, samples.start - self._start :] for tensor in self._held)
            self._held = tuple(torch.cat(pair, 1) for pair in zip(unused, drawn, strict=True)) if unused else drawn
            self._start, self._stop = samples.start, samples.stop
        return precomputed_points(self._held)(
            slice(samples.start - self._start, samples.stop - self._start), point_range
        )
