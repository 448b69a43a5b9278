"""Pictures side by side: originals, and maps of what is attributed to their pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pellucid.plot.charts.base import NOTE, SMALL, Body, Chart, paragraph
from pellucid.plot.charts.legends import colour_legend, from_to
from pellucid.plot.charts.map_views import COLOURED, Panel
from pellucid.plot.charts.maps_in_characters import maps_beside
from pellucid.plot.scale import Scale
from pellucid.plot.scene import Mark, Pixels, Text
from pellucid.plot.sheet import Sheet

LEAST, LEAST_OF_MANY, MANY, WIDEST_PANEL = 100.0, 88.0, 6, 320.0
"""How narrow pictures may be; how narrow those of more groups than this; and how wide a picture may be."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PictureGrid(Chart):
    """Groups of pictures, those of an example next to each other.

    Args:
        headlines: What stands above each group, [G].
        groups: The pictures of each, [G].
        scale: What the colours of all stand for; None where each has its own.
        legend: What there is to say of the colours.
    """

    headlines: tuple[str, ...]
    groups: tuple[tuple[Panel, ...], ...]
    scale: Scale | None = None
    legend: str = ""

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        listed = "; ".join(self.headlines[:3]) + ("; …" if len(self.headlines) > 3 else "")
        count = len(self.groups)
        scale = f", {from_to(self.scale)}" if self.scale is not None else ""
        return f"{self.title or 'Pictures'}: {count} example{'s' * (count != 1)}{scale}: {listed}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """The groups from left to right, row by row, and the legend."""
        if sheet.is_grid:
            return self._characters(sheet, top)
        least = LEAST_OF_MANY if len(self.groups) > MANY else LEAST
        left, room = sheet.gap, sheet.width - 2 * sheet.gap
        fits = max(1, math.floor((room + sheet.gap) / (least + sheet.gap)))
        members = max((len(group) for group in self.groups), default=1)
        columns = min(members, fits)
        beside = max(1, min(fits // columns, len(self.groups)))
        panel = min(WIDEST_PANEL, (room + sheet.gap) / (columns * beside) - sheet.gap)
        marks: list[Mark] = []
        for first in range(0, len(self.groups), beside):
            bottom = top
            lines = max(
                len(sheet.lines_of(text, columns * (panel + sheet.gap) - sheet.gap, bold=True))
                for text in self.headlines[first : first + beside]
            )
            for index in range(first, min(first + beside, len(self.groups))):
                x = left + (index - first) * columns * (panel + sheet.gap)
                group = self._group(index, sheet, (x, top), (columns, panel, lines))
                marks += group.marks
                bottom = max(bottom, group.bottom)
            top = bottom + sheet.gap
        if self.scale is not None and self._is_coloured:
            legend = colour_legend(self.scale, self.legend, sheet, top, (left, room))
        else:
            legend = paragraph(self.legend, sheet, top, NOTE)
        return Body((*marks, *legend.marks), legend.bottom)

    @property
    def _is_coloured(self) -> bool:
        return any(
            panel.view in COLOURED or panel.picture is None for group in self.groups for panel in group[1:] or group
        )

    def _group(self, index: int, sheet: Sheet, corner: tuple[float, float], layout: tuple[int, float, int]) -> Body:
        """A headline, and panels below it."""
        (left, top), (columns, width, lines) = corner, layout
        room = columns * (width + sheet.gap) - sheet.gap
        marks: list[Mark] = []
        for number, line in enumerate(sheet.lines_of(self.headlines[index], room, bold=True)):
            y = top + (number + 0.5) * sheet.line
            marks.append(Text(x=left, y=y, text=line, colour=sheet.theme.text, bold=True))
        top += lines * sheet.line
        panels = self.groups[index]
        for first in range(0, len(panels), columns):
            row = panels[first : first + columns]
            labels = [sheet.lines_of(panel.label, width, scale=SMALL) if panel.label else [] for panel in row]
            high = max(map(len, labels)) * sheet.line * SMALL + 2.0
            bottom = top
            for place, (panel, label) in enumerate(zip(row, labels, strict=True)):
                x = left + place * (width + sheet.gap)
                for number, line in enumerate(label):
                    y = top + (number + 0.5) * sheet.line * SMALL
                    marks.append(Text(x=x, y=y, text=line, colour=sheet.theme.text, scale=SMALL))
                drawn = self._panel(panel, sheet, (x, top + high), width)
                marks += drawn.marks
                bottom = max(bottom, drawn.bottom)
            top = bottom + sheet.gap
        return Body(tuple(marks), top)

    def _panel(self, panel: Panel, sheet: Sheet, corner: tuple[float, float], width: float) -> Body:
        left, top = corner
        rows, columns = panel.shape
        height = width * rows / columns
        if height > 2 * width:  # of a strip that stands upright
            width, height = 2 * width * columns / rows, 2 * width
        label = f"{panel.label}: {panel.view if panel.values is not None else 'picture'}"
        levels = panel.pixels(width, sheet.theme)
        picture = Pixels(x=left, y=top, width=width, height=height, levels=levels, label=label)
        if self.scale is not None or panel.scale is None or not self._is_coloured:
            return Body((picture,), top + height)
        legend = colour_legend(panel.scale, "", sheet, top + height + 4.0, (left, width))
        return Body((picture, *legend.marks), legend.bottom)

    def _characters(self, sheet: Sheet, top: float) -> Body:
        """Maps alone, each below the headline of its group, and what their characters stand for."""
        shown = [
            (f"{headline} ({panel.label})" if panel.label else headline, panel)
            for headline, group in zip(self.headlines, self.groups, strict=True)
            for panel in group
            if panel.values is not None
        ]
        if not shown:
            said = f"{'; '.join(self.headlines)}. Pictures are not drawn in terminals."
            return paragraph(said, sheet, top, NOTE)
        return maps_beside(shown, sheet, top, is_shared=self.scale is not None)
