"""The cells of a matrix: colours, lines across negative ones, and numbers where they fit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.plot.axis import signed_number
from pellucid.plot.charts.base import SMALL, Body, paragraph
from pellucid.plot.charts.characters import CHARACTERS, character_of
from pellucid.plot.charts.legends import lines_across, ramp_legend
from pellucid.plot.colours import colour_of, colour_of_size, readable_on
from pellucid.plot.scene import Line, Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet

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
        are_sizes: Whether values are sizes, whose colours and numbers have no sign.
    """

    values: Sequence[Sequence[float]]
    row_labels: Sequence[str]
    column_labels: Sequence[str]
    left: float
    right: float
    largest: float
    are_sizes: bool = False

    def marks(self, edges: Sequence[float], sheet: Sheet) -> Iterator[Mark]:
        """The cells, row by row.

        Args:
            edges: Where rows begin, and where the last one ends, [R + 1].
            sheet: What they are laid out on.
        """
        numbers = [[self._number(value) for value in row] for row in self.values]
        widest = max((sheet.text_width(text, scale=_scale(sheet)) for row in numbers for text in row), default=0.0)
        columns = max(map(len, self.values), default=0)
        width = (self.right - self.left) / max(1, columns)
        is_numbered = widest + (1.0 if sheet.is_grid else 3.0) <= width
        for row, (top, bottom) in enumerate(itertools.pairwise(edges)):
            if not (is_numbered and sheet.is_grid):
                for column in range(columns):
                    yield self._cell((row, column), (self.left + column * width, top, width, bottom - top), sheet)
            if is_numbered:
                yield from self._texts(row, numbers[row], (top + bottom) / 2, width, sheet)
            elif not sheet.is_grid:
                yield from self._lines_across(row, top, bottom, width, sheet)

    def _texts(self, row: int, numbers: Sequence[str], middle: float, width: float, sheet: Sheet) -> Iterator[Text]:
        """The numbers of a row."""
        y = math.floor(middle) + 0.5 if sheet.is_grid else middle
        for column, text in enumerate(numbers):
            x, fill = self.left + (column + 0.5) * width, self._fill(self.values[row][column], sheet)
            colour = sheet.theme.text if sheet.is_grid else readable_on(fill)
            yield Text(x=x, y=y, text=text, colour=colour, anchor="middle", scale=_scale(sheet))

    def _number(self, value: float) -> str:
        text = signed_number(value, self.largest)
        return text.removeprefix("+") if self.are_sizes else text

    def _colour(self, share: float, sheet: Sheet) -> str:
        """The colour of a value, as a share of the largest."""
        return colour_of_size(share, sheet.theme) if self.are_sizes else colour_of(share, sheet.theme)

    def _share(self, value: float) -> float:
        return value / self.largest if self.largest and math.isfinite(value) else 0.0

    def _fill(self, value: float, sheet: Sheet) -> str:
        return self._colour(self._share(value), sheet) if math.isfinite(value) else sheet.theme.neutral

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
            tip=f"{self.row_labels[row]}{label}: {self._number(value)}",
            character=character_of(self._share(value)) if math.isfinite(value) else "?",
        )

    def _lines_across(self, row: int, top: float, bottom: float, width: float, sheet: Sheet) -> Iterator[Line]:
        """Lines across neighbours that are negative, which are too small for numbers."""
        column = 0
        for is_negative, run in itertools.groupby(self.values[row], key=lambda value: self._share(value) < -0.1):
            length = len(list(run))
            if is_negative:
                x, run_width = self.left + column * width, length * width
                yield from lines_across(Rectangle(x=x, y=top, width=run_width, height=bottom - top, fill=""), sheet)
            column += length

    def scale(self, unit: str, sheet: Sheet, top: float) -> Body:
        """What the colours mean, and where that ends.

        Args:
            unit: What the values are.
            sheet: What it is laid out on.
            top: Where it begins.
        """
        if not self.largest:
            return paragraph(unit, sheet, top)
        least = 0.0 if self.are_sizes else -self.largest
        low, high = self._number(least), self._number(self.largest)
        if sheet.is_grid:
            labels, top = paragraph(unit, sheet, top)
            characters = CHARACTERS[2::-1] if self.are_sizes else CHARACTERS[::-1]
            said, bottom = paragraph(f"{' '.join(characters)}  from {low} to {high}", sheet, top)
            return Body((*labels, *said), bottom)
        shares = np.linspace(least / self.largest, 1, STEPS_OF_SCALE).tolist()
        colours = [self._colour(share, sheet) for share in shares]
        crossed = 0.0 if self.are_sizes else (STEPS_OF_SCALE // 2) / STEPS_OF_SCALE
        return ramp_legend(unit, (low, high), sheet, top, colours=colours, crossed=crossed)


def _scale(sheet: Sheet) -> float:
    """The size of numbers in cells."""
    return 1.0 if sheet.is_grid else SMALL
