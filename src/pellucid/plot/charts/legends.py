"""Legends: what colours of numbers and of groups mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.plot.axis import signed_number
from pellucid.plot.charts.base import NOTE, SMALL, Body, paragraph
from pellucid.plot.colours import colour_of_level
from pellucid.plot.raster import hatched, opaque
from pellucid.plot.scale import Scale
from pellucid.plot.scene import Line, Mark, Pixels, Rectangle, Text, hatching
from pellucid.plot.sheet import Sheet

STEPS = 24
"""Of how many colours a ramp in a legend is made, where it says nothing else."""

HIGH, WIDEST = 12.0, 280.0
"""How high swatches and ramps are, and how wide the strips of scales may be."""


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


def legend_of(swatches: Sequence[Swatch], sheet: Sheet, top: float) -> Body:
    """Colours with what they mean, one after the other, and where they end.

    Args:
        swatches: The colours.
        sheet: What they are laid out on.
        top: Where they begin.
    """
    if not swatches:
        return Body((), top)
    left, size = sheet.margin, 2.0 if sheet.is_grid else HIGH
    apart = 2.0 if sheet.is_grid else 2 * sheet.gap
    x, marks = left, list[Mark]()
    for swatch in swatches:
        room = sheet.width - sheet.gap - left - size - sheet.gap
        lines = sheet.lines_of(swatch.text, room)
        width = size + sheet.gap + max(map(sheet.text_width, lines))
        if x > left and x + width > sheet.width - sheet.gap:
            x, top = left, top + sheet.line
        height = 1.0 if sheet.is_grid else HIGH
        y = top + (sheet.line - height) / 2
        marks.append(Rectangle(x=x, y=y, width=size, height=height, fill=swatch.fill, hatched=swatch.hatched))
        for index, line in enumerate(lines):
            place = top + (index + 0.5) * sheet.line
            marks.append(Text(x=x + size + sheet.gap, y=place, text=line, colour=sheet.theme.text))
        x += width + apart
        top += (len(lines) - 1) * sheet.line
    return Body(tuple(marks), top + sheet.line)


def ramp_legend(
    label: str,
    ends: tuple[str, str],
    sheet: Sheet,
    top: float,
    *,
    colours: Sequence[str] = (),
    crossed: float = 0.0,
    unknown: str = "",
) -> Body:
    """What the colours of low and of high numbers are, and where that ends.

    Args:
        label: What the numbers are.
        ends: What stands beside the lowest and the highest.
        sheet: What it is laid out on.
        top: Where it begins.
        colours: From the lowest to the highest; () for those of numbers of whatever sign.
        crossed: Which share of them, from the lowest on, lines cross.
        unknown: What the colour of what has no number stands for; "" where there is none.
    """
    colours = colours or [colour_of_level(step / (STEPS - 1), sheet.theme) for step in range(STEPS)]
    labels, top = paragraph(label, sheet, top)
    low, high = ends
    width = STEPS * (0.5 if sheet.is_grid else 5.0)
    start = sheet.margin + sheet.text_width(low) + sheet.gap
    height = 1.0 if sheet.is_grid else HIGH
    y, middle = top + (sheet.line - height) / 2, top + sheet.line / 2
    marks: list[Mark] = [*labels, Text(x=sheet.margin, y=middle, text=low, colour=sheet.theme.text)]
    step = width / len(colours)
    marks += [
        Rectangle(x=start + index * step, y=y, width=step, height=height, fill=fill)
        for index, fill in enumerate(colours)
    ]
    marks += lines_across(Rectangle(x=start, y=y, width=crossed * width, height=height, fill=""), sheet)
    marks.append(Text(x=start + width + sheet.gap, y=middle, text=high, colour=sheet.theme.text))
    swatches = (Swatch(sheet.theme.neutral, unknown),) if unknown else ()
    more, bottom = legend_of(swatches, sheet, top + sheet.line)
    return Body((*marks, *more), bottom)


def lines_across(area: Rectangle, sheet: Sheet) -> list[Line]:
    """Lines across an area, as a sign that needs no colour.

    Args:
        area: Where they are; none where it has no width.
        sheet: What it is laid out on.
    """
    ends = hatching(area) if area.width else []
    return [Line(places=places, colour=sheet.theme.background, width=0.8) for places in ends]


def colour_legend(
    scale: Scale, words: str, sheet: Sheet, top: float, place: tuple[float, float], *, is_hatched: bool = True
) -> Body:
    """A strip of all colours, the numbers below it, and what they are.

    Args:
        scale: What colours stand for.
        words: What else there is to say.
        sheet: What it is laid out on.
        top: Where it begins.
        place: Its left edge, and how wide it may be.
        is_hatched: Whether lines cross what is negative, as they do in what it is the legend of.
    """
    left, width = place
    strip = min(WIDEST, width)
    marks: list[Mark] = []
    if not sheet.is_grid and scale.largest:
        marks.append(_strip(scale, sheet, left, top, strip, is_hatched))
        top += 10.0 + 2.0
        marks += _numbers(scale, sheet, left, top, strip)
        top += sheet.line
    said = paragraph(words, sheet, top, NOTE, place)
    return Body((*marks, *said.marks), said.bottom)


def from_to(scale: Scale) -> str:
    """The numbers of a scale, in words."""
    low, high = (signed_number(number, scale.largest) if number else "0" for number in sorted(scale.ends))
    return f"from {low} to {high}"


def _strip(scale: Scale, sheet: Sheet, left: float, top: float, width: float, is_hatched: bool) -> Pixels:
    low = -1.0 if scale.sign == "all" else 0.0
    shares = np.repeat(np.linspace(low, 1, round(width))[None], 10, axis=0)
    levels = scale.levels(shares, sheet.theme).astype(float)
    if is_hatched:
        levels = hatched(levels, scale.is_against(shares), width)
    label = f"Colours from {number_at(scale, 0)} to {number_at(scale, 1)}"
    return Pixels(x=left, y=top, width=width, height=10.0, levels=opaque(levels), label=label)


def number_at(scale: Scale, end: int) -> str:
    """The number of the first colour or the last, with what says that larger ones have it, too.

    Args:
        scale: What colours stand for.
        end: 0 or 1.
    """
    number = scale.ends[end]
    text = signed_number(number, scale.largest) if number else "0"
    if not number or not scale.beyond:
        return text
    return f"{'≤' if number < 0 else '≥'} {text}"


def _numbers(scale: Scale, sheet: Sheet, left: float, top: float, width: float) -> list[Mark]:
    """The numbers at both ends and in the middle, as far as there is room."""
    ends = [number_at(scale, 0), number_at(scale, 1)]
    widths = [sheet.text_width(text, scale=SMALL) for text in ends]
    y, colour = top + sheet.line / 2, sheet.theme.text
    if sum(widths) + sheet.gap > width:
        text = ("±" if scale.sign == "all" else "") + ends[1].lstrip("≥≤ ").removeprefix("+")
        middle = left + width / 2
        return [Text(x=middle, y=y, text=text, colour=colour, scale=SMALL, anchor="middle")]
    marks: list[Mark] = [
        Text(x=left, y=y, text=ends[0], colour=colour, scale=SMALL),
        Text(x=left + width, y=y, text=ends[1], colour=colour, scale=SMALL, anchor="end"),
    ]
    if scale.sign == "all" and 2 * max(widths) + sheet.text_width("0") + 2 * sheet.gap <= width:
        marks.append(Text(x=left + width / 2, y=y, text="0", colour=colour, scale=SMALL, anchor="middle"))
    return marks
