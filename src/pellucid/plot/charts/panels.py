"""Several charts side by side, with one title and shared axes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pellucid.errors import InvalidArgument
from pellucid.plot.charts.base import Body, Chart, Limits, Range, paragraph
from pellucid.plot.charts.rows import unit_below
from pellucid.plot.scene import Mark, moved
from pellucid.plot.sheet import Sheet

PANEL_TITLE = 1.05
NARROWEST_PANEL, NARROWEST_OF_CHARACTERS = 250.0, 36.0
"""How narrow a panel may be, in pixels and in characters, before there are fewer in a row."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Panels(Chart):
    """Charts in a grid, row by row; where the sheet is narrow, with fewer in a row.

    Args:
        charts: The charts, one or more.
        columns: How many there are in a row at most.
        shared: Whether their axes show the same numbers.
        x_label: What all of them have to the right.
        y_label: What all of them have upwards.
    """

    charts: tuple[Chart, ...]
    columns: int = 2
    shared: bool = True
    x_label: str = ""
    y_label: str = ""

    def __post_init__(self) -> None:
        if not self.charts:
            raise InvalidArgument("charts must be one or more: got none.")
        if self.columns < 1:
            raise InvalidArgument(f"columns must be 1 or more: got {self.columns}.")

    @property
    def description(self) -> str:
        """The charts in a sentence each."""
        return " ".join([f"{self.title}." if self.title else "", *(chart.description for chart in self.charts)]).strip()

    def body(self, sheet: Sheet, top: float) -> Body:
        """The panels, each as wide as the others."""
        narrowest = NARROWEST_OF_CHARACTERS if sheet.is_grid else NARROWEST_PANEL
        columns = max(1, min(self.columns, len(self.charts), math.floor(sheet.width / narrowest)))
        labels, top = paragraph(self.y_label, sheet, top)
        top += sheet.gap * bool(labels)
        marks: list[Mark] = [*labels]
        width = math.floor(sheet.width / columns) if sheet.is_grid else sheet.width / columns
        panel = replace(sheet, width=width - sheet.gap * sheet.is_grid)
        charts = shared(self.charts) if self.shared else self.charts
        gap = sheet.gap * (1 if sheet.is_grid else 2)
        for start in range(0, len(charts), columns):
            row = charts[start : start + columns]
            titles = [paragraph(chart.title, panel, 0.0, PANEL_TITLE) for chart in row]
            below = max(bottom for _, bottom in titles)
            bodies = [chart.body(panel, below) for chart in row]
            for column, (title, body) in enumerate(zip(titles, bodies, strict=True)):
                marks += [moved(mark, column * width, top) for mark in (*title[0], *body.marks)]
            top += max(body.bottom for body in bodies) + gap
        unit, bottom = unit_below(self.x_label, sheet.width / 2, sheet, top - gap)
        return Body((*marks, *unit), bottom)


def shared(charts: tuple[Chart, ...]) -> tuple[Chart, ...]:
    """Charts whose axes show the same numbers: what all of them need.

    Args:
        charts: The charts.
    """
    reaches = [chart.reach for chart in charts]
    limits = Limits(
        _union([reach.x for reach in reaches if reach.x]), _union([reach.y for reach in reaches if reach.y])
    )
    return tuple(replace(chart, limits=limits) for chart in charts)


def _union(ranges: list[Range]) -> Range | None:
    """From the least to the largest number of all."""
    if not ranges:
        return None
    return min(low for low, _ in ranges), max(high for _, high in ranges)
