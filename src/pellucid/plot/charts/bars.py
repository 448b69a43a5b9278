"""Bars: how much each feature adds, or how large it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.axis import Axis, signed_number
from pellucid.plot.charts.base import Body, Chart, Limits, Range
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
        are_sizes: Whether values are sizes, whose numbers have no sign and whose bars are of neither sign's colour.
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    details: tuple[str, ...] = ()
    stderr: tuple[float, ...] = ()
    unit: str = ""
    are_sizes: bool = False

    def __post_init__(self) -> None:
        lengths = {len(self.names), len(self.values), *(len(more) for more in (self.details, self.stderr) if more)}
        if len(lengths) > 1:
            raise InvalidArgument(f"names and values must be as many: got {summary(sorted(lengths))}.")

    @property
    def reach(self) -> Limits:
        """The bars with their intervals, from zero on."""
        return Limits(self._range)

    @property
    def _halves(self) -> tuple[float, ...]:
        """Half of each interval; nothing where it is not known."""
        halves = [Z_95 * error for error in self.stderr] or [0.0] * len(self.values)
        return tuple(half if math.isfinite(half) else 0.0 for half in halves)

    @property
    def _range(self) -> Range:
        """From the least to the largest number that is drawn."""
        known = [pair for pair in zip(self.values, self._halves, strict=True) if math.isfinite(pair[0])]
        ends = [value + side * half for value, half in known for side in (-1, 1)]
        return min([0.0, *ends]), max([0.0, *ends])

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        known = [pair for pair in zip(self.names, self.values, strict=True) if math.isfinite(pair[1])]
        largest = sorted(known, key=lambda pair: -abs(pair[1]))[:3]
        listed = ", ".join(f"{name} {self._number(value, None)}" for name, value in largest)
        said = f"; the largest are {listed}." if listed else "."
        return f"{self.title or 'Bars'}: {len(self.names)} {'bar' if len(self.names) == 1 else 'bars'}{said}"

    def body(self, sheet: Sheet, top: float) -> Body:
        """A row for each bar."""
        rows = labelled_rows(self.names, self.details, sheet, top)
        low, high = self.limits.x or self._range
        largest = max((abs(value) for value in self.values if math.isfinite(value)), default=0.0)
        numbers = [self._number(value, largest) for value in self.values]
        room = max(map(sheet.text_width, numbers), default=0.0) + sheet.gap
        left, right = rows.right + sheet.gap, sheet.width - sheet.gap
        is_above = high > 0 or low == 0
        high = high if low < high else 1.0  # of zeros alone, bars have no length
        axis = Axis.over(low, high, left + room * (low < 0), right - room * is_above)
        zero = axis(0.0)
        marks: list[Mark] = [*rows.marks]
        marks.append(Line(places=((zero, top), (zero, rows.bottom)), colour=sheet.theme.text))
        for middle, name, value, half, number in zip(
            rows.middles, self.names, self.values, self._halves, numbers, strict=True
        ):
            reach = zero
            if math.isfinite(value):
                tip = f"{name}: {signed_number(value)} {self.unit}".rstrip()
                marks.append(bar(axis, 0.0, value, middle, sheet, tip=tip, fill=self._fill(sheet)))
                reach = axis(value + (half if value >= 0 else -half))
                if half:
                    marks += interval(axis(value - half), axis(value + half), middle, sheet)
            marks.append(number_beside(reach, middle, number, sheet, left=value < 0))
        unit, bottom = unit_below(self.unit, zero, sheet, rows.bottom)
        return Body((*marks, *unit), bottom)

    def _fill(self, sheet: Sheet) -> str:
        """The colour of sizes; "" for that of the sign."""
        return sheet.theme.magnitude[-2] if self.are_sizes else ""

    def _number(self, value: float, largest: float | None) -> str:
        """The number beside a bar: with its sign, unless it is a size, which has none."""
        text = signed_number(value, largest)
        return text.removeprefix("+") if self.are_sizes else text


def bar(
    axis: Axis, start: float, stop: float, middle: float, sheet: Sheet, *, tip: str = "", fill: str = ""
) -> Rectangle:
    """A bar from one number to another, in the colour of its direction, with lines across it where it goes down.

    Args:
        axis: Where numbers are.
        start: Where it begins.
        stop: Where it ends.
        middle: The middle of its row.
        sheet: What it is laid out on.
        tip: What a page says of it under the pointer.
        fill: Its colour; "" for that of its direction.
    """
    first, last = sorted((axis(start), axis(stop)))
    height = sheet.row if sheet.is_grid else THICKNESS * sheet.row
    fill = fill or sheet.theme.by_sign(stop - start)
    return Rectangle(
        x=first, y=middle - height / 2, width=last - first, height=height, fill=fill, tip=tip, hatched=stop < start
    )


def number_beside(x: float, y: float, number: str, sheet: Sheet, *, left: bool) -> Text:
    """A number to the right of a place, or to the left."""
    apart = 1.0 if sheet.is_grid else sheet.gap / 2
    side, anchor = (-apart, "end") if left else (apart, "start")
    return Text(x=x + side, y=y, text=number, colour=sheet.theme.text, anchor=anchor)  # type: ignore[arg-type]  # one of these
