"""Planes: two axes at right angles, with numbers and labels."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.plot.axis import AnyAxis, Axis
from pellucid.plot.charts.base import paragraph
from pellucid.plot.charts.ticks import Ticks, ticks_below, ticks_beside, widest_tick
from pellucid.plot.scene import Mark
from pellucid.plot.sheet import Sheet

ROWS_OF_TERMINAL = 12


@dataclass(frozen=True)
class Plane:
    """Where things are in a plane.

    Args:
        x: Numbers from left to right.
        y: Numbers from below.
        marks: Lines, numbers and labels.
        end: Where the labels end.
    """

    x: AnyAxis
    y: AnyAxis
    marks: tuple[Mark, ...]
    end: float


def plane_of(
    sheet: Sheet,
    top: float,
    across: tuple[float, float],
    up: tuple[float, float],
    *,
    x_label: str = "",
    y_label: str = "",
    margin: float = 0.0,
    ticks: Ticks = (),
) -> Plane:
    """A plane over the whole width, as high as suits it; the label of what goes up stands above it.

    Args:
        sheet: What it is laid out on.
        top: Where it begins.
        across: The least and the largest number from left to right.
        up: The same of what goes up.
        x_label: What goes to the right.
        y_label: What goes up.
        margin: How much of either axis is left empty at its ends.
        ticks: The numbers beside what goes up; () for round ones.
    """
    labels, top = paragraph(y_label, sheet, top, 1.0)
    top += 0.0 if sheet.is_grid else sheet.gap
    height = ROWS_OF_TERMINAL if sheet.is_grid else min(280.0, max(150.0, 0.5 * sheet.width))
    y = Axis.over(*up, top + height, top + 1.0 * sheet.is_grid, margin=margin)
    ticks = ticks or y.tick_texts()
    left = sheet.gap + widest_tick(ticks, sheet)
    right = sheet.width - 2 * sheet.gap
    x = Axis.over(*across, left, right, margin=margin)
    below, end = ticks_below(x, top, top + height, sheet, x_label)
    return Plane(x, y, (*labels, *ticks_beside(y, ticks, left, right, sheet), *below), end)
