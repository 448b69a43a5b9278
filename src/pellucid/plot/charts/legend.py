"""Legends: what colours of numbers and of groups mean, in lines that are broken where the sheet ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.plot.charts.base import paragraph
from pellucid.plot.colours import colour_of_level
from pellucid.plot.scene import Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet

STEPS = 24
"""Of how many colours a ramp in a legend is made."""


@dataclass(frozen=True)
class Swatch:
    """A colour in a legend, and what it means.

    Args:
        fill: The colour.
        text: What it means.
        hatched: Whether lines cross it.
    """

    fill: str
    text: str
    hatched: bool = False


def legend_of(swatches: Sequence[Swatch], sheet: Sheet, top: float) -> tuple[tuple[Mark, ...], float]:
    """Colours with what they mean, one after the other, and where they end.

    Args:
        swatches: The colours.
        sheet: What they are laid out on.
        top: Where they begin.
    """
    if not swatches:
        return (), top
    left, size = (0.0, 2.0) if sheet.is_grid else (sheet.gap, 12.0)
    apart = 2.0 if sheet.is_grid else 2 * sheet.gap
    x, marks = left, list[Mark]()
    for swatch in swatches:
        room = sheet.width - sheet.gap - left - size - sheet.gap
        lines = sheet.lines_of(swatch.text, room)
        width = size + sheet.gap + max(map(sheet.text_width, lines))
        if x > left and x + width > sheet.width - sheet.gap:
            x, top = left, top + sheet.line
        height = 1.0 if sheet.is_grid else 12.0
        y = top + (sheet.line - height) / 2
        marks.append(Rectangle(x=x, y=y, width=size, height=height, fill=swatch.fill, hatched=swatch.hatched))
        for index, line in enumerate(lines):
            place = top + (index + 0.5) * sheet.line
            marks.append(Text(x=x + size + sheet.gap, y=place, text=line, colour=sheet.theme.text))
        x += width + apart
        top += (len(lines) - 1) * sheet.line
    return tuple(marks), top + sheet.line


def ramp_legend(
    label: str, ends: tuple[str, str], sheet: Sheet, top: float, unknown: str = ""
) -> tuple[tuple[Mark, ...], float]:
    """What the colours of low and of high numbers are, and where that ends.

    Args:
        label: What the numbers are.
        ends: What stands beside the lowest and the highest.
        sheet: What it is laid out on.
        top: Where it begins.
        unknown: What the colour of what has no number stands for; "" where there is none.
    """
    labels, top = paragraph(label, sheet, top)
    left = 0.0 if sheet.is_grid else sheet.gap
    low, high = ends
    width = STEPS * (0.5 if sheet.is_grid else 5.0)
    start = left + sheet.text_width(low) + sheet.gap
    height = 1.0 if sheet.is_grid else 12.0
    y, middle = top + (sheet.line - height) / 2, top + sheet.line / 2
    marks: list[Mark] = [*labels, Text(x=left, y=middle, text=low, colour=sheet.theme.text)]
    for step in range(STEPS):
        fill = colour_of_level(step / (STEPS - 1), sheet.theme)
        marks.append(Rectangle(x=start + step * width / STEPS, y=y, width=width / STEPS, height=height, fill=fill))
    marks.append(Text(x=start + width + sheet.gap, y=middle, text=high, colour=sheet.theme.text))
    bottom = top + sheet.line
    if unknown:
        more, bottom = legend_of((Swatch(sheet.theme.neutral, unknown),), sheet, bottom)
        marks += more
    return tuple(marks), bottom
