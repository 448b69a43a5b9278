"""Round numbers beside axes, as many as have room."""

from __future__ import annotations

import itertools
import math
from typing import TypeAlias

from pellucid.plot.axis import AnyAxis
from pellucid.plot.charts.base import Body, Range
from pellucid.plot.charts.rows import unit_below
from pellucid.plot.scene import Line, Mark, Text
from pellucid.plot.sheet import Sheet

MOST = 7
"""How many numbers an axis has at most."""


def ticks_below(
    axis: AnyAxis,
    top: float,
    bottom: float,
    sheet: Sheet,
    label: str = "",
    *,
    within: Range = (-math.inf, math.inf),
) -> Body:
    """Faint lines at round numbers, these below them, and what they are; and where that ends.

    Args:
        axis: Where numbers are, from left to right.
        top: Where the lines begin.
        bottom: Where they end.
        sheet: What they are laid out on.
        label: What the numbers are.
        within: The least number that may have a line, and the largest.
    """
    texts = _without_overlap(axis, within, sheet)
    below = bottom + sheet.gap / 2 * (not sheet.is_grid)
    marks: list[Mark] = []
    if not sheet.is_grid:
        ends = [(axis(tick), text) for tick, text, _ in texts]
        marks += [Line(places=((x, top), (x, bottom)), colour=sheet.theme.faint) for x, _ in ends]
    marks += [
        Text(x=x, y=below + sheet.line / 2, text=text, colour=sheet.theme.text, anchor="middle") for _, text, x in texts
    ]
    labels, end = unit_below(label, (axis.first + axis.last) / 2, sheet, below + sheet.line)
    return Body((*marks, *labels), end)


def _without_overlap(axis: AnyAxis, within: Range, sheet: Sheet) -> list[tuple[float, str, float]]:
    """Round numbers, their texts and the middles of these, which are within the sheet and apart."""
    fitting: list[tuple[float, str, float]] = []
    for most in range(MOST, 1, -1):
        fitting = []
        for tick, text in axis.tick_texts(most):
            if not within[0] <= tick <= within[1]:
                continue
            half = sheet.text_width(text) / 2
            fitting.append((tick, text, min(max(axis(tick), half), sheet.width - half)))
        reaches = [
            (middle - sheet.text_width(text) / 2, middle + sheet.text_width(text) / 2) for _, text, middle in fitting
        ]
        if all(before[1] + sheet.gap <= after[0] for before, after in itertools.pairwise(reaches)):
            return fitting
    return fitting[:1]


Ticks: TypeAlias = tuple[tuple[float, str], ...]
"""Numbers of an axis and how they are written."""


def ticks_beside(axis: AnyAxis, ticks: Ticks, left: float, right: float, sheet: Sheet) -> tuple[Mark, ...]:
    """Faint lines at numbers of an axis that goes up, and these to the left.

    Args:
        axis: Where numbers are, from below.
        ticks: The numbers.
        left: Where the lines begin, and the numbers end.
        right: Where the lines end.
        sheet: What they are laid out on.
    """
    marks: list[Mark] = []
    for tick, text in ticks:
        y = axis(tick)
        if not sheet.is_grid:
            marks.append(Line(places=((left, y), (right, y)), colour=sheet.theme.faint))
        # Of characters, in the row that what is there begins in.
        place = (left - 1.0, min(y, axis.first - 0.5)) if sheet.is_grid else (left - sheet.gap / 2, y)
        marks.append(Text(x=place[0], y=place[1], text=text, colour=sheet.theme.text, anchor="end"))
    return tuple(marks)


def widest_tick(ticks: Ticks, sheet: Sheet) -> float:
    """How much room numbers beside an axis take."""
    return max((sheet.text_width(text) for _, text in ticks), default=0.0) + sheet.gap
