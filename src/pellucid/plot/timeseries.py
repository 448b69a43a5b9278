"""Attributions of time series as plain data: lines, and the values that their surroundings or they show as colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, warn
from pellucid.plot.arrays import Array, as_array, check_name
from pellucid.plot.normalization import ScaledValues, Scaling

SeriesView: TypeAlias = Literal["overlay_individual", "overlay_combined", "colored_graph"]
"""What is drawn: each channel over the colours of its attributions, all over the colours of their sums, or each as a
line of these colours."""


@dataclass(frozen=True)
class SeriesPlot:
    """What is drawn.

    Args:
        times: Where the steps are (T,).
        series: A line for each channel, (C, T).
        colours: Values that become colours, (C, T), or (T,) where all channels are drawn together.
        view: How lines and colours are drawn.
        names: Those of the channels, or None.
    """

    times: Array
    series: Array
    colours: ScaledValues
    view: SeriesView
    names: tuple[str, ...] | None

    @property
    def edges(self) -> Array:
        """Where the surroundings of the steps begin and end, (T + 1,): halfway to their neighbours."""
        if len(self.times) == 1:
            return np.array([self.times[0] - 0.5, self.times[0] + 0.5])
        middles = (self.times[:-1] + self.times[1:]) / 2
        first, last = 2 * self.times[0] - middles[0], 2 * self.times[-1] - middles[-1]
        return np.concatenate([[first], middles, [last]])


@dataclass(frozen=True)
class SeriesAxis:
    """What the axes of a plot say.

    Args:
        times: Where the steps are; None counts them from zero.
        names: Those of the channels, or None.
        channels_last: Whether series come as (T, C), and not as (C, T).
    """

    times: object = None
    names: Sequence[object] | None = None
    channels_last: bool = True


def series_plot(
    attributions: object, series: object, view: SeriesView, scaling: Scaling, axis: SeriesAxis
) -> SeriesPlot:
    """Attributions of a time series, to be drawn.

    Args:
        attributions: One for each step and channel.
        series: What the channels were, of the same shape.
        view: What is drawn.
        scaling: How attributions become colours.
        axis: What the axes say, and how the shapes are to be read.

    Raises:
        InvalidArgument: An argument is not what it must be, or they do not fit together.
    """
    check_name("view", view, get_args(SeriesView))
    values, lines = _channels_first(attributions, series, axis.channels_last)
    times = _times(axis.times, lines.shape[1])
    names = None if axis.names is None else tuple(map(str, axis.names))
    if names is not None and len(names) != len(lines):
        raise InvalidArgument(f"names must be as many as channels, {len(lines)}: got {len(names)}.")
    return SeriesPlot(times, lines, scaling(values.sum(0) if view == "overlay_combined" else values), view, names)


def _channels_first(attributions: object, series: object, channels_last: bool) -> tuple[Array, Array]:
    values, lines = as_array("attributions", attributions), as_array("series", series)
    shape = "(steps, channels)" if channels_last else "(channels, steps)"
    for name, array in {"attributions": values, "series": lines}.items():
        if array.ndim != 2 or not array.size:
            raise InvalidArgument(f"{name} must be {shape}: got {summary(array)}.{_reshaping(name, array)}")
    if values.shape != lines.shape:
        raise InvalidArgument(f"attributions must be of the series' shape, {lines.shape}: got {values.shape}.")
    if channels_last:
        values, lines = values.T, lines.T
    channels, steps = lines.shape
    if channels > steps:
        warn(
            f"There are more channels than steps, {channels} and {steps}. "
            f"Hint: channels_last={not channels_last} reads the shape the other way."
        )
    return values, lines


def _reshaping(name: str, array: Array) -> str:
    """A hint for arrays of another number of dimensions."""
    hints = {1: f"{name}[:, None] is a series of one channel", 3: f"{name}[0] is the first example"}
    return f" Hint: {hints[array.ndim]}." if array.ndim in hints else ""


def _times(times: object, steps: int) -> Array:
    if times is None:
        return np.arange(steps)
    places = as_array("times", times)
    if places.shape != (steps,):
        raise InvalidArgument(f"times must be one for each of {steps} steps: got {summary(places)}.")
    if steps > 1 and not (np.diff(places * 1.0) > 0).all():
        raise InvalidArgument("times must increase from step to step, and they do not. Hint: sort the steps by them.")
    return places
