"""Lines over bands: what something does step by step, beside what it would do by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pellucid.errors import InvalidArgument
from pellucid.plot.axis import number_text
from pellucid.plot.charts.base import Body, Chart, Limits, paragraph
from pellucid.plot.charts.plane import Plane, plane_of
from pellucid.plot.scene import Line, Mark, Polygon, Text
from pellucid.plot.sheet import Sheet


@dataclass(frozen=True, kw_only=True, repr=False)
class LineOverBand(Chart):
    """A line, and the band in which others lie.

    Args:
        x: From left to right, rising, [S].
        y: The line, [S].
        low: Where the band begins, [S]; () for no band.
        high: Where it ends, [S].
        x_label: What goes to the right.
        y_label: What goes up.
        band_label: What the band is.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    x_label: str = ""
    y_label: str = ""
    band_label: str = ""

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.y)} | ({len(self.low), len(self.high)} if self.low or self.high else set())
        if len(lengths) > 1 or len(self.x) < 2:
            raise InvalidArgument(
                f"x, y and the ends of the band must be as many, at least two: got {sorted(lengths)}."
            )

    @property
    def reach(self) -> Limits:
        """Where line and band are."""
        heights = [number for number in (*self.y, *self.low, *self.high) if math.isfinite(number)]
        return Limits((self.x[0], self.x[-1]), (min(heights), max(heights)) if heights else None)

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        ends = f"from {number_text(self.y[0])} to {number_text(self.y[-1])}"
        return f"{self.title or 'A line'}: {self.y_label or 'y'} goes {ends} along {self.x_label or 'x'}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """The band, the line over it, and below what the band is."""
        reach = self.reach
        across, up = self.limits.x or reach.x or (0.0, 1.0), self.limits.y or reach.y or (0.0, 1.0)
        plane = plane_of(sheet, top, across, up, x_label=self.x_label, y_label=self.y_label, margin=0.04)
        drawn = self._in_characters(plane, sheet) if sheet.is_grid else self._in_lines(plane, sheet)
        sign = "·" if sheet.is_grid else "Grey"
        said, bottom = paragraph(
            f"{sign}: {self.band_label}." if self.low and self.band_label else "", sheet, plane.end
        )
        return Body((*plane.marks, *drawn, *said), bottom)

    def _places(self, heights: tuple[float, ...], plane: Plane) -> list[tuple[float, float]]:
        """Where numbers are in the plane, but for those that are none."""
        both = zip(self.x, heights, strict=True) if heights else ()
        return [(plane.x(x), plane.y(y)) for x, y in both if math.isfinite(y)]

    def _in_lines(self, plane: Plane, sheet: Sheet) -> list[Mark]:
        """The band, and the line over it."""
        line, low, high = (self._places(heights, plane) for heights in (self.y, self.low, self.high))
        marks: list[Mark] = []
        if low and high:
            marks.append(Polygon(places=(*low, *reversed(high)), fill=sheet.theme.faint))
        if len(line) > 1:
            marks.append(Line(places=tuple(line), colour=sheet.theme.positive, width=2.5))
        return marks

    def _in_characters(self, plane: Plane, sheet: Sheet) -> list[Mark]:
        """A dot for each column along the line, and points along the ends of the band, none where another is."""
        kinds = (
            (self.y, "●", sheet.theme.positive),
            (self.low, "·", sheet.theme.text),
            (self.high, "·", sheet.theme.text),
        )
        taken: dict[tuple[int, int], Mark] = {}
        for heights, character, colour in kinds:
            for x, y in self._places(heights, plane):
                cell = math.floor(x), math.floor(y)
                mark = Text(x=cell[0], y=cell[1] + 0.5, text=character, colour=colour, tinted=character == "●")
                taken.setdefault(cell, mark)
        return list(taken.values())
