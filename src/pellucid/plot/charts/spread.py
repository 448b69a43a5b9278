"""How values spread, a row for each name: as dots that lie beside each other, or as shapes of their density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.errors import InvalidArgument
from pellucid.plot.arrays import Array
from pellucid.plot.axis import Axis, number_text
from pellucid.plot.charts.base import Body, Chart
from pellucid.plot.charts.legends import ramp_legend
from pellucid.plot.charts.rows import labelled_rows
from pellucid.plot.charts.ticks import ticks_below
from pellucid.plot.colours import colour_of_level
from pellucid.plot.scene import Dot, Line, Mark, Polygon, Rectangle
from pellucid.plot.sheet import Sheet

RADIUS = 2.6
MOST_DOTS = 400
"""How many dots a row has at most: of more values, as many are drawn, from the least to the largest."""

HEIGHT = 1.6
"""The height of a row, as a multiple of that of a table."""

PLACES = 80
"""At how many places the density of a row is taken."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Spread(Chart):
    """A row for each name, on one axis with zero marked.

    Args:
        names: What each row is of, [N].
        values: Where they are, NaN where one is missing, [N][B].
        unit: What values are.
    """

    names: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    unit: str = ""

    def __post_init__(self) -> None:
        if len(self.names) != len(self.values):
            raise InvalidArgument(f"names and values must be as many: got {len(self.names)} and {len(self.values)}.")

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        rows = []
        for name, values in list(zip(self.names, self.values, strict=True))[:3]:
            known = _known(values)
            rows.append(
                f"{name} from {number_text(known[0])} to {number_text(known[-1])}" if len(known) else f"{name} unknown"
            )
        count = len(self.values[0]) if self.values else 0
        return f"{self.title or type(self).__name__}: {len(self.names)} rows of {count} values; {', '.join(rows)}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """A row for each name, and the axis below."""
        rows = labelled_rows(self.names, (), sheet, top, least=None if sheet.is_grid else HEIGHT * sheet.row)
        known = np.concatenate([[0.0], *(_known(values) for values in self.values)])
        axis = Axis.over(
            float(known.min()), float(known.max()), rows.right + 2 * sheet.gap, sheet.width - 2 * sheet.gap, margin=0.02
        )
        ticks, bottom = ticks_below(axis, top, rows.bottom, sheet, self.unit)
        zero = Line(places=((axis(0.0), top), (axis(0.0), rows.bottom)), colour=sheet.theme.text)
        marks: list[Mark] = [*rows.marks, *ticks, zero]
        for index, middle in enumerate(rows.middles):
            marks += self._row(index, axis, middle, sheet)
        legend, bottom = self._legend(sheet, bottom)
        return Body((*marks, *legend), bottom)

    def _row(self, index: int, axis: Axis, middle: float, sheet: Sheet) -> Sequence[Mark]:
        """What shows the values of a row."""
        return ()

    def _legend(self, sheet: Sheet, top: float) -> Body:
        """What colours mean, and where that ends."""
        return Body((), top)


@dataclass(frozen=True, kw_only=True, repr=False)
class Beeswarm(Spread):
    """A dot for each value, beside the others where they are many, in the colour of another number.

    Args:
        levels: The other numbers, from 0, low, to 1, high, NaN where there is none, [N][B]; () for one colour.
        level_label: What they are.
    """

    levels: tuple[tuple[float, ...], ...] = ()
    level_label: str = ""

    def _row(self, index: int, axis: Axis, middle: float, sheet: Sheet) -> Sequence[Mark]:
        values = np.asarray(self.values[index])
        levels = np.asarray(self.levels[index]) if self.levels else np.full(len(values), np.nan)
        keep = np.isfinite(values)
        order = np.argsort(values[keep], kind="stable")
        values, levels = values[keep][order], levels[keep][order]
        if sheet.is_grid:
            return _row_of_characters(values, levels, axis, middle, sheet)
        chosen = np.unique(np.linspace(0, len(values) - 1, min(MOST_DOTS, len(values))).round().astype(int))
        places = np.array([axis(value) for value in values[chosen]])
        offsets = stacked(places, 2 * RADIUS, 0.5 * HEIGHT * sheet.row - RADIUS - 1)
        return [
            Dot(
                x=place,
                y=middle + offset,
                radius=RADIUS,
                fill=colour_of_level(level, sheet.theme),
                tip=f"{self.names[index]}: {number_text(value)}",
            )
            for place, offset, value, level in zip(
                places.tolist(), offsets.tolist(), values[chosen].tolist(), levels[chosen].tolist(), strict=True
            )
        ]

    def _legend(self, sheet: Sheet, top: float) -> Body:
        if not self.levels:
            return Body((), top)
        unknown = "no number" if any(math.isnan(level) for row in self.levels for level in row) else ""
        return ramp_legend(self.level_label, ("low", "high"), sheet, top, unknown=unknown)


@dataclass(frozen=True, kw_only=True, repr=False)
class Violins(Spread):
    """The density of the values of each row, a thick line from quartile to quartile, and a mark at the median."""

    def _row(self, index: int, axis: Axis, middle: float, sheet: Sheet) -> Sequence[Mark]:
        values = _known(self.values[index])
        if not len(values):
            return ()
        if sheet.is_grid:
            return _row_of_characters(values, np.full(len(values), np.nan), axis, middle, sheet)
        quarter, median, three_quarters = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        tip = f"{self.names[index]}: median {number_text(median)}, quartiles {number_text(quarter)}"
        tip += f" and {number_text(three_quarters)}"
        spread = [
            Line(places=((axis(quarter), middle), (axis(three_quarters), middle)), colour=sheet.theme.text, width=4)
        ]
        half = 0.25 * sheet.row
        spread.append(
            Line(
                places=((axis(median), middle - half), (axis(median), middle + half)), colour=sheet.theme.text, width=2
            )
        )
        places, heights = density_of(values)
        if not len(places):
            return spread
        reach = 0.45 * HEIGHT * sheet.row
        upper = [
            (axis(x), middle - reach * height) for x, height in zip(places.tolist(), heights.tolist(), strict=True)
        ]
        lower = [(x, 2 * middle - y) for x, y in reversed(upper)]
        return [Polygon(places=(*upper, *lower), fill=sheet.theme.magnitude[2], opacity=0.75, tip=tip), *spread]


def stacked(places: Array, apart: float, most: float) -> Array:
    """How far above or below their row dots lie for none to cover another, or as little as may be.

    Args:
        places: Where they are along the row, ascending, [N].
        apart: The diameter of a dot.
        most: How far away they may lie.
    """
    bins = np.floor(places / apart).astype(int)
    _, firsts, counts = np.unique(bins, return_index=True, return_counts=True)
    ranks = np.arange(len(places)) - np.repeat(firsts, counts)
    sides = np.where(ranks % 2, 1, -1) * ((ranks + 1) // 2)
    farthest = np.maximum(1, np.repeat(counts // 2, counts))
    return sides * np.minimum(apart, most / farthest)


def density_of(values: Array) -> tuple[Array, Array]:
    """Places and the density there, whose largest is 1; none of values that are all the same.

    Args:
        values: Finite, ascending, [N].
    """
    quarter, three_quarters = np.quantile(values, (0.25, 0.75))
    deviation = values.std()
    narrower = min(deviation, (three_quarters - quarter) / 1.34) or deviation
    width = 0.9 * narrower * len(values) ** -0.2
    if not width > 1e-9 * max(abs(values[0]), abs(values[-1]), 1e-300):
        return np.array([]), np.array([])
    places = np.linspace(values[0], values[-1], PLACES)
    # Of many values, those of as many ranks: densities do not change by more than can be seen.
    known = values[np.linspace(0, len(values) - 1, min(len(values), 2000)).astype(int)]
    heights = np.exp(-0.5 * ((places[:, None] - known) / width) ** 2).sum(1)
    return places, heights / heights.max()


def _row_of_characters(values: Array, levels: Array, axis: Axis, middle: float, sheet: Sheet) -> list[Mark]:
    """How many values there are in each column, as blocks of that height."""
    if not len(values):
        return []
    columns = np.floor([axis(value) for value in values]).astype(int)
    counts = np.bincount(columns)
    marks: list[Mark] = []
    for column in np.flatnonzero(counts).tolist():
        inside = levels[columns == column]
        known = inside[np.isfinite(inside)]
        fill = colour_of_level(float(known.mean()) if len(known) else math.nan, sheet.theme)
        height = max(0.125, counts[column] / counts.max())
        marks.append(Rectangle(x=column, y=middle + 0.5 - height, width=1.0, height=height, fill=fill))
    return marks


def _known(values: Sequence[float]) -> Array:
    """The finite ones, ascending."""
    array = np.asarray(values, dtype=float)
    return np.sort(array[np.isfinite(array)])
