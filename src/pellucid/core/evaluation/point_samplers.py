"""Where sweeps go: along lines, to points that are there already, or that are drawn as they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.sweep import PointSampler
from pellucid.core.tensors import Tensors, lerp


def straight_line(start: Tensors, end: Tensors, nodes: Tensor) -> PointSampler:
    """Where to go along the lines from `start` to `end`, (places, ...) each: to the nodes [samples] in [0, 1]."""

    def between(samples: slice, point_range: slice) -> Tensors:
        starts, ends = (tuple(each[None, point_range] for each in points) for points in (start, end))
        return lerp(starts, ends, nodes[samples])

    return between


def select_block(points: Tensors, samples: slice, point_range: slice) -> Tensors:
    """These samples of these places, (k, n, ...), of points (point_range, samples, ...)."""
    return tuple(each[point_range, samples].transpose(0, 1) for each in points)


def precomputed_points(points: Tensors) -> PointSampler:
    """Where to go when the points are there already: (places, samples, ...)."""
    return lambda samples, places: tuple(each.flatten(0, 1) for each in select_block(points, samples, places))


@final
class DrawnInTurn:
    """Where to go when points are drawn as a sweep comes to them: no more of them are held than a block needs.

    Args:
        draw: So many more samples of every place, (places, samples, ...).
    """

    def __init__(self, draw: Callable[[int], Tensors]) -> None:
        self._draw = draw
        self._held: Tensors = ()
        self._start = self._stop = 0

    def __call__(self, samples: slice, point_range: slice) -> Tensors:
        """PointSampler of a block; a block that did not fit comes again in parts, and finds what was drawn for it."""
        if samples.start >= self._stop:
            self._start, self._held = samples.start, ()  # let go of before others are drawn
        if samples.stop > self._stop:
            drawn = self._draw(samples.stop - self._stop)
            rest = tuple(each[:, samples.start - self._start :] for each in self._held)
            self._held = tuple(torch.cat(both, 1) for both in zip(rest, drawn, strict=True)) if rest else drawn
            self._start, self._stop = samples.start, samples.stop
        return precomputed_points(self._held)(
            slice(samples.start - self._start, samples.stop - self._start), point_range
        )
