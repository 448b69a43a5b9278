"""Bars: how much each feature adds, or how large it is."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.axis import Axis, signed_number
from pellucid.plot.charts.base import Body, Chart
from pellucid.plot.charts.rows import interval, labelled_rows, unit_below
from pellucid.plot.scene import Line, Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet

Z_95 = 1.96
"""Half of a 95 % confidence interval, in standard errors."""

THICKNESS = 0.62
"""The height of a bar, as a share of that of its row."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Bars(Chart):
    """A horizontal bar for each name, the first on top; the sign of a value is its direction, its colour and its sign.

    Args:
        names: What is on the left, [N].
        values: How long bars are, [N].
        details: What stands beside the names, such as the value of the feature; () for nothing.
        stderr: Standard errors, drawn as 95 % intervals; () for none.
        unit: What values are.
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    details: tuple[str, ...] = ()
    stderr: tuple[float, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        lengths = {len(self.names), len(self.values), *(len(more) for more in (self.details, self.stderr) if more)}
        if len(lengths) > 1:
            raise InvalidArgument(f"names and values must be as many: got {summary(sorted(lengths))}.")

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        bars = zip(self.names, self.values, strict=True)
        largest = sorted(bars, key=lambda bar: -abs(bar[1]))[:3]
        listed = ", ".join(f"{name} {signed_number(value)}" for name, value in largest)
        return f"{self.title or 'Bars'}: {len(self.names)} bars; the largest are {listed}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """A row for each bar."""
        rows = labelled_rows(self.names, self.details, sheet, top)
        halves = [Z_95 * error for error in self.stderr] or [0.0] * len(self.values)
        reaches = [value + (half if value >= 0 else -half) for value, half in zip(self.values, halves, strict=True)]
        largest = max(map(abs, self.values), default=0.0)
        numbers = [signed_number(value, largest) for value in self.values]
        room = max(map(sheet.text_width, numbers), default=0.0) + sheet.gap
        left, right = rows.right + sheet.gap, sheet.width - sheet.gap
        is_below, is_above = any(value < 0 for value in self.values), any(value >= 0 for value in self.values)
        ends = [value + side * half for value, half in zip(self.values, halves, strict=True) for side in (-1, 1)]
        axis = Axis.over(min([0.0, *ends]), max([0.0, *ends]), left + room * is_below, right - room * is_above)
        marks: list[Mark] = [*rows.marks]
        marks.append(Line(places=((axis(0.0), top), (axis(0.0), rows.bottom)), colour=sheet.theme.text))
        for middle, name, value, half, reach, number in zip(
            rows.middles, self.names, self.values, halves, reaches, numbers, strict=True
        ):
            marks.append(
                bar(axis, 0.0, value, middle, sheet, tip=f"{name}: {signed_number(value)} {self.unit}".rstrip())
            )
            if half:
                marks += interval(axis(value - half), axis(value + half), middle, sheet)
            marks.append(number_beside(axis(reach), middle, number, sheet, left=value < 0))
        unit, bottom = unit_below(self.unit, axis(0.0), sheet, rows.bottom)
        return Body((*marks, *unit), bottom)


def bar(axis: Axis, start: float, stop: float, middle: float, sheet: Sheet, *, tip: str = "") -> Rectangle:
    """A bar from one number to another, in the colour of its direction, with lines across it where it goes down.

    Args:
        axis: Where numbers are.
        start: Where it begins.
        stop: Where it ends.
        middle: The middle of its row.
        sheet: What it is laid out on.
        tip: What a page says of it under the pointer.
    """
    first, last = sorted((axis(start), axis(stop)))
    height = sheet.row if sheet.is_grid else THICKNESS * sheet.row
    fill = sheet.theme.by_sign(stop - start)
    return Rectangle(
        x=first, y=middle - height / 2, width=last - first, height=height, fill=fill, tip=tip, hatched=stop < start
    )


def number_beside(x: float, y: float, number: str, sheet: Sheet, *, left: bool) -> Text:
    """A number to the right of a place, or to the left."""
    apart = 1.0 if sheet.is_grid else sheet.gap / 2
    side, anchor = (-apart, "end") if left else (apart, "start")
    return Text(x=x + side, y=y, text=number, colour=sheet.theme.text, anchor=anchor)  # type: ignore[arg-type]  # one of these
