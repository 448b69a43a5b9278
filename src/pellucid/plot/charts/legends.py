"""Legends of colours, with the numbers they stand for; and labels moved apart until none covers another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.plot.axis import signed_number
from pellucid.plot.charts.base import NOTE, Body
from pellucid.plot.raster import hatched, opaque
from pellucid.plot.scale import Scale
from pellucid.plot.scene import Mark, Pixels, Text
from pellucid.plot.sheet import Sheet

WIDEST_LEGEND = 280.0
SMALL = 0.85
"""The size of the numbers of legends, as a share of that of other letters."""

SHADES = ("░", "▒", "▓", "█")
"""How large a value is, in characters."""

UNKNOWN, ZERO = "  ", " ·"
"""What stands in terminals for a value that is unknown, and for one near to zero."""


def cell_of(share: float) -> str:
    """A value in two characters: its sign, and how large it is.

    Args:
        share: From -1 to 1; NaN where it is unknown.
    """
    if not np.isfinite(share):
        return UNKNOWN
    level = round(abs(share) * len(SHADES))
    return ("+" if share > 0 else "-") + SHADES[level - 1] if level else ZERO


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
    strip = min(WIDEST_LEGEND, width)
    marks: list[Mark] = []
    if not sheet.is_grid and scale.largest:
        marks.append(_strip(scale, sheet, left, top, strip, is_hatched))
        top += 10.0 + 2.0
        marks += _numbers(scale, sheet, left, top, strip)
        top += sheet.line
    said = paragraph(words, sheet, top, place)
    return Body((*marks, *said.marks), said.bottom)


def paragraph(words: str, sheet: Sheet, top: float, place: tuple[float, float]) -> Body:
    """Words in small letters, in lines.

    Args:
        words: What they are; "" for none.
        sheet: What they are laid out on.
        top: Where they begin.
        place: Their left edge, and how wide they may be.
    """
    left, width = place
    lines = sheet.lines_of(words, width, scale=NOTE) if words else []
    marks = tuple(
        Text(x=left, y=top + (index + 0.5) * sheet.line, text=line, colour=sheet.theme.text, scale=NOTE)
        for index, line in enumerate(lines)
    )
    return Body(marks, top + len(lines) * sheet.line)


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


def legend_of_cells(scale: Scale) -> str:
    """What the characters of terminals stand for, in a line that can be broken."""
    if not scale.largest:
        return "· 0"
    against, favour = f"-█ {signed_number(-scale.largest)}", f"+█ {signed_number(scale.largest)}"
    return {"all": f"{against} · 0 {favour}", "negative": f"{against} · 0"}.get(scale.sign, f"· 0 {favour}")


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
