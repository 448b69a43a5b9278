"""Pictures side by side: originals, and maps of what is attributed to their pixels."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from pellucid.core.summaries import Summarized
from pellucid.plot.arrays import Array
from pellucid.plot.charts.base import Body, Chart
from pellucid.plot.charts.legends import SMALL, cell_of, colour_legend, from_to, legend_of_cells, paragraph
from pellucid.plot.raster import blended, grey, hatched, opaque, outlined, photograph, resized, size_shown, smoothed
from pellucid.plot.scale import Scale
from pellucid.plot.scene import Mark, Pixels, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.theme import Theme

MapView: TypeAlias = Literal["overlay", "heat_map", "contour", "masked", "alpha", "original"]
"""How attributions are shown: colours over the picture in grey, colours alone, lines around the regions of the largest
ones, the picture as far as they light it, the picture as far as they let it be seen, or the picture without them."""

LEAST, LEAST_OF_MANY, MANY, WIDEST_PANEL = 100.0, 88.0, 6, 320.0
"""How narrow pictures may be; how narrow those of more groups than this; and how wide a picture may be."""

CONTOUR = 0.4
"""Lines surround what is above this share of the largest of a map."""

COLOURED: tuple[MapView, ...] = ("overlay", "heat_map")
"""The views whose colours stand for numbers."""

MOST_COLUMNS = 48
"""How wide a map in characters may be."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel(Summarized):
    """A picture, or a map, or one over the other.

    Args:
        label: What stands above it.
        picture: Levels uint8 (H, W, 3); None where there is none.
        values: Attributions (h, w); None for the picture alone.
        scale: What their colours stand for.
        view: How they are shown.
    """

    label: str
    picture: Array | None = None
    values: Array | None = None
    scale: Scale | None = None
    view: MapView = "overlay"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the picture, or else of the map."""
        array = self.values if self.picture is None else self.picture
        return (1, 1) if array is None else (array.shape[0], array.shape[1])

    def pixels(self, shown_width: float, theme: Theme) -> Array:
        """What is drawn, uint8 (rows, columns, 4).

        Args:
            shown_width: How wide it is on the page.
            theme: Where colours come from.
        """
        size = size_shown(*self.shape, shown_width)
        if self.values is None or self.scale is None or self.view == "original":
            return photograph(resized(_levels_of(self.picture, size), *size))
        values = resized(self.values, *size)
        shares = self.scale.shares(values)
        if self.picture is None or self.view == "heat_map":
            drawn = _heat_map(shares, self, shown_width, theme)
        else:
            drawn = _DRAWN[self.view](resized(self.picture, *size).astype(float), shares, self, shown_width, theme)
        drawn[~np.isfinite(values)] = 0
        return drawn


def _levels_of(picture: Array | None, size: tuple[int, int]) -> Array:
    return np.full((*size, 3), 128.0) if picture is None else picture


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
            legend = paragraph(self.legend, sheet, top, (left, room))
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
        marks: list[Mark] = []
        theme, colour = sheet.theme, sheet.theme.text
        maps = sum(panel.values is not None for group in self.groups for panel in group)
        beside = max(1, min(maps, int(sheet.width) // 38))
        width = min(MOST_COLUMNS, int(sheet.width) // beside - (2 if beside > 1 else 0))
        shown = [
            (f"{headline} ({panel.label})" if panel.label else headline, panel)
            for headline, group in zip(self.headlines, self.groups, strict=True)
            for panel in group
            if panel.values is not None and panel.scale is not None
        ]
        for first in range(0, len(shown), beside):
            row = shown[first : first + beside]
            heads = [sheet.lines_of(text, width) for text, _ in row]
            high, bottom = max(map(len, heads)), top
            for place, (lines, (_, panel)) in enumerate(zip(heads, row, strict=True)):
                left = place * (width + 2)
                body = top + high
                marks += [Text(x=left, y=top + row + 0.5, text=line, colour=colour) for row, line in enumerate(lines)]
                rows = map_in_characters(panel, width)
                for number, cells in enumerate(rows):
                    marks += _coloured_runs(cells, left, body + number + 0.5, theme)
                body += len(rows)
                own = sheet.lines_of(legend_of_cells(panel.scale), width) if self.scale is None and panel.scale else []
                marks += [Text(x=left, y=body + row + 0.5, text=line, colour=colour) for row, line in enumerate(own)]
                bottom = max(bottom, body + len(own))
            top = bottom + 1
        words = legend_of_cells(self.scale) if self.scale is not None else "Each map has its own scale."
        if shown:
            words = f"{words}. Means of areas; the largest has the fullest character."
        legend = paragraph(words, sheet, top, (0.0, sheet.width))
        return Body((*marks, *legend.marks), legend.bottom)


def _coloured_runs(cells: list[str], left: float, y: float, theme: Theme) -> list[Mark]:
    """A row of cells, those of a sign next to each other as one text."""
    marks: list[Mark] = []
    start = 0
    for sign, run in itertools.groupby(cells, key=lambda cell: cell[0]):
        text = "".join(run)
        if text.strip():
            colour = theme.by_sign({"+": 1.0, "-": -1.0}.get(sign, 0.0))
            marks.append(Text(x=left + start, y=y, text=text, colour=colour, tinted=True))
        start += len(text)
    return marks


def map_in_characters(panel: Panel, width: int) -> list[list[str]]:
    """A map as rows of cells of two characters, a sign and a shade.

    Args:
        panel: The map.
        width: How many characters there are in a line.
    """
    if panel.values is None or panel.scale is None:
        return []
    columns = panel.values.shape[1]
    across = min(width // 2, max(columns, 12))
    down = max(1, min(2 * across, round(across * panel.shape[0] / panel.shape[1])))
    shares = panel.scale.shares(panel.values)
    known = np.isfinite(shares)
    coarse = resized(np.where(known, shares, 0.0), down, across)
    largest = float(np.abs(coarse).max(initial=0.0))
    # Means of many pixels are smaller than these; the largest of them gets the fullest character.
    coarse = coarse * (float(np.abs(np.where(known, shares, 0.0)).max(initial=0.0)) / largest if largest else 1.0)
    blank = resized(known.astype(float), down, across) < 0.5
    return [list(map(cell_of, row)) for row in np.where(blank, np.nan, coarse)]


# ---------------------------------------------------------------------------------------------------- how it is shown


def _overlay(picture: Array, shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    sizes = np.abs(np.nan_to_num(shares))
    colours = _colours(shares, panel, theme)
    # What is next to nothing lets the picture be seen, in the greys of the theme's middle.
    levels = blended(40 + 0.7 * grey(picture), colours, np.minimum(0.9, 1.5 * sizes))
    return opaque(hatched(levels, _against(shares, panel), shown_width))


def _heat_map(shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    levels = _colours(shares, panel, theme)
    return opaque(hatched(levels, _against(shares, panel), shown_width))


def _contour(picture: Array, shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    smooth = smoothed(shares, round(shares.shape[1] / 60))
    level = CONTOUR * float(np.abs(np.nan_to_num(smooth)).max(initial=0.0))
    levels = picture
    if level > 0:
        for sign, colour in ((1, theme.positive), (-1, theme.negative)):
            is_against = sign < 0 or (panel.scale is not None and panel.scale.sign == "negative")
            shade = theme.negative if is_against else colour
            ink = np.array([int(shade[start : start + 2], 16) for start in (1, 3, 5)], float)
            levels = outlined(levels, np.nan_to_num(sign * smooth) > level, ink, shown_width, dashed=is_against)
    return photograph(levels)


def _masked(picture: Array, shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    levels = picture * np.abs(np.nan_to_num(shares))[:, :, None]
    return opaque(hatched(levels, _against(shares, panel), shown_width))


def _alpha(picture: Array, shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    pixels = opaque(hatched(picture, _against(shares, panel), shown_width))
    pixels[:, :, 3] = np.rint(np.abs(np.nan_to_num(shares)) * 255)
    return pixels


def _colours(shares: Array, panel: Panel, theme: Theme) -> Array:
    scale = panel.scale or Scale(largest=1.0)
    return scale.levels(shares, theme).astype(float)


def _against(shares: Array, panel: Panel) -> Array:
    scale = panel.scale or Scale(largest=1.0)
    return scale.is_against(shares)


_DRAWN = {
    "overlay": _overlay,
    "contour": _contour,
    "masked": _masked,
    "alpha": _alpha,
}
