"""Maps as terminals show them: a sign and a shade for each place, which can be read without colours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from pellucid.plot.arrays import Array
from pellucid.plot.charts.base import NOTE, Body, paragraph
from pellucid.plot.charts.characters import cell_of, legend_of_cells
from pellucid.plot.charts.map_views import Panel
from pellucid.plot.normalization import Sign
from pellucid.plot.raster import resized
from pellucid.plot.scale import Scale
from pellucid.plot.scene import Mark, Place, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.theme import Theme

MOST_COLUMNS = 48
"""How wide a map in characters may be."""


def maps_beside(panels: Sequence[tuple[str, Panel]], sheet: Sheet, top: float, *, is_shared: bool) -> Body:
    """Maps from left to right and row by row, each with a headline, and what their characters stand for.

    Args:
        panels: Headlines, and what is drawn below them.
        sheet: What they are laid out on.
        top: Where they begin.
        is_shared: Whether one scale is that of all, or else each has its own below it.
    """
    beside = max(1, min(len(panels), int(sheet.width) // 38))
    width = min(MOST_COLUMNS, int(sheet.width) // beside - 2 * (beside > 1))
    maps = [coarse_map(panel, width) for _, panel in panels]
    sign: Sign = next((panel.scale.sign for _, panel in panels if panel.scale is not None), "all")
    whole = Scale.over(maps, sign, 0.0)
    marks: list[Mark] = []
    for first in range(0, len(panels), beside):
        row = range(first, min(first + beside, len(panels)))
        heads = [sheet.lines_of(panels[index][0], width) for index in row]
        body = top + max(map(len, heads))
        bottom = body
        for place, (index, head) in enumerate(zip(row, heads, strict=True)):
            left = place * (width + 2.0)
            scale = whole if is_shared else Scale.over([maps[index]], sign, 0.0)
            below = [] if is_shared else sheet.lines_of(legend_of_cells(scale), width)
            marks += _lines(head, left, top, sheet)
            marks += _map(maps[index], scale, (left, body), sheet.theme)
            marks += _lines(below, left, body + len(maps[index]), sheet)
            bottom = max(bottom, body + len(maps[index]) + len(below))
        top = bottom + 1
    words = f"{legend_of_cells(whole)}, means of areas." if is_shared else "Means of areas; each map has its own scale."
    legend = paragraph(words, sheet, top, NOTE)
    return Body((*marks, *legend.marks), legend.bottom)


def _lines(lines: Sequence[str], left: float, top: float, sheet: Sheet) -> list[Text]:
    return [Text(x=left, y=top + row + 0.5, text=line, colour=sheet.theme.text) for row, line in enumerate(lines)]


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


def _map(values: Array, scale: Scale, corner: Place, theme: Theme) -> list[Mark]:
    """A map, a cell for each value."""
    left, top = corner
    shares = np.sign(values) * np.abs(scale.shares(values))
    marks: list[Mark] = []
    for row, line in enumerate(shares):
        marks += _coloured_runs(list(map(cell_of, line)), left, top + row + 0.5, theme)
    return marks


def coarse_map(panel: Panel, width: int) -> Array:
    """A map as means of areas, (rows, columns); NaN where half of an area or more is unknown.

    Args:
        panel: The map.
        width: How many characters there are in a line; two for each value.
    """
    values = np.zeros((1, 1)) if panel.values is None else panel.values
    across = min(width // 2, max(values.shape[1], 12))
    down = max(1, min(2 * across, round(across * panel.shape[0] / panel.shape[1])))
    if panel.scale is not None and panel.scale.sign == "absolute_value":
        values = np.abs(values)
    known = np.isfinite(values)
    means = resized(np.where(known, values, 0.0), down, across)
    return np.where(resized(known.astype(float), down, across) < 0.5, np.nan, means)
