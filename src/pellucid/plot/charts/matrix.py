"""Matrices: numbers of rows and columns as cells, with what is above the columns and beside the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pellucid.errors import InvalidArgument
from pellucid.plot.arrays import Array
from pellucid.plot.axis import Axis, number_text, signed_number
from pellucid.plot.charts.base import Body, Chart, paragraph
from pellucid.plot.charts.cells import Cells
from pellucid.plot.charts.rows import labelled_rows
from pellucid.plot.charts.ticks import widest_tick
from pellucid.plot.scene import Line, Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet

NARROWEST_COLUMN = 2.0
UPRIGHT = 90.0
"""How long lines of upright labels may be, before they are broken."""

LINE_HEIGHT, SIDE = 54.0, 0.12
"""The height of the line above the columns, and the share of the width that the bars beside the rows take."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Matrix(Chart):
    """Cells whose colour, lines across and, where they fit, numbers say how large their values are, and of what sign.

    Args:
        values: NaN where one is missing, [R][C].
        row_labels: What is left of the rows, [R].
        column_labels: What is above the columns, [C]; () for nothing.
        column_title: What the columns are.
        line: A number of each column, drawn as a line above them, [C]; () for none.
        line_label: What these are.
        sizes: A size of each row, drawn as a bar beside it, [R]; () for none.
        unit: What the values are.
        are_sizes: Whether values are sizes, whose colours and numbers have no sign.
    """

    values: tuple[tuple[float, ...], ...]
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...] = ()
    column_title: str = ""
    line: tuple[float, ...] = ()
    line_label: str = ""
    sizes: tuple[float, ...] = ()
    unit: str = ""
    are_sizes: bool = False

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.values}
        columns = {len(labels) for labels in (self.column_labels, self.line) if labels}
        if len(self.values) != len(self.row_labels) or len(widths | columns) > 1:
            raise InvalidArgument(
                f"values must be a row for each of {len(self.row_labels)} row_labels, and in each a value for each "
                f"of column_labels and of line: got {len(self.values)} rows of {sorted(widths)}."
            )

    @property
    def largest(self) -> float:
        """The largest size of a value; 0 where there is none."""
        return max((abs(value) for row in self.values for value in row if math.isfinite(value)), default=0.0)

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        columns = len(self.values[0]) if self.values else 0
        said = f"{self.title or 'Matrix'}: {len(self.values)} rows of {columns} columns"
        known = [(abs(v), r, c, v) for r, row in enumerate(self.values) for c, v in enumerate(row) if math.isfinite(v)]
        if not known:
            return f"{said}, no values."
        _, row, column, value = max(known)
        label = self.column_labels[column] if self.column_labels else f"column {column + 1}"
        return f"{said}; the largest value is {signed_number(value)}, of {self.row_labels[row]} and {label}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """Labels, the line, the cells, the bars, and the scale of the colours."""
        names = labelled_rows(self.row_labels, (), sheet, top)
        bars = SIDE * sheet.width if self.sizes else 0.0
        ticks = self._line_ticks()
        left = max(names.right, widest_tick(ticks, sheet) if ticks else 0.0) + sheet.gap
        right = sheet.width - 2 * sheet.gap - bars
        count = max(1, len(self.values[0]) if self.values else 1)
        most = max(1, math.floor((right - left) / (1.0 if sheet.is_grid else NARROWEST_COLUMN)))
        if count > most:
            return self._joined(math.ceil(count / most)).body(sheet, top)
        if sheet.is_grid:
            right = left + count * math.floor((right - left) / count)
        title, top = paragraph(self.column_title, sheet, top)
        marks: list[Mark] = [*title]
        if self.line:
            drawn, top = self._line(left, right, sheet, top)
            marks += drawn
        labels, top = _column_labels(self.column_labels, left, right, sheet, top)
        rows = labelled_rows(self.row_labels, (), sheet, top)
        marks += [*labels, *rows.marks]
        cells = Cells(self.values, self.row_labels, self.column_labels, left, right, self.largest, self.are_sizes)
        marks += cells.marks(rows.edges, sheet)
        if self.sizes:
            marks += self._bars(rows.middles, right + sheet.gap, sheet)
        scale, bottom = cells.scale(self.unit, sheet, rows.bottom + sheet.gap / 2 * (not sheet.is_grid))
        return Body((*marks, *scale), bottom)

    def _joined(self, count: int) -> Matrix:
        """The matrix with the means of so many neighbouring columns, for which there is no room."""
        array = np.array(self.values)
        starts = range(0, array.shape[1], count)

        def means(rows: Array) -> tuple[tuple[float, ...], ...]:
            parts = [rows[:, start : start + count] for start in starts]
            known = [np.isfinite(part).sum(1) for part in parts]
            sums = [
                np.where(np.isfinite(part), part, 0.0).sum(1) / np.maximum(1, number)
                for part, number in zip(parts, known, strict=True)
            ]
            columns = [np.where(number, total, np.nan) for total, number in zip(sums, known, strict=True)]
            return tuple(map(tuple, np.stack(columns, axis=1).tolist()))

        labels = [self.column_labels[start : start + count] for start in starts] if self.column_labels else []
        return replace(
            self,
            values=means(array),
            line=means(np.array([self.line]))[0] if self.line else (),
            column_labels=tuple(f"{each[0]} … {each[-1]}" if len(each) > 1 else each[0] for each in labels),
            column_title=f"{self.column_title} Each column is the mean of up to {count} neighbours.".strip(),
        )

    def _line_ticks(self) -> tuple[tuple[float, str], ...]:
        """The least and the largest number of the line."""
        known = [number for number in self.line if math.isfinite(number)]
        return tuple((number, number_text(number)) for number in sorted({min(known), max(known)})) if known else ()

    def _line(self, left: float, right: float, sheet: Sheet, top: float) -> tuple[list[Mark], float]:
        """The line above the columns; of characters, a block for each."""
        marks, top = paragraph(self.line_label, sheet, top)
        ticks = self._line_ticks()
        if not ticks:
            return [*marks], top
        height, apart = (3.0, 0.0) if sheet.is_grid else (LINE_HEIGHT, sheet.gap)
        low = ticks[0][0]
        y = Axis.over(low, ticks[-1][0], top + height, top + apart)
        drawn: list[Mark] = [*marks]
        for tick, text in ticks:
            place = min(top + height - 0.5, y(tick)) if sheet.is_grid else y(tick)
            drawn.append(
                Text(
                    x=left - sheet.gap / 2 * (2 if sheet.is_grid else 1),
                    y=place,
                    text=text,
                    colour=sheet.theme.text,
                    anchor="end",
                )
            )
        width = (right - left) / len(self.line)
        if sheet.is_grid:
            for index, number in enumerate(self.line):
                tall = max(0.125, y.first - y(number)) if math.isfinite(number) else 0.0
                x, fill = left + index * width, sheet.theme.neutral
                drawn.append(Rectangle(x=x, y=y.first - tall, width=width, height=tall, fill=fill))
            return drawn, top + height
        places = [
            (left + (index + 0.5) * width, y(number)) for index, number in enumerate(self.line) if math.isfinite(number)
        ]
        places = places if len(places) > 1 else [(left, places[0][1]), (right, places[0][1])]
        drawn.append(Line(places=tuple(places), colour=sheet.theme.text, width=1.5))
        return drawn, top + height + sheet.gap

    def _bars(self, middles: Sequence[float], left: float, sheet: Sheet) -> list[Mark]:
        """A bar of each row's size."""
        known = [size for size in self.sizes if math.isfinite(size)]
        axis = Axis.over(0.0, max(known, default=0.0), left, sheet.width - sheet.gap)
        height = 1.0 if sheet.is_grid else 0.5 * sheet.row
        return [
            Rectangle(
                x=left,
                y=middle - height / 2,
                width=axis(size) - left,
                height=height,
                fill=sheet.theme.magnitude[-2],
                tip=f"{name}: mean size {number_text(size)}",
            )
            for middle, size, name in zip(middles, self.sizes, self.row_labels, strict=True)
            if math.isfinite(size) and size > 0
        ]


def _column_labels(
    labels: Sequence[str], left: float, right: float, sheet: Sheet, top: float
) -> tuple[list[Mark], float]:
    """What is above the columns: level where it fits, or else upright."""
    if not labels:
        return [], top
    width, colour = (right - left) / len(labels), sheet.theme.text
    middles = [left + (index + 0.5) * width for index in range(len(labels))]
    widest = max(map(sheet.text_width, labels))
    if widest + sheet.gap / 2 <= width:
        return [
            Text(x=middle, y=top + sheet.line / 2, text=label, colour=colour, anchor="middle")
            for middle, label in zip(middles, labels, strict=True)
        ], top + sheet.line
    if sheet.is_grid or width < sheet.line * 0.9:
        return _numbered(labels, middles, width, sheet, top)
    return _upright(labels, middles, width, sheet, top)


def _upright(
    labels: Sequence[str], middles: Sequence[float], width: float, sheet: Sheet, top: float
) -> tuple[list[Mark], float]:
    """Labels that are read from below, in as many lines as have room in a column."""
    count = max(1, math.floor(width / sheet.line))
    longest = max(max(map(sheet.text_width, labels)) / count, UPRIGHT)
    broken = [sheet.lines_of(label, longest + 1e-6) for label in labels]
    lines = [each if len(each) <= count else [" ".join(each)] for each in broken]
    height = max(sheet.text_width(line) for each in lines for line in each)
    marks: list[Mark] = []
    for middle, each in zip(middles, lines, strict=True):
        for index, line in enumerate(each):
            x = middle + (index - (len(each) - 1) / 2) * sheet.line
            marks.append(Text(x=x, y=top + height, text=line, colour=sheet.theme.text, upright=True))
    return marks, top + height + sheet.gap / 2


def _numbered(
    labels: Sequence[str], middles: Sequence[float], width: float, sheet: Sheet, top: float
) -> tuple[list[Mark], float]:
    """Numbers above the columns, as many as have room, and what they mean in a list above."""
    listed = ",  ".join(f"{number} {label}" for number, label in enumerate(labels, 1))
    marks, top = paragraph(listed, sheet, top)
    widest = sheet.text_width(str(len(labels))) + sheet.gap / 2
    every = max(1, math.ceil(widest / width))
    numbers: list[Mark] = [
        Text(x=middle, y=top + sheet.line / 2, text=str(number), colour=sheet.theme.text, anchor="middle")
        for number, middle in enumerate(middles, 1)
        if (number - 1) % every == 0
    ]
    return [*marks, *numbers], top + sheet.line
