"""Series in as many steps as can be seen, none of whose peaks is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid.plot.arrays import Array


@dataclass(frozen=True, eq=False)
class Thinned:
    """A channel in as many steps as can be seen.

    Args:
        times: Of the steps (T,).
        series: The channel there.
        values: The attributions of largest size, of each step.
        line_times: Of the line's places: twice as many where steps stand for several.
        line: The lowest and the highest number of each.
    """

    times: Array
    series: Array
    values: Array
    line_times: Array
    line: Array


def thinned(times: Array, series: Array, values: Array, most: int) -> Thinned:
    """A channel in fewer steps, none of whose peaks is lost.

    Args:
        times: (T,).
        series: (T,).
        values: (T,).
        most: How many steps there may be.
    """
    if len(times) <= most:
        return Thinned(times, series, values, times, series)
    size = math.ceil(len(times) / most)
    starts = np.arange(0, len(times), size)
    blocks = np.array_split(series, starts[1:])
    ends = [range_of(block) for block in blocks]
    middles = np.array([float(block.mean()) for block in np.array_split(times, starts[1:])])
    places = np.stack([middles, middles], axis=1).ravel()
    means = np.array([low / 2 + high / 2 for low, high in ends])
    return Thinned(middles, means, largest_of_blocks(values, starts), places, np.array(ends).ravel())


def largest_of_blocks(values: Array, starts: Array) -> Array:
    """The value of largest size of each block; NaN where none is known.

    Args:
        values: (T,).
        starts: Where blocks begin.
    """
    blocks = np.array_split(values.astype(float), starts[1:])
    return np.array([block[np.argmax(np.nan_to_num(np.abs(block), nan=-1.0))] for block in blocks])


def edges_of(times: Array) -> Array:
    """Where the surroundings of steps begin and end, (T + 1,): halfway to their neighbours."""
    if len(times) == 1:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    middles = (times[:-1] + times[1:]) / 2
    return np.concatenate([[2 * times[0] - middles[0]], middles, [2 * times[-1] - middles[-1]]])


def range_of(series: Array) -> tuple[float, float]:
    """The lowest and the highest number that is known; NaN where none is."""
    known = series[np.isfinite(series)]
    return (float(known.min()), float(known.max())) if len(known) else (math.nan, math.nan)
