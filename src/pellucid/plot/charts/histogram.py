"""Histograms: how many values there are in each of some bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.axis import AnyAxis, number_text
from pellucid.plot.charts.base import Body, Chart, Limits, Range
from pellucid.plot.charts.plane import plane_of
from pellucid.plot.charts.ticks import Ticks
from pellucid.plot.scene import Line, Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet

SMALLEST = 0.6
"""Where a logarithmic axis of counts starts: below one, so that a single count has a bar."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Histogram(Chart):
    """Upright bars of counts of values between edges; the sign of a value is where it is, its colour and lines across.

    Args:
        edges: Of the bins, ascending, [N + 1].
        counts: Of values in each bin, [N].
        x_label: What the values are.
        y_label: What is counted.
        logarithmic: Whether counts are on a logarithmic axis, which shows rare values beside common ones.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    x_label: str = ""
    y_label: str = ""
    logarithmic: bool = False

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1:
            raise InvalidArgument(
                f"edges must be one more than counts: got {len(self.edges)} edges of {len(self.counts)} counts."
            )

    @property
    def reach(self) -> Limits:
        """The bins, and the largest count."""
        return Limits(self._across, self._up)

    @property
    def _across(self) -> Range:
        return self.edges[0], self.edges[-1]

    @property
    def _up(self) -> Range:
        return 0.0, float(max(self.counts, default=1))

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        if not any(self.counts):
            return f"{self.title or 'Histogram'}: no values."
        largest = max(range(len(self.counts)), key=self.counts.__getitem__)
        between = f"between {number_text(self.edges[largest])} and {number_text(self.edges[largest + 1])}"
        return (
            f"{self.title or 'Histogram'}: {sum(self.counts)} values from {number_text(self.edges[0])} to "
            f"{number_text(self.edges[-1])}; the most, {self.counts[largest]}, are {between}."
        )

    def body(self, sheet: Sheet, top: float) -> Body:
        """Bars in a plane."""
        across, (_, most) = self.limits.x or self._across, self.limits.y or self._up
        most = max(1.0, most)
        up: Range = (0.0, most * 1.12)
        ticks: Ticks = ()
        if self.logarithmic:
            up = (math.log10(SMALLEST), math.log10(most * 1.6))
            ticks = tuple((float(power), f"{10**power:g}") for power in range(math.floor(math.log10(most)) + 1))
        plane = plane_of(sheet, top, across, up, x_label=self.x_label, y_label=self.y_label, ticks=ticks)
        marks: list[Mark] = [*plane.marks]
        bars = [self._bar(index, plane.x, plane.y, sheet) for index, count in enumerate(self.counts) if count]
        marks += bars
        texts = [str(count) for count in self.counts if count]
        if all(
            sheet.text_width(text) <= 1.05 * bar.width - sheet.is_grid for text, bar in zip(texts, bars, strict=True)
        ):
            marks += [
                Text(x=bar.x + bar.width / 2, y=_above(bar, sheet), text=text, colour=sheet.theme.text, anchor="middle")
                for text, bar in zip(texts, bars, strict=True)
            ]
        base = ((plane.x.first, plane.y.first), (plane.x.last, plane.y.first))
        if not sheet.is_grid:
            marks.append(Line(places=base, colour=sheet.theme.text))
        return Body(tuple(marks), plane.end)

    def _bar(self, index: int, x: AnyAxis, y: AnyAxis, sheet: Sheet) -> Rectangle:
        """The bar of a bin."""
        low, high, count = self.edges[index], self.edges[index + 1], self.counts[index]
        middle = 0.0 if low < 0 < high and abs(low + high) < 1e-6 * (high - low) else (low + high) / 2
        left, right = x(low), x(high)
        height = y.first - y(math.log10(count) if self.logarithmic else float(count))
        return Rectangle(
            x=left + 0.05 * (right - left) * (not sheet.is_grid),
            y=y.first - height,
            width=(right - left) * (1.0 if sheet.is_grid else 0.9),
            height=height,
            fill=sheet.theme.by_sign(middle),
            hatched=middle < 0,
            tip=f"{number_text(low)} to {number_text(high)}: {count}",
        )


def _above(bar: Rectangle, sheet: Sheet) -> float:
    """The middle of the line above a bar."""
    return math.floor(bar.y) - 0.5 if sheet.is_grid else bar.y - sheet.line / 2


def centred_bins(values: Sequence[float], width: float) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Count values in bins of a width, one of them centred on zero, so that no edge divides the values around zero.

    Args:
        values: Finite numbers.
        width: Of a bin, positive.

    Returns:
        The edges and the counts of a `Histogram`.

    Raises:
        InvalidArgument: There are no values, or some are not finite; or the width is not positive.
    """
    if not (len(values) and np.isfinite(values).all()):
        raise InvalidArgument(f"values must be some finite numbers: got {summary(values)}.")
    if not width > 0:
        raise InvalidArgument(f"width must be above 0: got {summary(width)}.")
    bins = np.rint(np.asarray(values) / width).astype(int)
    first, last = int(bins.min()), int(bins.max())
    edges = tuple((index - 0.5) * width for index in range(first, last + 2))
    return edges, tuple(np.bincount(bins - first).tolist())
