"""Errors against evaluations: how far an estimate was from what it would become, after each round."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pellucid.plot.axis import LogAxis, number_text
from pellucid.plot.charts.base import Body, Chart
from pellucid.plot.charts.legends import SMALL, apart
from pellucid.plot.scene import Dot, Line, Mark, Polygon, Rectangle, Text
from pellucid.plot.sheet import Sheet

COLOURS_OF_CURVES = {
    "light": ("#0072b2", "#b54e00", "#00795a", "#a3497f", "#5b5b5b", "#1b1f24"),
    "dark": ("#56b4e9", "#e69f00", "#2fc59a", "#e394c4", "#b0b0b0", "#f0e442"),
}
"""Those of Okabe and Ito, in shades that can be read on the backgrounds of the themes."""

MARKERS = "●■▲◆○□"
"""In the same order as colours, so that nobody needs these; as terminals have them."""

HIGH, ROWS = 240.0, 14.0
"""How high a plot is, on pages and in terminals."""

LABEL_SHARE = 0.34


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What was left to do after each round.

    Args:
        name: Of the method.
        points: Evaluations and the largest error that was left, in the order of rounds.
    """

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def known(self) -> tuple[tuple[float, float], ...]:
        """The points that have a place."""
        return tuple(
            (float(count), float(error))
            for count, error in self.points
            if count > 0 and math.isfinite(count) and math.isfinite(error)
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Curves(Chart):
    """Errors against evaluations, both on axes of powers of ten.

    Args:
        curves: One for each method.
        tolerance: The error that is small enough; None for none.
        label: What errors are.
    """

    curves: tuple[Curve, ...]
    tolerance: float | None = None
    label: str = "largest error left"

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        ends = [(curve.name, curve.known[-1]) for curve in self.curves if curve.known]
        listed = "; ".join(
            f"{name} {number_text(error)} after {count:.0f} evaluations" for name, (count, error) in ends
        )
        return f"{self.title or 'Convergence'}: the largest error left is {listed or 'unknown'}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """A line for each method, with its name at the end."""
        names = [f"{MARKERS[index % len(MARKERS)]} {curve.name}" for index, curve in enumerate(self.curves)]
        room = min(max(map(sheet.text_width, names)), LABEL_SHARE * sheet.width) + 1e-6
        labels = [sheet.lines_of(name, room) for name in names]
        caption = self._caption(sheet, top)
        plot = self._plot(sheet, top + sheet.line + sheet.margin, room)
        marks: list[Mark] = [caption, *plot.scale_of_errors(sheet), *self._tolerance(plot, sheet)]
        marks += plot.scale_of_evaluations(sheet)
        ends = []
        for index, curve in enumerate(self.curves):
            places = [(plot.across(count), plot.up(error)) for count, error in curve.known]
            marks += _curve(index, places, sheet)
            ends.append(places[-1] if places else (plot.right, plot.bottom))
        beside = _labels(labels, ends, (plot.right + sheet.gap, plot.top), sheet)
        lowest = max(mark.y + sheet.line / 2 for mark in [*marks, *beside] if isinstance(mark, Text))
        return Body((*marks, *beside), lowest)

    def _plot(self, sheet: Sheet, top: float, room: float) -> Plot:
        """The axes, with room for names to the right of them."""
        counts = [count for curve in self.curves for count, _ in curve.known]
        errors = [error for curve in self.curves for _, error in curve.known]
        errors += [] if self.tolerance is None else [self.tolerance]
        bottom, inset = (top + ROWS, 0.5) if sheet.is_grid else (top + HIGH, 6.0)
        up = LogAxis.over(errors, bottom - inset, top + inset)
        widest = max((sheet.text_width(text, scale=SMALL) for _, text in up.tick_texts(6)), default=0.0)
        left, right = widest + 2 * sheet.gap, sheet.width - room - 3 * sheet.gap
        across = LogAxis.over(counts, left + inset, right - inset)
        return Plot(up=up, across=across, top=top, bottom=bottom, left=left, right=right)

    def _caption(self, sheet: Sheet, top: float) -> Text:
        return Text(x=sheet.margin, y=top + sheet.line / 2, text=self.label, colour=sheet.theme.text, scale=SMALL)

    def _tolerance(self, plot: Plot, sheet: Sheet) -> list[Mark]:
        if self.tolerance is None:
            return []
        y, colour = plot.up(self.tolerance), sheet.theme.text
        text = f"tolerance {number_text(self.tolerance)}"
        # Above the line, or below where that would be outside; in terminals on it.
        away = 0.0 if sheet.is_grid else 0.55 * sheet.line
        middle = y + away if y - away < plot.top else y - away
        return [
            Line(places=((plot.left, y), (plot.right, y)), colour=colour, width=1.4, dashed=True),
            Text(x=plot.left + sheet.gap, y=middle, text=text, colour=colour, scale=SMALL),
        ]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Where lines are drawn.

    Args:
        up: Of errors.
        across: Of evaluations.
        top: Its upper edge.
        bottom: Its lower edge.
        left: Its left edge.
        right: Its right edge.
    """

    up: LogAxis
    across: LogAxis
    top: float
    bottom: float
    left: float
    right: float

    def scale_of_errors(self, sheet: Sheet) -> list[Mark]:
        """Numbers to the left, and lines at them."""
        marks: list[Mark] = []
        for tick, text in self.up.tick_texts(6):
            x, y = self.left - sheet.gap, self.up(tick)
            marks.append(Text(x=x, y=y, text=text, colour=sheet.theme.text, anchor="end", scale=SMALL))
            if not sheet.is_grid:
                marks.append(Line(places=((self.left, y), (self.right, y)), colour=sheet.theme.faint))
        return marks

    def scale_of_evaluations(self, sheet: Sheet) -> list[Mark]:
        """Numbers below, none of which meets another, and what they are."""
        colour, marks = sheet.theme.text, list[Mark]()
        marks.append(Line(places=((self.left, self.bottom), (self.right, self.bottom)), colour=colour))
        below = self.bottom + (1.5 if sheet.is_grid else 12.0)
        reached = 0.0
        for tick, text in self.across.tick_texts(5 if self.right - self.left > 300 or sheet.is_grid else 3):
            x, half = self.across(tick), sheet.text_width(text, scale=SMALL) / 2
            if x - half < reached:
                continue
            reached = x + half + sheet.gap
            if not sheet.is_grid:
                marks.append(Line(places=((x, self.bottom), (x, self.bottom + 4)), colour=colour))
            marks.append(Text(x=x, y=below, text=text, colour=colour, anchor="middle", scale=SMALL))
        words = "evaluations per example"
        middle = max((self.left + self.right) / 2, sheet.text_width(words, scale=SMALL) / 2)
        marks.append(Text(x=middle, y=below + sheet.line, text=words, colour=colour, anchor="middle", scale=SMALL))
        return marks


def _curve(index: int, places: list[tuple[float, float]], sheet: Sheet) -> list[Mark]:
    """A line with a marker at each round."""
    colour = colour_of_curve(index, sheet)
    marks: list[Mark] = []
    if len(places) > 1:
        marks.append(Line(places=tuple(places), colour=colour, width=2.0, dashed=index % 2 == 1))
    return marks + [_marker(index, place, colour, sheet) for place in places]


def colour_of_curve(index: int, sheet: Sheet) -> str:
    """The colour of a curve, by its number."""
    colours = COLOURS_OF_CURVES[sheet.theme.name]
    return colours[index % len(colours)]


def _marker(index: int, place: tuple[float, float], colour: str, sheet: Sheet) -> Mark:
    """A marker, of another shape for each curve."""
    (x, y), size = place, 4.0
    kind = MARKERS[index % len(MARKERS)]
    if sheet.is_grid:
        return Text(x=math.floor(x), y=y, text=kind, colour=colour, tinted=True)
    match kind:
        case "●" | "○":
            return Dot(x=x, y=y, radius=size, fill=colour, hollow=kind == "○")
        case "■":
            return Rectangle(x=x - size, y=y - size, width=2 * size, height=2 * size, fill=colour)
        case "□":
            corners = ((x - size, y - size), (x + size, y - size), (x + size, y + size), (x - size, y + size))
            return Line(places=(*corners, corners[0]), colour=colour, width=1.5)
        case "▲":
            corners_of_triangle = ((x, y - 1.3 * size), (x + 1.2 * size, y + size), (x - 1.2 * size, y + size))
            return Polygon(places=corners_of_triangle, fill=colour)
        case _:
            far = 1.4 * size
            return Polygon(places=((x, y - far), (x + far, y), (x, y + far), (x - far, y)), fill=colour)


def _labels(
    labels: list[list[str]], ends: list[tuple[float, float]], corner: tuple[float, float], sheet: Sheet
) -> list[Mark]:
    """The names of methods beside the ends of their lines, none on top of another."""
    left, top = corner
    order = sorted(range(len(labels)), key=lambda index: ends[index][1])
    heights = [len(labels[index]) * sheet.line for index in order]
    middles = apart([ends[index][1] for index in order], heights, top)
    marks: list[Mark] = []
    for index, middle, height in zip(order, middles, heights, strict=True):
        if not sheet.is_grid:
            leader = (ends[index], (left - sheet.gap / 2, middle))
            marks.append(Line(places=leader, colour=colour_of_curve(index, sheet), width=0.6))
        start = math.floor(middle - height / 2) if sheet.is_grid else middle - height / 2
        for number, line in enumerate(labels[index]):
            y = start + (number + 0.5) * sheet.line
            marks.append(Text(x=left, y=y, text=line, colour=colour_of_curve(index, sheet), tinted=True))
    return marks
