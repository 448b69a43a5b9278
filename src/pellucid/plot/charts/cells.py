"""The cells of a matrix: colours, lines across negative ones, and numbers where they fit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pellucid.plot.axis import signed_number
from pellucid.plot.charts.base import paragraph
from pellucid.plot.colours import colour_of, readable_on
from pellucid.plot.scene import Line, Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.svg import hatching

SMALL = 0.8
NEGATIVE_LINES = 6.0
"""How far apart the lines across negative cells are."""

CHARACTERS = "#+\N{MIDDLE DOT}-="
"""What cells of terminals are made of, from the most up, over nearly nothing, to the most down."""

STEPS_OF_SCALE = 21


@dataclass(frozen=True)
class Cells:
    """Cells of a matrix.

    Args:
        values: NaN where one is missing, [R][C].
        row_labels: Of the rows, [R].
        column_labels: Of the columns, [C]; () where they have none.
        left: Where the first column begins.
        right: Where the last one ends.
        largest: The size at which colours are darkest.
    """

    values: Sequence[Sequence[float]]
    row_labels: Sequence[str]
    column_labels: Sequence[str]
    left: float
    right: float
    largest: float

    def marks(self, edges: Sequence[float], sheet: Sheet) -> Iterator[Mark]:
        """The cells, row by row.

        Args:
            edges: Where rows begin, and where the last one ends, [R + 1].
            sheet: What they are laid out on.
        """
        numbers = [[signed_number(value, self.largest) for value in row] for row in self.values]
        scale = 1.0 if sheet.is_grid else SMALL
        widest = max((sheet.text_width(text, scale=scale) for row in numbers for text in row), default=0.0)
        columns = max(map(len, self.values), default=0)
        width = (self.right - self.left) / max(1, columns)
        is_numbered = widest + (1.0 if sheet.is_grid else 3.0) <= width
        for row, (top, bottom) in enumerate(itertools.pairwise(edges)):
            for column in range(len(self.values[row])):
                yield self._cell((row, column), (self.left + column * width, top, width, bottom - top), sheet)
            if not is_numbered and not sheet.is_grid:
                yield from self._lines_across(row, top, bottom, width, sheet)
            for column, text in enumerate(numbers[row] if is_numbered else ()):
                x, fill = self.left + (column + 0.5) * width, self._fill(self.values[row][column], sheet)
                y = math.floor((top + bottom) / 2) + 0.5 if sheet.is_grid else (top + bottom) / 2
                yield Text(x=x, y=y, text=text, colour=readable_on(fill), anchor="middle", scale=scale)

    def _share(self, value: float) -> float:
        return value / self.largest if self.largest and math.isfinite(value) else 0.0

    def _fill(self, value: float, sheet: Sheet) -> str:
        return colour_of(self._share(value), sheet.theme) if math.isfinite(value) else sheet.theme.neutral

    def _cell(self, which: tuple[int, int], box: tuple[float, float, float, float], sheet: Sheet) -> Rectangle:
        """A cell."""
        row, column = which
        value = self.values[row][column]
        label = f", {self.column_labels[column]}" if self.column_labels else ""
        x, y, width, height = box
        gap = 1.0 if width > 8 and not sheet.is_grid else 0.0
        return Rectangle(
            x=x,
            y=y + gap / 2,
            width=width - gap,
            height=height - gap,
            fill=self._fill(value, sheet),
            tip=f"{self.row_labels[row]}{label}: {signed_number(value)}",
            character=character_of(self._share(value)) if math.isfinite(value) else "?",
        )

    def _lines_across(self, row: int, top: float, bottom: float, width: float, sheet: Sheet) -> Iterator[Line]:
        """Lines across neighbours that are negative, which are too small for numbers."""
        column = 0
        for is_negative, run in itertools.groupby(self.values[row], key=lambda value: self._share(value) < -0.1):
            length = len(list(run))
            if is_negative:
                area = Rectangle(
                    x=self.left + column * width, y=top, width=length * width, height=bottom - top, fill=""
                )
                for ends in hatching(area, NEGATIVE_LINES):
                    yield Line(places=ends, colour=sheet.theme.background, width=0.8)
            column += length

    def scale(self, unit: str, sheet: Sheet, top: float) -> tuple[tuple[Mark, ...], float]:
        """What the colours mean, and where that ends.

        Args:
            unit: What the values are.
            sheet: What it is laid out on.
            top: Where it begins.
        """
        labels, top = paragraph(unit, sheet, top)
        if not self.largest:
            return labels, top
        colour, middle = sheet.theme.text, top + sheet.line / 2
        low, high = signed_number(-self.largest), signed_number(self.largest)
        if sheet.is_grid:
            text = f"{' '.join(reversed(CHARACTERS))}  from {low} to {high}"
            said, bottom = paragraph(text, sheet, top)
            return (*labels, *said), bottom
        marks: list[Mark] = [*labels, Text(x=sheet.gap, y=middle, text=low, colour=colour)]
        left, width, height = 2 * sheet.gap + sheet.text_width(low), 6.0, 12.0
        for step in range(STEPS_OF_SCALE):
            share = 2 * step / (STEPS_OF_SCALE - 1) - 1
            x, y, fill = left + step * width, middle - height / 2, colour_of(share, sheet.theme)
            marks.append(Rectangle(x=x, y=y, width=width, height=height, fill=fill))
        area = Rectangle(x=left, y=middle - height / 2, width=width * (STEPS_OF_SCALE // 2), height=height, fill="")
        marks += [
            Line(places=ends, colour=sheet.theme.background, width=0.8) for ends in hatching(area, NEGATIVE_LINES)
        ]
        right = left + STEPS_OF_SCALE * width + sheet.gap
        marks.append(Text(x=right, y=middle, text=high, colour=colour))
        return tuple(marks), top + sheet.line


def character_of(share: float) -> str:
    """What a cell of a terminal is made of, whatever its colour.

    Args:
        share: Its value as a share of the largest, from -1 to 1.
    """
    if abs(share) < 0.1:
        return CHARACTERS[2]
    if share > 0:
        return CHARACTERS[0] if share >= 0.5 else CHARACTERS[1]
    return CHARACTERS[4] if share <= -0.5 else CHARACTERS[3]
