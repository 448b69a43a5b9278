"""Charts of explained time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, get_args

import numpy as np

from pellucid.core.counts import check_count
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, OutOfRange
from pellucid.plot.arrays import Array, check_name
from pellucid.plot.charts.series_panels import PanelView, SeriesPanels
from pellucid.plot.explained import Explained, ExplainedInput, input_of_kind
from pellucid.plot.headlines import (
    check_examples,
    left_over,
    missing_note,
    note_of,
    said_of_unit,
    title_of,
    zero_note,
)
from pellucid.plot.scale import Scale

MOST_CHANNELS = 8

Channels: TypeAlias = Sequence[int | str] | None
"""Which channels are drawn, by their numbers or names; None for those that most is attributed to."""


def timeseries(
    explanation: Explained, *, example: int = 0, channels: Channels = None, view: PanelView = "overlay"
) -> SeriesPanels:
    """A time series, a panel for each channel, with what is attributed to its steps.

    Args:
        explanation: Its first input that is a series is drawn: attributions (B, T, C), or (B, T) of one channel.
        example: Which of the examples.
        channels: Which channels, by number or name; None for all, or for the 8 that most is attributed to.
        view: How attributions are shown; see [PanelView][pellucid.plot.PanelView].

    Raises:
        UnknownName: There is no such view.
        OutOfRange: There is no such example, or no such channel.
        InvalidArgument: No input is a series, or it has no steps.
    """
    check_name("view", view, get_args(PanelView))
    check_examples(explanation, "timeseries")
    part = input_of_kind(explanation, "series", "timeseries")
    index = _example(example, len(explanation))
    values, series = _channels_first(part, index)
    names = _names(explanation, len(values))
    chosen = _strongest(values) if channels is None else _chosen(channels, names)
    scale = Scale.over([values[chosen]])
    signed = {"overlay": "Hatched: negative.", "coloured": "Dashed: negative.", "bars": "Bars down: negative."}[view]
    return SeriesPanels(
        title=title_of(explanation, "what each step adds", index),
        names=tuple(names[channel] for channel in chosen),
        times=tuple(map(float, range(values.shape[1]))),
        series=series[chosen],
        values=values[chosen],
        scale=scale,
        view=view,
        legend=note_of(said_of_unit(explanation), signed),
        note=note_of(
            left_over(len(values), len(chosen), "channels, of less attribution,") if channels is None else "",
            "" if part.inputs is not None else "The series was not kept: its attributions alone are drawn.",
            missing_note([values[chosen]]),
            zero_note(scale),
        ),
    )


def _example(example: int, count: int) -> int:
    number = check_count("example", example, least=0)
    if number >= count:
        raise OutOfRange(f"example must be from 0 to {count - 1}: got {number}. Hint: plot.timeseries(example=0).")
    return number


def _channels_first(part: ExplainedInput, example: int) -> tuple[Array, Array]:
    """Attributions and the series of an example, (C, T)."""
    values = np.asarray(part.values[example], dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.size:
        raise InvalidArgument(
            f"explanation must be of series, (B, T, C) or (B, T): got attributions {summary(part.values)}. "
            "Hint: plot.bar()."
        )
    if part.inputs is None:
        return values.T, np.full(values.T.shape, np.nan)
    series = np.asarray(part.inputs[example], dtype=float).reshape(values.shape)
    return values.T, series.T


FIRST_STEP = "step 0, "
"""What the names of the elements of the first step begin with, and the channels follow."""


def _names(explanation: Explained, count: int) -> tuple[str, ...]:
    """The names of the channels: those of features, where these are channels or elements of their steps."""
    names = explanation.features.names
    if len(names) == count:
        return names
    if all(name.startswith(FIRST_STEP) for name in names[:count]):
        return tuple(name.removeprefix(FIRST_STEP) for name in names[:count])
    return tuple(f"channel {number}" for number in range(count))


def _strongest(values: Array) -> list[int]:
    """The channels that most is attributed to, in their order."""
    sizes = np.nansum(np.abs(values), axis=1)
    return sorted(int(channel) for channel in np.argsort(-sizes, kind="stable")[:MOST_CHANNELS])


def _chosen(channels: Sequence[int | str], names: tuple[str, ...]) -> list[int]:
    known: dict[object, int] = dict(zip(names, range(len(names)), strict=True))
    known |= {number: number for number in range(len(names))}
    if isinstance(channels, str | int) or not len(channels):
        raise InvalidArgument(f"channels must be a list of names or numbers: got {summary(channels)}. Hint: [0].")
    unknown = [channel for channel in channels if channel not in known]
    if unknown:
        raise OutOfRange(
            f"channels must be from 0 to {len(names) - 1}, or of {summary(names)}: got {summary(unknown[0])}. "
            "Hint: plot.timeseries(channels=[0])."
        )
    return [known[channel] for channel in channels]
