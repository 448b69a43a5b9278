"""Explanations as terminals show them: a table with bars, what is left, and whether it adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.explanation.reading import Reading, columns_of, is_of_pixels, reading_of
from pellucid.plot.axis import signed_number
from pellucid.plot.lettering import columns_of as width_of
from pellucid.plot.sheet import Sheet
from pellucid.plot.theme import LIGHT

if TYPE_CHECKING:
    from pellucid.explanation.explanation import Explanation

BAR = 24
"""The longest bar, in characters."""


def text_of_explanation(explanation: Explanation, *, columns: int, coloured: bool) -> str:
    """The table of an explanation.

    Args:
        explanation: The explanation.
        columns: How wide it may be.
        coloured: Whether bars have the colours of their signs.
    """
    reading = reading_of(explanation)
    sheet = Sheet.of_terminal(columns)
    names, numbers = columns_of(reading.rows, are_sizes=reading.are_sizes)
    count, others = reading.remainder
    largest = max((abs(row.value) for row in reading.rows), default=0.0)
    if count or others:
        names.append(f"and {count} more" if count else "left out")
        numbers.append(signed_number(others, largest).removeprefix("+" if reading.are_sizes else ""))
    number_width = max(map(width_of, numbers), default=0)
    bar = max(4, min(BAR, columns // 4))
    name_width = min(max(map(width_of, names), default=0), columns - number_width - bar - 4)
    lines = [*sheet.lines_of(reading.heading, columns), *sheet.lines_of(reading.predictions, columns)]
    if is_of_pixels(explanation):
        lines.append(explanation[:1].plot().text(columns, coloured=coloured))
        return "\n".join([*lines, *_notes(reading, sheet)])
    values = [row.value for row in reading.rows] + [others] * (len(names) - len(reading.rows))
    for name, number, value in zip(names, numbers, values, strict=True):
        first, *further = sheet.lines_of(name, name_width)
        filled = _bar(value, largest, bar, coloured)
        lines.append(f"  {_padded(first, name_width)}  {number.rjust(number_width)}  {filled}".rstrip())
        lines += [f"    {line}" for line in further]
    return "\n".join([*lines, *_notes(reading, sheet)])


def _notes(reading: Reading, sheet: Sheet) -> list[str]:
    """Whether values add up, and what else a reader must know, a paragraph each."""
    lines = []
    for note in filter(None, (reading.sums, *reading.notes)):
        first, *further = sheet.lines_of(note, sheet.width - 2)
        lines += [f"* {first}", *(f"  {line}" for line in further)]
    return lines


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def _bar(value: float, largest: float, width: int, coloured: bool) -> str:
    """A bar whose length is the size of a value; one below zero is hatched."""
    if not largest or value != value:
        return ""
    length = round(min(1.0, abs(value) / largest) * width)
    bar = ("█" if value > 0 else "▒") * length or ("▏" if value else "")
    if not coloured or not bar:
        return bar
    colour = LIGHT.by_sign(value)
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"\x1b[38;2;{red};{green};{blue}m{bar}\x1b[0m"
