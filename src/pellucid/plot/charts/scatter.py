"""Dots in a plane: sized by counts, or coloured by numbers, with a line through them, and a faint histogram below."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.axis import number_text
from pellucid.plot.charts.base import Body, Chart, Limits, Range, paragraph
from pellucid.plot.charts.legends import ramp_legend
from pellucid.plot.charts.plane import Plane, plane_of
from pellucid.plot.colours import colour_of_level
from pellucid.plot.scene import Dot, Line, Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet

LARGEST, SMALLEST_DOT, PLAIN = 15.0, 1.5, 3.0
"""The radii of the largest dot and of the smallest, where dots are sized, and of dots where they are not."""

LINE = 2.0
"""How thick the line through dots is."""

BINS = 24


@dataclass(frozen=True, kw_only=True, repr=False)
class Scatter(Chart):
    """Dots in a plane.

    Args:
        x: Where they are from left to right, [N].
        y: Where they are from below, [N].
        x_label: What goes to the right.
        y_label: What goes up.
        sizes: What the areas of dots are proportional to, [N]; () for dots of one size.
        size_label: What sizes are.
        levels: Numbers from 0, low, to 1, high, which colours show, NaN where there is none, [N]; () for the colours
            of the signs of `y`.
        level_label: What the numbers are.
        level_ends: What the lowest and the highest of them are.
        counted: Whether a faint histogram says how many dots there are above it.
        line: A line through the dots, such as a fitted one: at least two places; () for none.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str = ""
    y_label: str = ""
    sizes: tuple[float, ...] = ()
    size_label: str = ""
    levels: tuple[float, ...] = ()
    level_label: str = ""
    level_ends: tuple[str, str] = ("low", "high")
    counted: bool = False
    line: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        lengths = [len(self.x), len(self.y), *(len(more) for more in (self.sizes, self.levels) if more)]
        if len(set(lengths)) > 1:
            raise InvalidArgument(f"x and y must be as many: got {summary(lengths)}.")
        if not all(size > 0 for size in self.sizes):
            raise InvalidArgument(f"sizes must be above 0: got {summary(min(self.sizes))}.")
        if len(self.line) == 1 or not all(math.isfinite(number) for place in self.line for number in place):
            raise InvalidArgument(f"line must have at least two places, of finite numbers: got {summary(self.line)}.")

    @property
    def reach(self) -> Limits:
        """Where the dots and the line are."""
        return Limits(
            _range_of((*self.x, *(x for x, _ in self.line))), _range_of((*self.y, *(y for _, y in self.line), 0.0))
        )

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        low, high = _range_of(self.y)
        labels = f"{self.y_label or 'y'} against {self.x_label or 'x'}"
        return f"{self.title or 'Dots'}: {len(self.x)} dots, {labels}, from {number_text(low)} to {number_text(high)}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """Dots in a plane, and what their sizes and colours mean."""
        reach = self.reach
        across, up = self.limits.x or reach.x or (0.0, 1.0), self.limits.y or reach.y or (0.0, 1.0)
        plane = plane_of(sheet, top, across, up, x_label=self.x_label, y_label=self.y_label, margin=0.08)
        zero = ((plane.x.first, plane.y(0.0)), (plane.x.last, plane.y(0.0)))
        marks: list[Mark] = [*plane.marks, *self._histogram(plane, sheet), Line(places=zero, colour=sheet.theme.text)]
        legends, bottom = self._legends(sheet, plane.end)
        return Body((*marks, *self._dots(plane, sheet), *legends), bottom)

    def _dots(self, plane: Plane, sheet: Sheet) -> list[Mark]:
        """The dots, small ones above large ones, and the line above them."""
        marks: list[Mark] = []
        for index in sorted(range(len(self.x)), key=lambda index: -self.sizes[index] if self.sizes else 0):
            if math.isfinite(self.x[index]) and math.isfinite(self.y[index]):
                marks += self._dot(index, plane, sheet)
        if self.line:
            places = tuple((plane.x(x), plane.y(y)) for x, y in self.line)
            marks.append(Line(places=places, colour=sheet.theme.text, width=LINE))
        return marks

    def _legends(self, sheet: Sheet, bottom: float) -> tuple[list[Mark], float]:
        """What the histogram, colours and sizes mean, below each other."""
        marks: list[Mark] = []
        if self.counted and not sheet.is_grid:
            said, bottom = paragraph("Grey: how many dots there are.", sheet, bottom)
            marks += said
        if self.levels:
            unknown = "no number" if any(map(math.isnan, self.levels)) else ""
            legend, bottom = ramp_legend(self.level_label, self.level_ends, sheet, bottom, unknown=unknown)
            marks += legend
        if self.sizes and not sheet.is_grid:
            dots, bottom = self._size_legend(sheet, bottom)
            marks += dots
        return marks, bottom

    def _radius(self, size: float) -> float:
        """The radius of a dot, whose area is proportional to its size."""
        return max(SMALLEST_DOT, LARGEST * math.sqrt(size / max(self.sizes)))

    def _dot(self, index: int, plane: Plane, sheet: Sheet) -> tuple[Mark, ...]:
        """A dot; of characters, with its size beside it."""
        theme, x, y = sheet.theme, plane.x(self.x[index]), plane.y(self.y[index])
        fill = colour_of_level(self.levels[index], theme) if self.levels else theme.by_sign(self.y[index])
        radius = self._radius(self.sizes[index]) if self.sizes else PLAIN
        tip = f"{number_text(self.x[index])}, {number_text(self.y[index])}"
        tip += f": {number_text(self.sizes[index])} {self.size_label}" if self.sizes else ""
        dot = Dot(x=x, y=y, radius=0.5 if sheet.is_grid else radius, fill=fill, tip=tip.rstrip())
        if not (sheet.is_grid and self.sizes):
            return (dot,)
        return dot, Text(x=x + 1.0, y=y, text=f"{self.sizes[index]:g}", colour=theme.text)

    def _histogram(self, plane: Plane, sheet: Sheet) -> list[Mark]:
        """How many dots are above each part of the axis, in the faintest colour."""
        finite = [x for x in self.x if math.isfinite(x)]
        if not (self.counted and finite) or sheet.is_grid:
            return []
        counts, edges = np.histogram(finite, bins=BINS)
        tallest, bottom = 0.22 * (plane.y.first - plane.y.last), plane.y.first
        heights = counts / counts.max() * tallest
        return [
            Rectangle(
                x=plane.x(low),
                y=bottom - height,
                width=plane.x(high) - plane.x(low),
                height=height,
                fill=sheet.theme.faint,
            )
            for low, high, height in zip(edges[:-1].tolist(), edges[1:].tolist(), heights.tolist(), strict=True)
            if height
        ]

    def _size_legend(self, sheet: Sheet, top: float) -> tuple[list[Mark], float]:
        """Dots of round sizes, in one line or in several."""
        marks: list[Mark] = [Text(x=sheet.gap, y=top + LARGEST, text=self.size_label, colour=sheet.theme.text)]
        x = sheet.gap + sheet.text_width(self.size_label) + sheet.gap
        for size in _example_sizes(max(self.sizes)):
            radius, text = self._radius(size), f"{size:g}"
            width = 2 * radius + sheet.gap + sheet.text_width(text)
            if x + width > sheet.width - sheet.gap:
                x, top = sheet.gap, top + 2 * LARGEST
            marks.append(Dot(x=x + radius, y=top + LARGEST, radius=radius, fill=sheet.theme.neutral))
            marks.append(Text(x=x + 2 * radius + sheet.gap, y=top + LARGEST, text=text, colour=sheet.theme.text))
            x += width + 2 * sheet.gap
        return marks, top + 2 * LARGEST


def _range_of(numbers: tuple[float, ...]) -> Range:
    """The least and the largest of the finite ones."""
    finite = [number for number in numbers if math.isfinite(number)]
    return (min(finite), max(finite)) if finite else (0.0, 1.0)


def _example_sizes(largest: float) -> list[float]:
    """Three round sizes up to the largest, each about a fourth of the next."""
    power = math.floor(math.log10(largest))
    steps = [digit * 10.0**exponent for exponent in (power - 2, power - 1, power) for digit in (1, 2, 5)]
    return [step for step in steps if step <= largest][-5::2]
