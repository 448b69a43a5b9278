"""Grouped bars: for each name, a bar of each of some groups, which letters tell apart as well as colours."""

from __future__ import annotations

import math
import string
from dataclasses import dataclass

from pellucid.errors import InvalidArgument
from pellucid.plot.axis import Axis, signed_number
from pellucid.plot.charts.bars import Z_95
from pellucid.plot.charts.base import SMALL, Body, Chart, Range
from pellucid.plot.charts.legends import Swatch, legend_of
from pellucid.plot.charts.rows import interval, labelled_rows, unit_below
from pellucid.plot.scene import Line, Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.theme import LIGHT

BAR = 15.0
"""The height of a bar in pixels."""


@dataclass(frozen=True, kw_only=True, repr=False)
class GroupedBars(Chart):
    """For each name a bar of each group, in the order of the legend.

    Args:
        names: What is on the left, [N].
        groups: What the groups are called, [G], at most as many as there are colours.
        values: How long bars are, NaN where one is missing, [G][N].
        stderr: Standard errors, drawn as 95 % intervals, [G][N]; () for none.
        unit: What values are.
        are_sizes: Whether values are sizes, whose numbers have no sign.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    stderr: tuple[tuple[float, ...], ...] = ()
    unit: str = ""
    are_sizes: bool = False

    def __post_init__(self) -> None:
        if len(self.groups) > len(LIGHT.groups):
            raise InvalidArgument(f"groups must be at most {len(LIGHT.groups)}: got {len(self.groups)}.")
        if len(self.values) != len(self.groups) or any(len(row) != len(self.names) for row in self.values):
            raise InvalidArgument(
                f"values must be one row for each of {len(self.groups)} groups, of {len(self.names)} each: "
                f"got {[len(row) for row in self.values]}."
            )

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        said = []
        for group, values in zip(self.groups, self.values, strict=True):
            known = [pair for pair in zip(self.names, values, strict=True) if math.isfinite(pair[1])]
            name, value = max(known, key=lambda pair: abs(pair[1]), default=("nothing", 0.0))
            said.append(f"of {group}, {name} {self._number(value, None)}")
        return f"{self.title or 'Grouped bars'}: {len(self.names)} names; the largest are {'; '.join(said)}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """The legend, and a row for each name."""
        legend, top = legend_of(self._swatches(sheet), sheet, top)
        thickness = 1.0 if sheet.is_grid else BAR
        least = len(self.groups) * thickness + sheet.gap * (1 if sheet.is_grid else 1.2)
        rows = labelled_rows(self.names, (), sheet, top, least=least)
        texts = self._texts()
        scale = 1.0 if sheet.is_grid else SMALL
        room = max((sheet.text_width(text, scale=scale) for row in texts for text in row), default=0.0) + sheet.gap
        low, high = self._range
        high = high if low < high else 1.0  # of zeros alone, bars have no length
        axis = Axis.over(low, high, rows.right + sheet.gap + room * (low < 0), sheet.width - sheet.gap - room)
        zero = axis(0.0)
        marks: list[Mark] = [*legend, *rows.marks]
        marks.append(Line(places=((zero, top), (zero, rows.bottom)), colour=sheet.theme.text))
        for group in range(len(self.groups)):
            for index, row_middle in enumerate(rows.middles):
                middle = row_middle + (group - (len(self.groups) - 1) / 2) * thickness
                middle = math.floor(middle) + 0.5 if sheet.is_grid else middle
                marks += self._bar((group, index), axis, middle, texts[group][index], sheet)
        unit, bottom = unit_below(self.unit, zero, sheet, rows.bottom)
        return Body((*marks, *unit), bottom)

    def _swatches(self, sheet: Sheet) -> list[Swatch]:
        """The colours of the groups, of which every other one has lines across it."""
        letters = zip(string.ascii_uppercase, self.groups, sheet.theme.groups, strict=False)
        return [
            Swatch(fill, f"{letter}  {group}", hatched=index % 2 == 1)
            for index, (letter, group, fill) in enumerate(letters)
        ]

    def _texts(self) -> list[list[str]]:
        """What stands beside each bar: the letter of its group and its number."""
        largest = max((abs(value) for row in self.values for value in row if math.isfinite(value)), default=0.0)
        return [
            [f"{letter} {self._number(value, largest)}" for value in row]
            for letter, row in zip(string.ascii_uppercase, self.values, strict=False)
        ]

    @property
    def _range(self) -> Range:
        """From the least to the largest number that is drawn."""
        ends = [0.0]
        for group, row in enumerate(self.values):
            for index, value in enumerate(row):
                half = self._half(group, index)
                ends += [value - half, value + half] if math.isfinite(value) else []
        return min(ends), max(ends)

    def _half(self, group: int, index: int) -> float:
        """Half of an interval; nothing where it is not known."""
        error = Z_95 * self.stderr[group][index] if self.stderr else 0.0
        return error if math.isfinite(error) else 0.0

    def _number(self, value: float, largest: float | None) -> str:
        text = signed_number(value, largest)
        return text.removeprefix("+") if self.are_sizes else text

    def _bar(self, which: tuple[int, int], axis: Axis, middle: float, text: str, sheet: Sheet) -> list[Mark]:
        """A bar, its interval and its number."""
        group, index = which
        value, half = self.values[group][index], self._half(group, index)
        if not math.isfinite(value):
            return [_number(axis(0.0), middle, text, sheet, left=False)]
        first, last = sorted((axis(0.0), axis(value)))
        height = 1.0 if sheet.is_grid else 0.8 * BAR
        marks: list[Mark] = [
            Rectangle(
                x=first,
                y=middle - height / 2,
                width=last - first,
                height=height,
                fill=sheet.theme.groups[group],
                hatched=group % 2 == 1,
                tip=f"{self.names[index]}, {self.groups[group]}: {self._number(value, None)} {self.unit}".rstrip(),
            )
        ]
        if half:
            marks += interval(axis(value - half), axis(value + half), middle, sheet)
        reach = axis(value + (half if value >= 0 else -half))
        return [*marks, _number(reach, middle, text, sheet, left=value < 0)]


def _number(x: float, y: float, text: str, sheet: Sheet, *, left: bool) -> Text:
    """A small number beside a bar."""
    apart = 1.0 if sheet.is_grid else sheet.gap / 2
    scale, colour = 1.0 if sheet.is_grid else SMALL, sheet.theme.text
    if left:
        return Text(x=x - apart, y=y, text=text, colour=colour, anchor="end", scale=scale)
    return Text(x=x + apart, y=y, text=text, colour=colour, scale=scale)
