"""Waterfalls: from the prediction of the baseline, feature by feature, to the prediction."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from pellucid.plot.axis import Axis, number_text, signed_number
from pellucid.plot.charts.bars import bar, number_beside
from pellucid.plot.charts.base import Body, Chart
from pellucid.plot.charts.rows import labelled_rows, unit_below
from pellucid.plot.scene import Line, Mark, Rectangle
from pellucid.plot.sheet import Sheet

START, END, GAP = "baseline", "prediction", "not accounted for"


@dataclass(frozen=True, kw_only=True, repr=False)
class Waterfall(Chart):
    """Steps from where the output starts to where it ends; what the steps miss is one of them.

    Args:
        names: What each step is of, [N].
        steps: How far each goes, [N].
        start: The output at the baseline.
        end: The output at the input.
        details: What stands beside the names; () for nothing.
        unit: What the output is.
    """

    names: tuple[str, ...]
    steps: tuple[float, ...]
    start: float
    end: float
    details: tuple[str, ...] = ()
    unit: str = ""

    @property
    def gap(self) -> float:
        """What the steps miss: the change of the output less their sum."""
        return self.end - self.start - sum(self.steps)

    @property
    def has_gap(self) -> bool:
        """Whether that is more than what is lost in rounding."""
        sizes = [abs(self.start), abs(self.end), *map(abs, self.steps)]
        return abs(self.gap) > 1e-3 * max([abs(self.end - self.start), 1e-2 * max(sizes)])

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        path = f"from {number_text(self.start)} at the baseline to {number_text(self.end)}"
        largest = sorted(zip(self.names, self.steps, strict=True), key=lambda step: -abs(step[1]))[:3]
        listed = ", ".join(f"{name} {signed_number(step)}" for name, step in largest)
        return f"{self.title or 'Waterfall'}: {path} {self.unit}; the largest steps are {listed}.".replace("  ", " ")

    def body(self, sheet: Sheet, top: float) -> Body:
        """The start, a row for each step, and the end."""
        theme = sheet.theme
        names, steps, details = self.names, self.steps, self.details or ("",) * len(self.names)
        if self.has_gap:
            names, steps, details = (*names, GAP), (*steps, self.gap), (*details, "")
        rows = labelled_rows((START, *names, END), ("", *details, ""), sheet, top)
        levels = list(itertools.accumulate(steps, initial=self.start))
        largest = max(map(abs, steps), default=0.0)
        numbers = [signed_number(step, largest) for step in steps]
        outer = (number_text(self.start), number_text(self.end))
        room = max(map(sheet.text_width, [*numbers, *outer])) + sheet.gap
        left, right = rows.right + sheet.gap, sheet.width - sheet.gap
        axis = Axis.over(min(*levels, self.end), max(*levels, self.end), left + room, right - room)
        marks: list[Mark] = [*rows.marks]
        ends = ((rows.middles[0], self.start, outer[0]), (rows.middles[-1], self.end, outer[1]))
        for middle, level, text in ends:
            marks += [*_level(axis(level), middle, sheet), number_beside(axis(level), middle, text, sheet, left=False)]
        for index, (name, step, number) in enumerate(zip(names, steps, numbers, strict=True)):
            middle, start = rows.middles[index + 1], levels[index]
            if not sheet.is_grid:
                joined = ((axis(start), rows.middles[index]), (axis(start), middle))
                marks.append(Line(places=joined, colour=theme.neutral, dashed=True))
            tip = f"{name}: {signed_number(step)} {self.unit}".rstrip()
            is_gap = self.has_gap and index == len(names) - 1
            marks.append(
                _gap_bar(axis, start, start + step, middle, sheet, tip)
                if is_gap
                else bar(axis, start, start + step, middle, sheet, tip=tip)
            )
            marks.append(number_beside(axis(start + step), middle, number, sheet, left=step < 0))
        if not sheet.is_grid:
            last = (axis(levels[-1]), rows.middles[-2]), (axis(self.end), rows.middles[-1])
            marks.append(Line(places=last, colour=theme.neutral, dashed=True))
        unit, bottom = unit_below(self.unit, sheet.width, sheet, rows.bottom)
        return Body((*marks, *unit), bottom)


def _level(x: float, y: float, sheet: Sheet) -> tuple[Mark, ...]:
    """A mark at an output."""
    half = 0.4 * sheet.row
    return (Line(places=((x, y - half), (x, y + half)), colour=sheet.theme.text, width=3.0),)


def _gap_bar(axis: Axis, start: float, stop: float, middle: float, sheet: Sheet, tip: str) -> Rectangle:
    """What is missing, in the colour of neither sign."""
    first, last = sorted((axis(start), axis(stop)))
    height = sheet.row if sheet.is_grid else 0.3 * sheet.row
    return Rectangle(
        x=first, y=middle - height / 2, width=last - first, height=height, fill=sheet.theme.neutral, tip=tip
    )
