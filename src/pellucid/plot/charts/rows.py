"""Rows with names on the left, which are broken into lines rather than cut; and labels none of which covers another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.plot.charts.base import Body
from pellucid.plot.scene import Line, Mark, Text
from pellucid.plot.sheet import Sheet

LARGEST_SHARE = 0.42
"""How much of the width names may take."""


@dataclass(frozen=True)
class Rows:
    """Where rows are, and their names.

    Args:
        marks: The names.
        right: Where they end, and what the rows hold may begin.
        middles: The middle of each row.
        edges: Where each row begins, and where the last one ends.
    """

    marks: tuple[Mark, ...]
    right: float
    middles: tuple[float, ...]
    edges: tuple[float, ...]

    @property
    def bottom(self) -> float:
        """Where the last row ends."""
        return self.edges[-1]


def labelled_rows(
    names: Sequence[str], details: Sequence[str], sheet: Sheet, top: float, *, least: float | None = None
) -> Rows:
    """Rows with names, and what stands beside these in a fainter colour.

    Args:
        names: One for each row.
        details: As many, `= 39`; none at all where there are none.
        sheet: What they are laid out on.
        top: Where the first one begins.
        least: How high a row is at least; None for that of a line of a table.
    """
    texts = [f"{name} {detail}".rstrip() for name, detail in zip(names, details or [""] * len(names), strict=True)]
    widest = max((sheet.text_width(text) for text in texts), default=0.0)
    width = min(widest, LARGEST_SHARE * sheet.width)
    right = sheet.gap * (not sheet.is_grid) + width
    marks: list[Mark] = []
    middles, edges = [], [top]
    for text in texts:
        lines = sheet.lines_of(text, width + 1e-6) if sheet.text_width(text) > width else [text]
        height = max(least or 0.0, sheet.row + (len(lines) - 1) * sheet.line)
        middles.append(math.floor(top + height / 2) + 0.5 if sheet.is_grid else top + height / 2)
        for index, line in enumerate(lines):
            y = top + height / 2 + (index - (len(lines) - 1) / 2) * sheet.line
            marks.append(Text(x=right, y=y, text=line, colour=sheet.theme.text, anchor="end"))
        top += height
        edges.append(top)
    return Rows(tuple(marks), right, tuple(middles), tuple(edges))


def interval(start: float, stop: float, y: float, sheet: Sheet) -> tuple[Mark, ...]:
    """A confidence interval: a line with ends."""
    if sheet.is_grid:
        return (Line(places=((start, y), (stop, y)), colour=sheet.theme.text),)
    end = 0.16 * sheet.row
    lines = (((start, y), (stop, y)), ((start, y - end), (start, y + end)), ((stop, y - end), (stop, y + end)))
    return tuple(Line(places=places, colour=sheet.theme.text, width=1.2) for places in lines)


def unit_below(unit: str, x: float, sheet: Sheet, top: float) -> Body:
    """What values are, in the middle below them, and where that ends."""
    if not unit:
        return Body((), top)
    lines = sheet.lines_of(unit, sheet.width - 2 * sheet.gap)
    marks = []
    for index, line in enumerate(lines):
        half = sheet.text_width(line) / 2
        edge = half + sheet.gap * (not sheet.is_grid)
        middle = min(max(x, edge), sheet.width - edge)
        y = top + (index + 0.5) * sheet.line
        marks.append(Text(x=middle, y=y, text=line, colour=sheet.theme.text, anchor="middle"))
    return Body(tuple(marks), top + len(lines) * sheet.line)


def apart(wanted: Sequence[float], heights: Sequence[float], top: float) -> tuple[float, ...]:
    """The middles of labels, from the top down, as near to where they are wanted as none of them covers another.

    Args:
        wanted: Where their middles are wanted, in this order.
        heights: How high they are.
        top: Above which none may begin.
    """
    # Labels that meet become one block, whose middle is where the mean of what its labels want is.
    blocks: list[tuple[float, float, int]] = []  # start, height, labels
    for middle, height in zip(wanted, heights, strict=True):
        start, size, count = max(top, middle - height / 2), height, 1
        while blocks and blocks[-1][0] + blocks[-1][1] > start:
            before, before_size, before_count = blocks.pop()
            start = (before * before_count + (start - before_size) * count) / (before_count + count)
            start, size, count = max(top, start), before_size + size, before_count + count
        blocks.append((start, size, count))
    middles: list[float] = []
    for start, _, count in blocks:
        for height in heights[len(middles) : len(middles) + count]:
            middles.append(start + height / 2)
            start += height
    return tuple(middles)
