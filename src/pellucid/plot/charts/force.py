"""Forces: what pushes a prediction up, from the left, and down, from the right, to where it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pellucid.errors import InvalidArgument
from pellucid.plot.axis import Axis, number_text, signed_number
from pellucid.plot.charts.base import Body, Chart, paragraph
from pellucid.plot.charts.rows import unit_below
from pellucid.plot.charts.ticks import ticks_below
from pellucid.plot.colours import readable_on
from pellucid.plot.scene import Line, Mark, Place, Polygon, Rectangle, Text
from pellucid.plot.sheet import Sheet

UP, DOWN = "up", "down"
TIP = 6.0
"""How far the arrow of a push reaches into the next one."""


@dataclass(frozen=True)
class Push:
    """One push.

    Args:
        name: What it is of, with what stands beside it.
        value: How far it goes.
        number: Of it in the lists, from 1 on.
        start: Where it begins.
        stop: Where it ends: of the largest, at the prediction.
    """

    name: str
    value: float
    number: int
    start: float
    stop: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Force(Chart):
    """A strip of pushes, the largest nearest to the prediction, with numbers that the names below bear.

    Args:
        names: What pushes, [N].
        values: How far, up where positive, [N].
        start: The output at the baseline.
        end: The output at the input, where the pushes meet.
        details: What stands beside the names; () for nothing.
        unit: What the output is.
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    start: float
    end: float
    details: tuple[str, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.values, self.start, self.end))):
            raise InvalidArgument(
                "values, start and end must be finite: got some that are not. Hint: explanation.plot.bar()."
            )

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        said = [f"{push.name} {signed_number(push.value)}" for push in (*self.pushes(UP)[:2], *self.pushes(DOWN)[:2])]
        path = f"from {number_text(self.start)} at the baseline to {number_text(self.end)}"
        return f"{self.title or 'Force'}: {path}; pushed by {', '.join(said) or 'nothing'}."

    def pushes(self, direction: str) -> list[Push]:
        """Those in a direction, from the largest, which ends at the prediction.

        Args:
            direction: `up` or `down`.
        """
        details = self.details or ("",) * len(self.names)
        listed = [
            (f"{name} {detail}".rstrip(), value)
            for name, detail, value in zip(self.names, details, self.values, strict=True)
            if (value > 0 if direction == UP else value < 0)
        ]
        listed.sort(key=lambda pair: -abs(pair[1]))
        first = 1 if direction == UP else 1 + sum(value > 0 for value in self.values)
        pushes, stop = [], self.end
        for number, (name, value) in enumerate(listed, first):
            pushes.append(Push(name, value, number, stop - value, stop))
            stop -= value
        return pushes

    def body(self, sheet: Sheet, top: float) -> Body:
        """The numbers of start and end, the strip, its axis, and the names."""
        pushes = (self.pushes(UP), self.pushes(DOWN))
        levels = [self.start, self.end, *(push.start for listed in pushes for push in listed)]
        edge = 2 * sheet.gap
        axis = Axis.over(min(levels), max(levels), edge, sheet.width - edge, margin=0.01)
        marks, top = _ends(self.start, self.end, axis, sheet, top)
        height = 1.0 if sheet.is_grid else 1.2 * sheet.row
        strip = top + height
        for direction, listed in zip((UP, DOWN), pushes, strict=True):
            for push in listed:
                marks += _arrow(push, axis, top, direction, sheet)
        for level, dashed in ((self.start, True), (self.end, False)):
            x = axis(level)
            if not sheet.is_grid:
                ends = ((x, top - 4), (x, strip + 4))
                marks.append(Line(places=ends, colour=sheet.theme.text, width=2.0, dashed=dashed))
        ticks, below = ticks_below(axis, strip, strip + sheet.gap / 2 * (not sheet.is_grid), sheet)
        unit, below = unit_below(self.unit, sheet.width / 2, sheet, below)
        below += sheet.gap
        width = sheet.width / 2 - sheet.gap
        bottoms = []
        for title, listed, left in zip(("pushes up", "pushes down"), pushes, (0.0, sheet.width / 2), strict=True):
            listing, bottom = _list(title, listed, (left + sheet.gap * (not sheet.is_grid), width), sheet, below)
            marks += listing
            bottoms.append(bottom)
        still = [name for name, value in zip(self.names, self.values, strict=True) if not value]
        unmoved, bottom = paragraph(f"no push: {', '.join(still)}" if still else "", sheet, max(bottoms))
        return Body((*marks, *ticks, *unit, *unmoved), bottom)


def _ends(start: float, end: float, axis: Axis, sheet: Sheet, top: float) -> tuple[list[Mark], float]:
    """What the output is at the baseline and at the input, in two lines above their places."""
    marks: list[Mark] = []
    for level, text, bold in (
        (start, f"baseline {number_text(start)}", False),
        (end, f"prediction {number_text(end)}", True),
    ):
        half = sheet.text_width(text, bold=bold) / 2
        x = min(max(axis(level), half + sheet.gap), sheet.width - half - sheet.gap)
        marks.append(Text(x=x, y=top + sheet.line / 2, text=text, colour=sheet.theme.text, anchor="middle", bold=bold))
        top += sheet.line
    if sheet.is_grid:
        columns = {math.floor(axis(start)): "┊", math.floor(axis(end)): "▼"}
        marks += [Text(x=x, y=top + 0.5, text=sign, colour=sheet.theme.text) for x, sign in columns.items()]
        return marks, top + 1.0
    return marks, top + sheet.gap


def _arrow(push: Push, axis: Axis, top: float, direction: str, sheet: Sheet) -> list[Mark]:
    """A push as an arrow in its direction, with its number where that has room."""
    first, last = axis(push.start), axis(push.stop)
    fill = sheet.theme.by_sign(push.value)
    text = str(push.number)
    if sheet.is_grid:
        left, right = sorted((first, last))
        strip: list[Mark] = [
            Rectangle(x=left, y=top, width=right - left, height=1.0, fill=fill, hatched=direction == DOWN)
        ]
        if right - left >= sheet.text_width(text) + 2:
            strip.append(Text(x=(left + right) / 2, y=top + 0.5, text=text, colour=sheet.theme.text, anchor="middle"))
        return strip
    height = 1.2 * sheet.row
    tip = math.copysign(min(TIP, abs(last - first)), last - first)
    # Apart from the next one by a line in the colour of the background.
    first += math.copysign(min(1.0, abs(last - first) / 4), last - first)
    corners: tuple[Place, ...] = (
        (first, top),
        (last - tip, top),
        (last, top + height / 2),
        (last - tip, top + height),
        (first, top + height),
        (first + tip, top + height / 2),
    )
    if abs(last - first) <= 2 * TIP:
        corners = ((first, top), (last, top + height / 2), (first, top + height))
    said = f"{push.name}: {signed_number(push.value)}"
    marks: list[Mark] = [Polygon(places=corners, fill=fill, tip=said)]
    if abs(last - first) >= sheet.text_width(text) + 2 * TIP + 4:
        middle = (first + last + tip) / 2 if abs(last - first) > 3 * TIP else (first + last) / 2
        marks.append(Text(x=middle, y=top + height / 2, text=text, colour=readable_on(fill), anchor="middle"))
    return marks


def _list(
    title: str, pushes: list[Push], column: tuple[float, float], sheet: Sheet, top: float
) -> tuple[list[Mark], float]:
    """The names of pushes in a direction, and where they end."""
    left, width = column
    colour = sheet.theme.text
    marks: list[Mark] = []
    largest = abs(pushes[0].value) if pushes else 0.0
    texts = [f"{push.number}  {signed_number(push.value, largest)}  {push.name}" for push in pushes]
    for text, bold in ((title, True), *((text, False) for text in texts or ["nothing"])):
        for line in sheet.lines_of(text, width - sheet.gap, bold=bold):
            marks.append(Text(x=left, y=top + sheet.line / 2, text=line, colour=colour, bold=bold))
            top += sheet.line
    return marks, top
