"""Features on a circle, with lines between those that add something together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pellucid.plot.axis import signed_number
from pellucid.plot.charts.base import NOTE, SMALL, Body, Chart, paragraph
from pellucid.plot.charts.rows import apart
from pellucid.plot.scene import Anchor, Dot, Line, Mark, Place, Text
from pellucid.plot.sheet import Sheet

LARGEST_DOT, LEAST_DOT = 16.0, 3.0
WIDEST_LINE, THINNEST_LINE = 9.0, 1.0

STARTS: Anchor = "start"
ENDS: Anchor = "end"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two features that add something together.

    Args:
        first: The number of one.
        second: The number of the other.
        value: What they add.
    """

    first: int
    second: int
    value: float


@dataclass(frozen=True, kw_only=True, repr=False)
class InteractionCircle(Chart):
    """Features on a circle: the area of a dot is what one adds alone, the width of a line what two add together.

    Args:
        names: Of the features, [N].
        effects: What each adds alone, [N].
        pairs: What is drawn as lines.
        unit: What values are.
    """

    names: tuple[str, ...]
    effects: tuple[float, ...]
    pairs: tuple[Pair, ...]
    unit: str = ""

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        largest = sorted(self.pairs, key=lambda pair: -abs(pair.value))[:3]
        listed = ", ".join(f"{self._name(pair)} {signed_number(pair.value)}" for pair in largest) or "none"
        return f"{self.title or 'Interactions'}: {len(self.names)} features; the largest interactions are {listed}."

    def _name(self, pair: Pair) -> str:
        return f"{self.names[pair.first]} and {self.names[pair.second]}"

    @property
    def largest_pair(self) -> float:
        """The size of the widest line."""
        return max((abs(pair.value) for pair in self.pairs), default=0.0)

    @property
    def largest_effect(self) -> float:
        """The size of the largest dot."""
        return max((abs(effect) for effect in self.effects if math.isfinite(effect)), default=0.0)

    def body(self, sheet: Sheet, top: float) -> Body:
        """The circle, names beside it, and what dots and lines stand for."""
        return self._characters(sheet, top) if sheet.is_grid else self._circle(sheet, top)

    def _circle(self, sheet: Sheet, top: float) -> Body:
        radius = min(150.0, 0.2 * sheet.width) if len(self.names) > 1 else 0.0
        reach = radius + LARGEST_DOT + 2 * sheet.gap
        room = sheet.width / 2 - reach - sheet.gap
        labels = [
            [*sheet.lines_of(name, room), signed_number(effect, self.largest_effect)]
            for name, effect in zip(self.names, self.effects, strict=True)
        ]
        angles = [2 * math.pi * (index + 0.5) / len(labels) - math.pi / 2 for index in range(len(labels))]
        right = [index for index, angle in enumerate(angles) if math.cos(angle) >= 0]
        left = [index for index in range(len(labels)) if index not in right]
        high = max(
            2 * (radius + LARGEST_DOT), *(sheet.line * sum(map(len, _of(labels, side))) for side in (left, right))
        )
        middle_x, middle_y = sheet.width / 2, top + high / 2
        places = [(middle_x + radius * math.cos(angle), middle_y + radius * math.sin(angle)) for angle in angles]
        marks: list[Mark] = [
            self._line(pair, places, sheet) for pair in sorted(self.pairs, key=lambda it: abs(it.value))
        ]
        bottom = top + high
        for side, edge, anchor in ((left, middle_x - reach, ENDS), (right, middle_x + reach, STARTS)):
            named = _names(_of(labels, side), _of(places, side), (edge, top), anchor, sheet)
            marks += named.marks
            bottom = max(bottom, named.bottom)
        marks += [self._dot(index, place, sheet) for index, place in enumerate(places)]
        legend = paragraph(self._words(), sheet, bottom + sheet.gap, NOTE)
        return Body((*marks, *legend.marks), legend.bottom)

    def _line(self, pair: Pair, places: list[tuple[float, float]], sheet: Sheet) -> Line:
        share = abs(pair.value) / (self.largest_pair or 1.0)
        return Line(
            places=(places[pair.first], places[pair.second]),
            colour=sheet.theme.by_sign(pair.value),
            width=THINNEST_LINE + share * (WIDEST_LINE - THINNEST_LINE),
            dashed=pair.value < 0,
            tip=f"{self._name(pair)}: {signed_number(pair.value)} {self.unit}".rstrip(),
        )

    def _dot(self, index: int, place: tuple[float, float], sheet: Sheet) -> Dot:
        effect = self.effects[index]
        share = abs(effect) / (self.largest_effect or 1.0) if math.isfinite(effect) else 0.0
        return Dot(
            x=place[0],
            y=place[1],
            radius=max(LEAST_DOT, LARGEST_DOT * math.sqrt(share)),
            fill=sheet.theme.by_sign(effect) if math.isfinite(effect) else sheet.theme.neutral,
            hollow=effect < 0,
            tip=f"{self.names[index]}: {signed_number(effect)} {self.unit}".rstrip(),
        )

    def _words(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        alone, together = (signed_number(size).removeprefix("+") for size in (self.largest_effect, self.largest_pair))
        dots = f"Area of a dot: what a feature adds alone, up to {alone}{unit}; hollow: negative."
        if not self.pairs:
            return dots
        lines = f"Width of a line: what two add together, up to {together}{unit}; dashed: negative."
        return f"{dots} {lines}"

    def _characters(self, sheet: Sheet, top: float) -> Body:
        """A list of features, and one of pairs."""
        marks: list[Mark] = []
        colour = sheet.theme.text
        rows = [
            (f"{'○' if effect < 0 else '●'} {name} {signed_number(effect, self.largest_effect)}", effect)
            for name, effect in zip(self.names, self.effects, strict=True)
        ]
        rows += [
            (
                f"{self.names[pair.first]} {'┄┄' if pair.value < 0 else '──'} {self.names[pair.second]} "
                f"{signed_number(pair.value, self.largest_pair)}",
                pair.value,
            )
            for pair in sorted(self.pairs, key=lambda pair: -abs(pair.value))
        ]
        for text, value in rows:
            for line in sheet.lines_of(text, sheet.width):
                tint = sheet.theme.by_sign(value) if math.isfinite(value) else colour
                marks.append(Text(x=0, y=top + 0.5, text=line, colour=tint, tinted=True))
                top += 1
        words = f"Dots: what features add alone; lines: what two add together{f' ({self.unit})' if self.unit else ''}."
        legend = paragraph(words, sheet, top, NOTE)
        return Body((*marks, *legend.marks), legend.bottom)


def _of(things: Sequence[T], indices: Sequence[int]) -> list[T]:
    return [things[index] for index in indices]


def _names(labels: list[list[str]], places: list[Place], corner: Place, anchor: Anchor, sheet: Sheet) -> Body:
    """Names on one side of the circle, none on top of another, with lines to their dots."""
    edge, top = corner
    order = sorted(range(len(labels)), key=lambda index: places[index][1])
    heights = [len(labels[index]) * sheet.line for index in order]
    middles = apart([places[index][1] for index in order], heights, top)
    theme, marks, bottom = sheet.theme, list[Mark](), top
    for index, middle, height in zip(order, middles, heights, strict=True):
        end = edge + (sheet.gap / 2 if anchor == ENDS else -sheet.gap / 2)
        marks.append(Line(places=(places[index], (end, middle)), colour=theme.faint))
        *lines, number = labels[index]
        y = middle - height / 2 + sheet.line / 2
        for line in lines:
            marks.append(Text(x=edge, y=y, text=line, colour=theme.text, anchor=anchor))
            y += sheet.line
        marks.append(Text(x=edge, y=y, text=number, colour=theme.text, anchor=anchor, scale=SMALL))
        bottom = max(bottom, middle + height / 2)
    return Body(tuple(marks), bottom)
