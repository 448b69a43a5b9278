"""Time series, a panel for each channel, with what is attributed to their steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from pellucid.plot.arrays import Array
from pellucid.plot.axis import Axis, number_text, signed_number
from pellucid.plot.charts.base import NOTE, Body, Chart, paragraph
from pellucid.plot.charts.characters import cell_of, legend_of_cells
from pellucid.plot.charts.legends import colour_legend
from pellucid.plot.charts.thinning import Thinned, edges_of, largest_of_blocks, range_of, thinned
from pellucid.plot.charts.ticks import ticks_below, ticks_beside, widest_tick
from pellucid.plot.colours import read
from pellucid.plot.raster import blended, hatched, opaque
from pellucid.plot.scale import Scale
from pellucid.plot.scene import Dot, Line, Mark, Pixels, Rectangle, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.theme import Theme

PanelView: TypeAlias = Literal["overlay", "coloured", "bars"]
"""How attributions are shown: as the colours behind the line of a channel, as the colours of the line, or as bars below
it."""

HIGH, LOW, FEW = 76.0, 56.0, 4
"""How high panels are where they are few, how high where they are more than that, and how many are few."""

BARS_HIGH, INSET, NOTCH = 52.0, 11.0, 4.0
"""How high bars are, what is left free above and below them, and how long the lines at numbers are."""

LINES = "▁▂▃▄▅▆▇█"
OPACITY = 0.75

LABELS = 9
"""How many characters the labels of rows in terminals take."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SeriesPanels(Chart):
    """Channels of a time series, one below another.

    Args:
        names: Of the channels, [C].
        times: Where the steps are, [T], in increasing order.
        series: What the channels were, (C, T); NaN where that is not known.
        values: What is attributed to each step, (C, T).
        scale: What colours stand for.
        view: How attributions are shown.
        legend: What there is to say of the colours.
        unit: What times are.
    """

    names: tuple[str, ...]
    times: tuple[float, ...]
    series: Array
    values: Array
    scale: Scale
    view: PanelView = "overlay"
    legend: str = ""
    unit: str = "step"

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        sizes = np.nansum(np.abs(self.values), axis=1)
        order = np.argsort(-sizes, kind="stable")[:3]
        listed = ", ".join(f"{self.names[index]} {number_text(float(sizes[index]))}" for index in order)
        count, steps = len(self.names), len(self.times)
        return (
            f"{self.title or 'Time series'}: {count} channel{'s' * (count != 1)} of {steps} "
            f"step{'s' * (steps != 1)}; the largest sums of sizes are those of {listed}."
        )

    def body(self, sheet: Sheet, top: float) -> Body:
        """The panels, the axis below them, and the legend."""
        return self._characters(sheet, top) if sheet.is_grid else self._panels(sheet, top)

    def _panels(self, sheet: Sheet, top: float) -> Body:
        high = HIGH if len(self.names) <= FEW else LOW
        axes = [_axis_of(series, 0.0, high) for series in self.series]
        ticks = [tick for axis in axes for tick in axis.tick_texts(4)]
        ticks += [(end, signed_number(end, end)) for end in [-self._largest] if self._has_bars]
        left = sheet.gap + widest_tick(tuple(ticks), sheet)
        right = sheet.width - sheet.gap
        across = Axis.over(*self._ends, left, right)
        marks: list[Mark] = []
        for channel, name in enumerate(self.names):
            for line in sheet.lines_of(name, right - left, bold=True):
                marks.append(Text(x=left, y=top + sheet.line / 2, text=line, colour=sheet.theme.text, bold=True))
                top += sheet.line
            thin = thinned(np.array(self.times), self.series[channel], self.values[channel], int(right - left))
            up = Axis(axes[channel].low, axes[channel].high, top + high, top)
            if np.isfinite(self.series[channel]).any():
                marks += self._panel(thin, across, up, sheet)
                top += high
            if self.view == "bars" or not np.isfinite(self.series[channel]).any():
                marks += self._bars(thin, across, top, sheet)
                top += BARS_HIGH
            top += sheet.gap
        marks.append(Line(places=((left, top - sheet.gap), (right, top - sheet.gap)), colour=sheet.theme.text))
        within = (self.times[0], self.times[-1])
        times, top = ticks_below(across, top - sheet.gap, top - sheet.gap + NOTCH, sheet, self.unit, within=within)
        marks += times
        top += sheet.gap / 2
        place = (sheet.gap, sheet.width - 2 * sheet.gap)
        if self.view == "bars":
            legend = paragraph(self.legend, sheet, top, NOTE)
        else:
            is_hatched = self.view == "overlay"
            legend = colour_legend(self.scale, self.legend, sheet, top, place, is_hatched=is_hatched)
        return Body((*marks, *legend.marks), legend.bottom)

    @property
    def _ends(self) -> tuple[float, float]:
        """Where the surroundings of the first step begin, and where those of the last end."""
        edges = edges_of(np.array(self.times))
        return float(edges[0]), float(edges[-1])

    @property
    def _has_bars(self) -> bool:
        """Whether there are bars: by choice, or where a channel is not known."""
        return self.view == "bars" or not all(np.isfinite(series).any() for series in self.series)

    @property
    def _largest(self) -> float:
        """The size of the largest attribution; that of the scale where that is larger."""
        known = np.abs(self.values[np.isfinite(self.values)])
        return max(self.scale.largest, float(known.max(initial=0.0))) or 1.0

    def _panel(self, thin: Thinned, across: Axis, up: Axis, sheet: Sheet) -> list[Mark]:
        """A channel, and what is behind it."""
        theme, marks = sheet.theme, list[Mark]()
        left, width, top, high = across.first, across.last - across.first, up.last, up.first - up.last
        if self.view == "overlay":
            levels = self._surroundings(thin, across, high, theme)
            label = "Colours of attributions"
            marks.append(Pixels(x=left, y=top, width=width, height=high, levels=levels, label=label))
        else:
            marks.append(Line(places=((left, up.first), (across.last, up.first)), colour=theme.faint))
        marks += ticks_beside(up, up.tick_texts(4), left - NOTCH, left, sheet)
        places = [(across(time), up(number)) for time, number in zip(thin.line_times, thin.line, strict=True)]
        if self.view == "coloured":
            return marks + self._coloured_line(thin, across, up, theme)
        for run in _runs(places):
            # A rim lets the line be seen on all colours.
            marks += _line(run, theme.background, 4.0) + _line(run, theme.text, 1.6)
        return marks

    def _surroundings(self, thin: Thinned, across: Axis, high: float, theme: Theme) -> Array:
        """The colours of steps from one end of a panel to the other."""
        columns = max(1, round(across.last - across.first))
        places = across.low + (np.arange(columns) + 0.5) / columns * (across.high - across.low)
        steps = np.clip(np.searchsorted(edges_of(thin.times), places) - 1, 0, len(thin.times) - 1)
        shares = np.repeat(self.scale.shares(thin.values[steps])[None], round(high), axis=0)
        below = read(theme.background)
        colours = self.scale.levels(shares, theme).astype(float)
        pixels = opaque(
            hatched(
                blended(np.broadcast_to(below, colours.shape), colours, np.full(shares.shape, OPACITY)),
                self.scale.is_against(shares),
                columns,
            )
        )
        pixels[~np.isfinite(shares)] = 0
        return pixels

    def _coloured_line(self, thin: Thinned, across: Axis, up: Axis, theme: Theme) -> list[Mark]:
        """A line that has the colour of each step from halfway before to halfway after it."""
        marks: list[Mark] = []
        shares = self.scale.shares(thin.values)
        whole = [(across(time), up(number)) for time, number in zip(thin.times, thin.series, strict=True)]
        for run in _runs(whole):
            marks += _line(run, theme.neutral, 6.0)
        for index, (x, y) in enumerate(whole):
            if not (math.isfinite(y) and math.isfinite(shares[index])):
                continue
            around = [_halfway(whole, index, -1), (x, y), _halfway(whole, index, 1)]
            tip = f"{number_text(float(thin.times[index]))}: {signed_number(float(thin.values[index]))}"
            fill = self.scale.colour(float(shares[index]), theme)
            marks.append(Line(places=tuple(around), colour=fill, width=4.0, tip=tip))
        against = np.where(self.scale.is_against(shares), 1.0, np.nan)
        for run in _runs([(x, y * against[index]) for index, (x, y) in enumerate(whole)]):
            if len(run) > 1:
                marks.append(Line(places=tuple(run), colour=theme.text, width=1.4, dashed=True))
        return marks

    def _bars(self, thin: Thinned, across: Axis, top: float, sheet: Sheet) -> list[Mark]:
        """Attributions as bars from a line of zeros on."""
        theme, reach = sheet.theme, self._largest
        is_below = bool((thin.values[np.isfinite(thin.values)] < 0).any())
        up = Axis(-reach if is_below else 0.0, reach, top + BARS_HIGH - INSET, top + INSET)
        ticks = tuple((end, signed_number(end, reach)) for end in ((reach, -reach) if is_below else (reach,)))
        marks: list[Mark] = [*ticks_beside(up, ticks, across.first - NOTCH, across.first, sheet)]
        marks.append(Line(places=((across.first, up(0)), (across.last, up(0))), colour=theme.text))
        edges = edges_of(thin.times)
        for index, value in enumerate(thin.values):
            if not math.isfinite(value) or value == 0:
                continue
            start, stop = across(float(edges[index])), across(float(edges[index + 1]))
            y, zero = up(float(value)), up(0)
            tip = f"{number_text(float(thin.times[index]))}: {signed_number(float(value))}"
            marks.append(
                Rectangle(
                    x=start,
                    y=min(y, zero),
                    width=max(0.5, (stop - start) * 0.85),
                    height=abs(y - zero),
                    fill=theme.by_sign(float(value)),
                    tip=tip,
                )
            )
        return marks

    def _characters(self, sheet: Sheet, top: float) -> Body:
        """Each channel as a row of blocks, and rows of what speaks for and against, where there is any."""
        columns = max(1, min(len(self.times), int(sheet.width) - LABELS))
        starts = np.floor(np.arange(columns) * len(self.times) / columns).astype(int)
        theme, marks = sheet.theme, list[Mark]()
        for channel, name in enumerate(self.names):
            low, high = range_of(self.series[channel])
            extent = f" ({number_text(low)} to {number_text(high)})" if math.isfinite(low) else ""
            for line in sheet.lines_of(f"{name}{extent}", sheet.width):
                marks.append(Text(x=0, y=top + 0.5, text=line, colour=theme.text))
                top += 1
            shares = self.scale.shares(largest_of_blocks(self.values[channel], starts))
            rows = [("series", _blocks(self.series[channel], starts, low, high), 0.0)]
            rows += [
                (label, "".join(cell_of(share)[1] if share * sign > 0 else " " for share in shares), sign)
                for label, sign in (("adds +", 1.0), ("takes -", -1.0))
            ]
            for label, text, sign in rows:
                if not text.strip():
                    continue
                tinted = {"colour": theme.by_sign(sign) if sign else theme.text, "tinted": bool(sign)}
                marks.append(Text(x=0, y=top + 0.5, text=label, colour=theme.text))
                marks.append(Text(x=LABELS, y=top + 0.5, text=text, **tinted))  # type: ignore[arg-type]  # as it says
                top += 1
            top += 1
        first, last = number_text(self.times[0]), number_text(self.times[-1])
        words = f"{self.unit.capitalize()}s {first} to {last}. {legend_of_cells(self.scale)}."
        legend = paragraph(words, sheet, top, NOTE)
        return Body((*marks, *legend.marks), legend.bottom)


def _axis_of(series: Array, first: float, last: float) -> Axis:
    low, high = range_of(series)
    return Axis.over(*((0.0, 1.0) if math.isnan(low) else (low, high)), first, last, margin=0.08)


def _runs(places: list[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """Places that follow each other without a gap."""
    run: list[tuple[float, float]] = []
    for place in places:
        if math.isfinite(place[1]):
            run.append(place)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _line(run: list[tuple[float, float]], colour: str, width: float) -> list[Mark]:
    """A line; of a place alone, a dot."""
    if len(run) == 1:
        return [Dot(x=run[0][0], y=run[0][1], radius=1.5 * width, fill=colour)]
    return [Line(places=tuple(run), colour=colour, width=width)]


def _halfway(places: list[tuple[float, float]], index: int, side: int) -> tuple[float, float]:
    """The place halfway to a neighbour; the place itself where there is none, or one a little off at the ends."""
    x, y = places[index]
    other = index + side
    if not 0 <= other < len(places) or not math.isfinite(places[other][1]):
        return x + 0.5 * side, y
    return (x + places[other][0]) / 2, (y + places[other][1]) / 2


def _blocks(series: Array, starts: Array, low: float, high: float) -> str:
    """A row of blocks, as high as the means of the steps that each stands for."""
    text = ""
    for block in np.array_split(series, starts[1:]):
        known = block[np.isfinite(block)]
        share = (float(known.mean()) - low) / ((high - low) or 1.0) if len(known) else math.nan
        text += LINES[round(share * (len(LINES) - 1))] if math.isfinite(share) else " "
    return text
