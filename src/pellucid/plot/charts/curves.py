"""Errors against evaluations: how far an estimate was from what it would become, after each round."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pellucid.plot.axis import LogAxis, number_text
from pellucid.plot.charts.base import SMALL, Body, Chart, paragraph
from pellucid.plot.charts.plane import Plane
from pellucid.plot.charts.rows import apart
from pellucid.plot.charts.ticks import ticks_below, ticks_beside, widest_tick
from pellucid.plot.scene import Dot, Line, Mark, Polygon, Rectangle, Text
from pellucid.plot.sheet import Sheet

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
        caption, top = paragraph(self.label, sheet, top)
        plane = self._plane(sheet, top + sheet.margin, room)
        marks: list[Mark] = [*caption, *plane.marks, *self._tolerance(plane, sheet)]
        ends = []
        for index, curve in enumerate(self.curves):
            places = [(plane.x(count), plane.y(error)) for count, error in curve.known]
            marks += _curve(index, places, sheet)
            ends.append(places[-1] if places else (plane.x.last, plane.y.first))
        inset = _inset(sheet)
        beside = _labels(labels, ends, (plane.x.last + inset + sheet.gap, plane.y.last - inset), sheet)
        lowest = max((mark.y + sheet.line / 2 for mark in beside if isinstance(mark, Text)), default=0.0)
        return Body((*marks, *beside), max(plane.end, lowest))

    def _plane(self, sheet: Sheet, top: float, room: float) -> Plane:
        """The axes, with room for names to the right of them."""
        counts = [count for curve in self.curves for count, _ in curve.known]
        errors = [error for curve in self.curves for _, error in curve.known]
        errors += [] if self.tolerance is None else [self.tolerance]
        bottom, inset = top + (ROWS if sheet.is_grid else HIGH), _inset(sheet)
        y = LogAxis.over(errors, bottom - inset, top + inset)
        ticks = y.tick_texts(6)
        left, right = sheet.gap + widest_tick(ticks, sheet), sheet.width - room - 3 * sheet.gap
        x = LogAxis.over(counts, left + inset, right - inset)
        base = Line(places=((left, bottom), (right, bottom)), colour=sheet.theme.text)
        beside = replace(sheet, width=right + sheet.gap)  # which names begin at
        below, end = ticks_below(x, top, bottom + 1.0 * sheet.is_grid, beside, "evaluations per example")
        return Plane(x, y, (*ticks_beside(y, ticks, left, right, sheet), *below, base), end)

    def _tolerance(self, plane: Plane, sheet: Sheet) -> list[Mark]:
        if self.tolerance is None:
            return []
        inset = _inset(sheet)
        left, right, top = plane.x.first - inset, plane.x.last + inset, plane.y.last - inset
        y, colour = plane.y(self.tolerance), sheet.theme.text
        text = f"tolerance {number_text(self.tolerance)}"
        # Above the line, or below where that would be outside; in terminals on it.
        away = 0.0 if sheet.is_grid else 0.55 * sheet.line
        middle = y + away if y - away < top else y - away
        return [
            Line(places=((left, y), (right, y)), colour=colour, width=1.4, dashed=True),
            Text(x=left + sheet.gap, y=middle, text=text, colour=colour, scale=SMALL),
        ]


def _inset(sheet: Sheet) -> float:
    """How far the outermost points are from the edges, for their markers to be inside."""
    return 0.5 if sheet.is_grid else 6.0


def _curve(index: int, places: list[tuple[float, float]], sheet: Sheet) -> list[Mark]:
    """A line with a marker at each round."""
    colour = colour_of_curve(index, sheet)
    marks: list[Mark] = []
    if len(places) > 1:
        marks.append(Line(places=tuple(places), colour=colour, width=2.0, dashed=index % 2 == 1))
    return marks + [_marker(index, place, colour, sheet) for place in places]


def colour_of_curve(index: int, sheet: Sheet) -> str:
    """The colour of a curve, by its number."""
    colours = sheet.theme.groups
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
